"""Addresses of what people do in a topic; the pages are Wagtail's."""

from django.urls import path

from courses import check_views, past_views, request_views, views

app_name = "courses"

urlpatterns = [
    path("read/<key:enrolment_pk>/<key:topic_pk>/", views.read, name="read"),
    path("practise/<key:topic_pk>/<uuid:key>/", views.practise, name="practise"),
    path(
        "check/<key:enrolment_pk>/<key:topic_pk>/start/",
        check_views.start_check,
        name="start_check",
    ),
    path("check/<key:attempt_pk>/", check_views.check, name="check"),
    path(
        "check/<key:attempt_pk>/submit/",
        check_views.submit_check,
        name="submit_check",
    ),
    path(
        "as-it-was/<key:enrolment_pk>/<key:topic_pk>/",
        past_views.topic_as_it_was,
        name="topic_as_it_was",
    ),
    path("ask/<key:programme_pk>/", request_views.ask, name="ask"),
    path("ask/<key:pk>/withdraw/", request_views.withdraw, name="withdraw"),
    path("steps/<key:enrolment_pk>/<key:topic_pk>/", views.steps, name="steps"),
    path("place/<key:topic_pk>/", views.place, name="place"),
]
