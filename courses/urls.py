"""Addresses of what people do in a topic; the pages are Wagtail's."""

from django.urls import path

from courses import views

app_name = "courses"

urlpatterns = [
    path("read/<key:enrolment_pk>/<key:topic_pk>/", views.read, name="read"),
    path("practise/<key:topic_pk>/<uuid:key>/", views.practise, name="practise"),
]
