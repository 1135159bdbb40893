"""Addresses that anybody may ask, without a sign-in."""

from django.urls import path

from certificates import public_views

urlpatterns = [
    path("c/", public_views.verify_form, name="verify_form"),
    path("c/by-hash/<str:sha256>", public_views.by_hash, name="by_hash"),
    path("c/statement/<str:serial>", public_views.statement, name="statement"),
    path("c/<str:serial>", public_views.verify, name="verify"),
    path("c/<str:serial>/name", public_views.compare_name, name="compare_name"),
    path("c/<str:serial>/credential.json", public_views.credential, name="credential"),
    path("c/<str:serial>/badge.png", public_views.badge, name="badge"),
    path(".well-known/did.json", public_views.did_document, name="did_document"),
    path(".well-known/seal.pem", public_views.seal_roots, name="seal_roots"),
    path("status/<str:number>", public_views.status_list, name="status_list"),
]
