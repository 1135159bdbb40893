"""How allauth behaves here."""

from __future__ import annotations

import uuid
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest

from lms.mail.outbox import queue_text, write
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
