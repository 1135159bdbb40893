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
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from lms.audit.log import record
from lms.errors import Refused
from lms.mail.outbox import queue
from lms.people import accounts, sign_ins
from lms.people.access import Access
from lms.people.models import User
from lms.walls import unscoped

FACTORS = (Authenticator.Type.WEBAUTHN, Authenticator.Type.TOTP)


def is_asked_of(access: Access) -> bool:
    """Trainers, managers and the channel team: for any of their memberships."""
    return settings.MFA_REQUIRED and (
        access.is_staff
        or access.is_trainer
        or access.user.is_superuser
        or access.manages_somewhere
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


# --- Lost, and no code left -----------------------------------------------------------


def words_of(user: User) -> list[str]:
    """Which kinds the person has, in words."""
    words = {
        Authenticator.Type.WEBAUTHN: _("passkeys and security keys"),
        Authenticator.Type.TOTP: _("the authenticator app"),
        Authenticator.Type.RECOVERY_CODES: _("recovery codes"),
    }
    kept = set(Authenticator.objects.filter(user=user).values_list("type", flat=True))
    return [text for kind, text in words.items() if kind in kept]


def why_not_removed(user: User, *, by: User) -> str:
    """Why staff cannot take all of a person's second factors away; else nothing."""
    if user == by:
        return _("Nobody removes their own here. Ask a colleague.")
    if user.is_superuser and not by.is_superuser:
        return _("Only another superuser removes those of a superuser.")
    if not user.is_active:
        return _("This person cannot sign in: turn “active” on first.")
    if not Authenticator.objects.filter(user=user).exists():
        return _("This person has no second factor.")
    return ""


@transaction.atomic
def remove_all(user: User, *, by: User) -> None:
    """Take passkeys, app and recovery codes from who has lost them, and sign them out.

    They are told; who has no password gets a link to choose one. Raises Refused.
    """
    everyone = unscoped(User.objects, "locks the person whom staff were shown")
    user = everyone.select_for_update().get(pk=user.pk)
    if why := why_not_removed(user, by=by):
        raise Refused(why)
    own = Authenticator.objects.filter(user=user)
    kinds = sorted(set(own.values_list("type", flat=True)))
    own.delete()
    sign_ins.end_all(user, by=by)
    event = record(by, "removed all second factors", user, kinds=kinds)
    link = "" if user.has_usable_password() else accounts.welcome_link(user)
    queue(
        f"factors-removed:{event.pk}",
        user,
        "people/email/factors_removed.txt",
        {
            "link": link,
            "days": accounts.LINK_LIFE.days,
            "asked": is_asked_of(Access(user)),
        },
        is_secret=bool(link),
    )
