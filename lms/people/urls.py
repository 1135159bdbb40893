"""Joining, settings, switching."""

from django.urls import path

from lms.people import (
    company_views,
    invitation_views,
    invite_views,
    notice_views,
    settings_views,
    sign_in_views,
    views,
)

app_name = "people"

urlpatterns = [
    path("join/sent/", views.sent, name="sent"),
    path("join/<str:token>/", views.accept, name="accept"),
    path("join/<str:token>/passkey/", views.accept_passkey, name="accept_passkey"),
    path("join/<str:token>/again/", views.send_again, name="send_again"),
    path("welcome/<str:token>/passkey/", views.welcome_passkey, name="welcome_passkey"),
    path("welcome/<str:token>/", views.welcome, name="welcome"),
    path("settings/letters/", views.letters, name="letters"),
    path("settings/name/", views.confirm_name, name="confirm_name"),
    path("settings/own-address/", settings_views.own_address, name="own_address"),
    path("settings/name/correct/", settings_views.correct_name, name="correct_name"),
    path(
        "settings/sign-in/second-factor/",
        sign_in_views.second_factor,
        name="second_factor",
    ),
    path("accounts/oidc/<slug:slug>/login/", company_views.go, name="company_go"),
    path(
        "accounts/oidc/<slug:slug>/callback/",
        company_views.come_back,
        name="company_callback",
    ),
    path(
        "settings/company-sign-in/",
        company_views.company_sign_in,
        name="company_sign_in",
    ),
    path("settings/sign-ins/", sign_in_views.sign_ins, name="sign_ins"),
    path("settings/sign-ins/end/", sign_in_views.end_sign_in, name="end_sign_in"),
    path("settings/notices/", notice_views.notices, name="notices"),
    path("notices/off/<str:token>/", notice_views.notice_off, name="notice_off"),
    path("settings/", views.settings, name="settings"),
    path("team/invite/", invite_views.invite, name="invite"),
    path("team/invite/<key:pk>/", invite_views.invite_list, name="invite_list"),
    path("team/invitations/", invitation_views.invitations, name="invitations"),
    path("team/invitations/<key:pk>/", invitation_views.invitation, name="invitation"),
    path("switch/", views.switch, name="switch"),
]
