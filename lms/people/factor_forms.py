"""Passkeys and second factors, as people set them up."""

from __future__ import annotations

from allauth.mfa.webauthn.forms import AddWebAuthnForm
from django import forms
from django.utils.translation import gettext_lazy as _


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
