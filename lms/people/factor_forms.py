"""Passkeys and second factors, as people set them up."""

from __future__ import annotations

from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from allauth.mfa.webauthn.internal import auth
from django import forms
from django.utils.translation import gettext_lazy as _

from lms.people import passkeys


class AddPasskeyForm(AddWebAuthnForm):
    """A passkey, which is what most want; a security key without a PIN can be one too.

    Its name is asked for before the browser asks for the finger.
    """

    name = forms.CharField(
        label=_("A name for it"),
        max_length=100,
        required=False,
        help_text=_("So that you know later which one it is, such as My phone."),
    )
    passwordless = forms.BooleanField(
        label=_("Let me sign in with it alone, without my password"),
        initial=True,
        required=False,
    )

    def clean(self) -> dict[str, Any]:
        with passkeys.only_browsers_answers():
            return dict(super().clean())


class WithPasskey(AuthenticateWebAuthnForm):
    """A passkey at the door, after a password."""

    def clean_credential(self) -> Authenticator:
        with passkeys.only_browsers_answers():
            return super().clean_credential()


class OnceMoreWithPasskey(WithPasskey, ReauthenticateWebAuthnForm):
    """A passkey before something is changed."""


class PasskeyAlone(LoginWebAuthnForm):
    """A passkey at the door, and nothing else: it says itself whose it is."""

    def clean_credential(self) -> Authenticator:
        credential = self.cleaned_data["credential"]
        with passkeys.only_browsers_answers():
            auth.parse_authentication_response(credential)
            user = passkeys.whose(credential) or auth.extract_user_from_response(
                credential
            )
            kept = auth.complete_authentication(user, credential)
        if not kept.user.is_active:
            raise get_adapter().validation_error("incorrect_code")
        return kept
