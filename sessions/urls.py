"""Addresses of calls, and of the trainer's screens."""

from django.urls import path

from sessions import trainer_views, views

app_name = "sessions"
urlpatterns = [
    path("calls/", views.agenda, name="agenda"),
    path("calls/book/<int:enrolment_pk>/", views.book, name="book"),
    path("calls/<str:ref>/", views.booking, name="booking"),
    path("calls/<str:ref>/join/", views.join, name="join"),
    path("calls/<str:ref>/cancel/", views.cancel, name="cancel"),
    path("calls/<str:ref>/call.ics", views.calendar_file, name="calendar_file"),
    path("calls/<str:ref>/sign-off/", trainer_views.sign_off, name="sign_off"),
    path("calls/<str:ref>/sign-off/undo/", trainer_views.undo, name="undo"),
    path("trainer/", trainer_views.today, name="today"),
    path("trainer/ready/", trainer_views.ready, name="ready"),
    path("trainer/ready/<int:enrolment_pk>/", trainer_views.schedule, name="schedule"),
]
