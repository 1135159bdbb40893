"""A passkey in place of a password, made while somebody accepts an invitation.

The browser keeps a passkey under a handle, which it shows at each sign-in to say whose
it is. Somebody who accepts has no login yet, so theirs is the invitation's: what is
given up half-way leaves nothing behind here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal import auth
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from fido2.utils import websafe_decode

from lms.people.models import Invitation, User

_OF_INVITATION = "invitation-"
# What allauth and fido2 raise for an answer that no browser gives.
_NO_ANSWER = (TypeError, ValueError, KeyError, IndexError, AttributeError)


def newcomer(invitation: Invitation) -> User:
    """Somebody who accepts, before there is a login: never saved."""
    person = User(email=invitation.email, full_name=invitation.full_name)
    person.passkey_handle = f"{_OF_INVITATION}{invitation.pk}"
    return person


def begin(person: User) -> dict[str, Any]:
    """What the browser is told to make a passkey, good for the next answer alone."""
    options: dict[str, Any] = auth.begin_registration(person, True)
    return options


@contextmanager
def only_browsers_answers() -> Iterator[None]:
    """Make a ValidationError of what allauth and fido2 raise for anything else."""
    try:
        yield
    except _NO_ANSWER:
        raise get_adapter().validation_error("incorrect_code") from None


def require_genuine(credential: Any) -> None:
    """Raise ValidationError unless the browser's answer is to what we asked it."""
    try:
        with only_browsers_answers():
            auth.parse_registration_response(credential)
            is_by_its_owner = auth.complete_registration(credential).is_user_verified()
    except ValidationError:
        is_by_its_owner = False
    if not is_by_its_owner:
        raise ValidationError(
            _("That passkey did not work. Try once more, or choose a password.")
        )


def keep(user: User, credential: Any) -> Authenticator:
    """Let the person sign in with it."""
    kept: Authenticator = auth.WebAuthn.add(user, _("Passkey"), credential).instance
    return kept


def has_one(user: User) -> bool:
    """Whether the person has a passkey or a security key."""
    kind = Authenticator.Type.WEBAUTHN
    return bool(Authenticator.objects.filter(user=user, type=kind).exists())


def newest_of(user: User) -> Authenticator:
    """The passkey that the person has just made."""
    kind = Authenticator.Type.WEBAUTHN
    newest: Authenticator = Authenticator.objects.filter(user=user, type=kind).latest(
        "pk"
    )
    return newest


def whose(credential: Any) -> User | None:
    """Whom the browser says the passkey is of, where the handle is an invitation's.

    It only says which keys to try: the answer has still to be signed by one.
    """
    handle = websafe_decode(credential["response"]["userHandle"]).decode()
    if not handle.startswith(_OF_INVITATION):
        return None
    number = handle.removeprefix(_OF_INVITATION)
    if not number.isdecimal() or len(number) > 18:
        return None
    invitation = (
        Invitation.objects.filter(pk=int(number)).select_related("accepted_by").first()
    )
    return invitation.accepted_by if invitation else None
