"""Joining, settings, switching."""

from django.urls import path

from lms.people import notice_views, settings_views, sign_in_views, views

app_name = "people"

urlpatterns = [
    path("join/sent/", views.sent, name="sent"),
    path("join/<str:token>/", views.accept, name="accept"),
    path("join/<str:token>/again/", views.send_again, name="send_again"),
    path("welcome/<str:token>/", views.welcome, name="welcome"),
    path("settings/letters/", views.letters, name="letters"),
    path("settings/name/", views.confirm_name, name="confirm_name"),
    path("settings/name/correct/", settings_views.correct_name, name="correct_name"),
    path(
        "settings/sign-in/second-factor/",
        sign_in_views.second_factor,
        name="second_factor",
    ),
    path("settings/notices/", notice_views.notices, name="notices"),
    path("notices/off/<str:token>/", notice_views.notice_off, name="notice_off"),
    path("settings/", views.settings, name="settings"),
    path("switch/", views.switch, name="switch"),
]
