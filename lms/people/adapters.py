"""How allauth behaves here."""

from __future__ import annotations

import uuid
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest
from django.template import Context, Engine
from django.utils.translation import override

from lms.mail.outbox import queue_text
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
        person = person_at(email)
        words = Context(
            {
                "email": email,
                "zone": person.time_zone if person else settings.HOME_TIME_ZONE,
                "public_url": settings.PUBLIC_URL,
                **context,
            },
            autoescape=False,
        )
        engine = Engine.get_default()
        with override(person.language if person else settings.LANGUAGE_CODE):
            subject, body = (
                engine.get_template(f"{template_prefix}_{part}.txt").render(words)
                for part in ("subject", "message")
            )
        key = f"account:{uuid.uuid4()}"
        queue_text(key, email, subject, body, is_secret=True)
