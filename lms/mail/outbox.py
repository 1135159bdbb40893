"""Mail leaves through here: written with its cause, sent by the worker, once."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from email.mime.text import MIMEText
from smtplib import SMTPException
from typing import TYPE_CHECKING, Any, TypedDict

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string
from django.utils.timezone import now
from django.utils.translation import override

from lms.mail.models import Message

if TYPE_CHECKING:
    from lms.people.models import User

logger = logging.getLogger(__name__)


class File(TypedDict):
    """A text file to attach; `method` is the calendar's METHOD, or empty."""

    name: str
    type: str
    text: str
    method: str


def queue(
    key: str,
    to: User | str,
    template: str,
    context: Mapping[str, Any],
    *,
    files: Iterable[File] = (),
    send_after: datetime | None = None,
) -> Message:
    """Write a mail in the caller's transaction; asking again writes nothing.

    `key` says for what, so that each is sent once. `template` is a text template
    whose first line is the subject; it gets `person`, `zone` and `public_url`
    besides `context`. `send_after` is in UTC, None means at once.
    """
    person = None if isinstance(to, str) else to
    address = to if isinstance(to, str) else to.email
    words = {
        "person": person,
        "zone": person.time_zone if person else settings.HOME_TIME_ZONE,
        "public_url": settings.PUBLIC_URL,
        **context,
    }
    with override(person.language if person else settings.LANGUAGE_CODE):
        subject, _, body = render_to_string(template, words).strip().partition("\n")
    message, is_new = Message.objects.get_or_create(
        key=key,
        defaults={
            "recipient": person,
            "to": address,
            "subject": " ".join(subject.split())[:200],
            "body": body.strip() + "\n",
            "attachments": list(files),
            "send_after": send_after or now(),
        },
    )
    if is_new:
        from lms.mail.tasks import deliver  # noqa: PLC0415  # the task calls back

        enqueue = deliver.using(run_after=send_after).enqueue
        transaction.on_commit(lambda: enqueue(message.pk) and None)
    return message


def send(pk: int) -> bool:
    """Send one message unless it was sent; tell whether it left just now.

    A failure is kept on the row and tried again by the clock, ever more slowly.
    """
    with transaction.atomic():
        message = Message.objects.select_for_update().due(now()).filter(pk=pk).first()
        if message is None:
            return False
        try:
            _as_email(message).send()
        except (SMTPException, OSError) as error:
            _put_off(message, type(error).__name__)
            return False
        message.sent_at = now()
        message.save(update_fields=["sent_at"])
    return True


def enqueue_due() -> None:
    """Ask the worker again for whatever should have left by now."""
    from lms.mail.tasks import deliver  # noqa: PLC0415  # the task calls back

    late = now() - timedelta(minutes=1)
    for pk in Message.objects.due(late).values_list("pk", flat=True)[:500]:
        deliver.enqueue(pk)


def drop(prefix: str) -> int:
    """Take back what is not sent yet and whose key begins so; return how many."""
    waiting = Message.objects.filter(key__startswith=prefix, sent_at=None)
    return waiting.update(dropped_at=now())


def _put_off(message: Message, error: str) -> None:
    message.tries += 1  # the row is locked
    message.error = error
    message.send_after = now() + timedelta(minutes=min(2**message.tries, 60))
    message.save(update_fields=["tries", "error", "send_after"])
    logger.warning("Message %s was not sent: %s", message.pk, error)


def _as_email(message: Message) -> EmailMessage:
    """The mail, its Message-ID made of the key so that a repeat is recognised."""
    email = EmailMessage(
        message.subject,
        message.body,
        to=[message.to],
        headers={
            "Message-ID": f"<message-{message.pk}@{settings.UID_HOST}>",
            "Auto-Submitted": "auto-generated",
        },
    )
    for file in message.attachments:
        part = MIMEText(file["text"], file["type"].partition("/")[2], "utf-8")
        if method := file.get("method"):
            part.set_param("method", method)
        part.add_header("Content-Disposition", "attachment", filename=file["name"])
        email.attach(part)
    return email
