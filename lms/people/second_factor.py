"""Who must have a second factor, and which sign-ins have shown one.

A sign-in shows it by a passkey, a security key or an authenticator app. Of a role is
asked what the sign-in has shown, not what the person owns: nothing to look up, and a
session that began before the role did shows nothing.
"""

from __future__ import annotations

from allauth.account.authentication import get_authentication_records
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.utils.translation import gettext as _

from lms.people.access import Access
from lms.people.models import User

FACTORS = (Authenticator.Type.WEBAUTHN, Authenticator.Type.TOTP)


def is_asked_of(access: Access) -> bool:
    """Trainers, managers and the channel team: for any of their memberships."""
    return settings.MFA_REQUIRED and (
        access.is_staff
        or access.is_trainer
        or access.user.is_superuser
        or any(member.is_manager for member in access.memberships)
    )


def was_shown(request: HttpRequest, user: User | AnonymousUser) -> bool:
    """Whether this sign-in has shown more than a password; no query."""
    if not user.is_authenticated:
        return False
    return any(
        record.get("method") == "mfa"
        for record in get_authentication_records(request, user)
    )


def is_missing(request: HttpRequest, access: Access | None) -> bool:
    """Whether the role of whoever is signed in stays shut until they show one."""
    if not access or was_shown(request, access.user):
        return False
    return is_asked_of(access)


def why_kept(authenticator: Authenticator) -> str:
    """Why somebody cannot take this factor away now, in words; else nothing."""
    user = authenticator.user
    others = Authenticator.objects.filter(user=user, type__in=FACTORS).exclude(
        pk=authenticator.pk
    )
    if not others.exists() and is_asked_of(Access(user)):
        return _(
            "Your role asks for a second factor, and this is your only one. "
            "Add another first; then this one can go."
        )
    passkeys = others.filter(type=Authenticator.Type.WEBAUTHN)
    is_only_way_in = (
        authenticator.type == Authenticator.Type.WEBAUTHN
        and not user.has_usable_password()
        and not any(each.wrap().is_passwordless for each in passkeys)
    )
    if is_only_way_in:
        return _(
            "You have no password, so this is your only way in. "
            "Choose a password or add another passkey first; then this one can go."
        )
    return ""
