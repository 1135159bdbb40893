"""How allauth behaves here."""

from __future__ import annotations

import time
import uuid
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.app_settings import REAUTHENTICATION_TIMEOUT
from allauth.account.authentication import get_authentication_records
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from lms import limits
from lms.mail.outbox import queue_text, write
from lms.people import at_rest, second_factor
from lms.people.models import User
from lms.people.names import person_at


class AccountAdapter(DefaultAccountAdapter):
    """People come by invitation; mail goes by the outbox."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Nobody signs up by themselves."""
        return False

    def send_mail(
        self, template_prefix: str, email: str, context: dict[str, Any]
    ) -> None:
        """Write allauth's mail, such as a new password's link, into the outbox."""
        words = {"email": email, **context}
        person = person_at(email)
        subject, body = (
            write(f"{template_prefix}_{part}.txt", words, person)
            for part in ("subject", "message")
        )
        key = f"account:{uuid.uuid4()}"
        queue_text(key, email, subject, body, is_secret=True)

    def _get_login_attempts_cache_key(
        self, request: HttpRequest, **credentials: Any
    ) -> str:
        """Count an account's failures for each address apart.

        Whoever guesses closes the door to themselves, never to whom it belongs to.
        """
        key = super()._get_login_attempts_cache_key(request, **credentials)
        return f"{key}:{limits.who_asks(request)}"

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Refuse what was tried too often; where nothing can be counted, it fails."""
        super().pre_authenticate(request, **credentials)
        if not limits.may_guess(request, limits.PASSWORDS, _account(credentials)):
            raise self.validation_error("too_many_login_attempts")

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        limits.count_miss(request, limits.PASSWORDS, _account(credentials))

    def is_reauthentication_required(self, *, app: str, **more: Any) -> bool:
        """Before what matters is changed; a sign-in of five minutes ago will do."""
        request = context.request
        records = get_authentication_records(request, request.user)
        fresh = records and time.time() - records[-1]["at"] < REAUTHENTICATION_TIMEOUT
        return not fresh and bool(super().is_reauthentication_required(app=app))


def _account(credentials: dict[str, Any]) -> str:
    return str(credentials.get("email", "")).lower()


class MfaAdapter(DefaultMFAAdapter):
    """Second factors as our rules want them."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "cannot_delete_authenticator": _(
            "Your role asks for a second factor, and this is your only one. "
            "Add another first; then this one can go."
        ),
        "incorrect_code": _("That did not match. Please try once more."),
    }

    def encrypt(self, text: str) -> str:
        return at_rest.encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        return at_rest.decrypt(encrypted_text)

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        """Refuse the last one of somebody whose role asks for one."""
        return not second_factor.why_kept(authenticator)

    def generate_authenticator_name(
        self,
        user: User,
        type: str,  # noqa: A002  # allauth's name for it
    ) -> str:
        """A name for who gives none: what it is, and which."""
        number = Authenticator.objects.filter(user=user, type=type).count() + 1
        return str(_("Passkey") if number == 1 else _("Passkey %d") % number)

    def get_public_key_credential_user_entity(self, user: User) -> dict[str, Any]:
        """Say whose a passkey is to be: in words that a browser shows."""
        if not user.passkey_handle:
            entity: dict[str, Any] = super().get_public_key_credential_user_entity(user)
            return entity
        return {
            "id": user.passkey_handle.encode(),
            "display_name": user.full_name or user.email,
            "name": user.email,
        }
