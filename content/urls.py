"""Addresses of the handbook's actions; its pages are Wagtail's."""

from django.urls import path

from content import views

app_name = "content"

urlpatterns = [
    path("acknowledge/<key:page_pk>/", views.acknowledge, name="acknowledge"),
    path("acknowledged/<key:pk>/", views.acknowledged, name="acknowledged"),
    # Before Wagtail's own, at its very address.
    path("documents/<key:document_pk>/<str:name>", views.document, name="document"),
]
