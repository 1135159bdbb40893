"""What is kept of people, and their rights over it."""

from django.urls import path

from lms.privacy import views

app_name = "privacy"

urlpatterns = [
    path("privacy/", views.privacy, name="privacy"),
    path("settings/data/", views.own, name="own"),
    path("settings/data/download/", views.download, name="download"),
    path("settings/data/erase/", views.ask, name="ask"),
    path("standing/erasures/", views.erasures, name="erasures"),
    path("standing/erasures/<key:pk>/", views.answer, name="answer"),
]
