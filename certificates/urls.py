"""Addresses below `/certificates/`; the public ones lie at `/c/`."""

from django.urls import path

from certificates import views

app_name = "certificates"
urlpatterns = [
    path("", views.certificates, name="certificates"),
    path("team/", views.team, name="team"),
    path("pack/", views.pack_view, name="pack"),
    path("<slug:serial>/", views.certificate, name="certificate"),
    path("<slug:serial>/pdf/", views.pdf, name="pdf"),
]
