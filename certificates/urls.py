"""Addresses below `/certificates/`; the public ones lie at `/c/`."""

from django.urls import path

from certificates import team_views, views

app_name = "certificates"
urlpatterns = [
    path("", views.certificates, name="certificates"),
    path("team/", team_views.team, name="team"),
    path("pack/", team_views.pack_view, name="pack"),
    path("<slug:serial>/", views.certificate, name="certificate"),
    path("<slug:serial>/pdf/", views.pdf, name="pdf"),
]
