"""Mail leaves through here: written with its cause, sent by the worker, once."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.mime.text import MIMEText
from smtplib import SMTPDataError, SMTPException, SMTPRecipientsRefused
from typing import TYPE_CHECKING, Any, NamedTuple, NotRequired, TypedDict

from django.conf import settings
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.template import Context, Engine
from django.utils.timezone import now
from django.utils.translation import override

from lms.mail import notices
from lms.mail.kinds import ACCOUNT, BY_KEY, Kind, kind_of
from lms.mail.models import Message

if TYPE_CHECKING:
    from lms.people.models import User

logger = logging.getLogger(__name__)
LEASE = timedelta(minutes=5)  # longer than a mail server lets us wait
AT_ONCE = 200
REQUEST_HEADER = "X-Request-ID"  # what caused it, as the logs name it
_BLANK_LINES = re.compile(r"\n\s*\n")  # templates leave more than one


class File(TypedDict):
    """A text file to attach; `method` is the calendar's METHOD, where it has one."""

    name: str
    type: str
    text: str
    method: NotRequired[str]


def queue(
    key: str,
    to: User | str,
    template: str,
    context: Mapping[str, Any],
    *,
    files: Iterable[File] = (),
    send_after: datetime | None = None,
    expires_at: datetime | None = None,
    is_secret: bool = False,
    kind: Kind | None = None,
) -> Message:
    """Write a mail in the caller's transaction; asking again writes nothing.

    `key` says for what, so that each is sent once. `template` is a text template
    whose first line is the subject, never escaped; it gets `person`, `zone` and
    `public_url` besides `context`. `send_after` is in UTC, None means at once. From
    `expires_at` on it is no longer sent, such as a reminder of what has begun.
    `is_secret` mail holds a link that opens by itself: its text is not kept. `kind` of
    None is the template's. Who turned it off gets nothing, now or later.
    """
    kind = kind or kind_of(template)
    person = None if isinstance(to, str) else to
    if person and notices.is_off(person, kind):
        return leave_out(key, person, kind)
    words = words_of(template, context, person, kind)
    return queue_text(
        key,
        to,
        words.subject,
        words.body,
        files=files,
        send_after=send_after,
        expires_at=expires_at,
        is_secret=is_secret,
        kind=kind,
    )


def leave_out(key: str, person: User, kind: Kind) -> Message:
    """Write down that a mail is not sent, so that it never is."""
    return Message.objects.get_or_create(key=key, defaults=_left_out(person, kind))[0]


def _left_out(person: User, kind: Kind) -> dict[str, Any]:
    return {
        "kind": kind.key,
        "recipient": person,
        "to": person.email,
        "dropped_at": now(),
    }


@dataclass(frozen=True)
class Mail:
    """A mail to somebody, to leave at once; else as in `queue`."""

    key: str
    to: User | str
    template: str
    context: Mapping[str, Any]
    files: Sequence[File] = ()
    is_secret: bool = False

    @property
    def person(self) -> User | None:
        return None if isinstance(self.to, str) else self.to

    @property
    def address(self) -> str:
        return self.to if isinstance(self.to, str) else self.to.email


def queue_together(mails: Iterable[Mail]) -> None:
    """Queue mails of one cause, by one query and one task; else as `queue`."""
    mails = list(mails)
    for mail in mails:
        validate_email(mail.address)
    off = notices.off_among(
        (mail.person.pk, kind_of(mail.template)) for mail in mails if mail.person
    )
    rows = [_row(mail, off) for mail in mails]
    try:
        with transaction.atomic():
            Message.objects.bulk_create(rows)
    except IntegrityError:  # some of them were asked for before
        for mail in mails:
            queue(
                mail.key,
                mail.to,
                mail.template,
                mail.context,
                files=mail.files,
                is_secret=mail.is_secret,
            )
        return
    if leaving := [row.pk for row in rows if row.dropped_at is None]:
        _enqueue(leaving, None)


def _row(mail: Mail, off: Collection[tuple[int, str]]) -> Message:
    kind = kind_of(mail.template)
    if mail.person and (mail.person.pk, kind.key) in off:
        return Message(key=mail.key, **_left_out(mail.person, kind))
    words = words_of(mail.template, mail.context, mail.person, kind)
    return Message(
        key=mail.key,
        kind=kind.key,
        recipient=mail.person,
        to=mail.address,
        subject=_one_line(words.subject),
        body=_tidy(words.body),
        attachments=list(mail.files),
        is_secret=mail.is_secret,
    )


class Words(NamedTuple):
    """What a mail says."""

    subject: str
    body: str


@dataclass(frozen=True)
class Later:
    """A mail to somebody for a later time, in UTC; else as in `queue`."""

    key: str
    to: User
    send_after: datetime
    expires_at: datetime


Writer = Callable[[Message], Words | None]
_writers: dict[str, Writer] = {}


def add_writer(name: str, writer: Writer) -> None:
    """Let `writer` write what is queued for `name`, as it leaves."""
    _writers[name] = writer


def queue_later(writer: str, mails: Iterable[Later], *, kind: Kind) -> None:
    """Queue mails that are written as they leave, of what is true then; one query.

    To the address that the person has then. The writer returns None for what is no
    longer of use; who has turned the kind off by then gets nothing. Asking again
    writes nothing. The clock finds them once they are due, or `send_soon`.
    """
    Message.objects.bulk_create(
        [
            Message(
                key=mail.key,
                kind=kind.key,
                recipient=mail.to,
                to=mail.to.email,
                writer=writer,
                send_after=mail.send_after,
                expires_at=mail.expires_at,
            )
            for mail in mails
        ],
        ignore_conflicts=True,
    )


def send_soon() -> None:
    """Ask the worker, once this is committed, for what should have left by then."""
    from lms.mail.tasks import deliver_due  # noqa: PLC0415  # the task calls back

    transaction.on_commit(lambda: deliver_due.enqueue() and None)


def words_of(
    template: str,
    context: Mapping[str, Any],
    person: User | None,
    kind: Kind | None = None,
) -> Words:
    """Write a text template and part its first line, the subject, from the rest.

    Its foot says why the person gets it, and where to turn that `kind` off; None is
    the template's.
    """
    kind = kind or kind_of(template)
    off_url = notices.off_url(person.pk, kind) if person and kind.may_be_off else ""
    words = {"kind": kind, "off_url": off_url, **context}
    subject, _, body = write(template, words, person).strip().partition("\n")
    return Words(subject, body)


def write(template: str, context: Mapping[str, Any], person: User | None) -> str:
    """Write a text template in the person's language and zone; None: in our own."""
    words = {
        "person": person,
        "zone": person.time_zone if person else settings.HOME_TIME_ZONE,
        "public_url": settings.PUBLIC_URL,
        **context,
    }
    with override(person.language if person else settings.LANGUAGE_CODE):
        source = Engine.get_default().get_template(template)
        return str(source.render(Context(words, autoescape=False)))


def queue_text(
    key: str,
    to: User | str,
    subject: str,
    body: str,
    *,
    files: Iterable[File] = (),
    send_after: datetime | None = None,
    expires_at: datetime | None = None,
    is_secret: bool = False,
    kind: Kind = ACCOUNT,
) -> Message:
    """Write a mail whose words are ready, whether or not it is off; else as `queue`.

    Raises ValidationError for an address that is none, and makes the subject one
    line: nothing from outside gets into the headers.
    """
    address = to if isinstance(to, str) else to.email
    validate_email(address)
    try:
        with transaction.atomic():
            message = Message.objects.create(
                key=key,
                kind=kind.key,
                recipient=None if isinstance(to, str) else to,
                to=address,
                subject=_one_line(subject),
                body=_tidy(body),
                attachments=list(files),
                send_after=send_after or now(),
                expires_at=expires_at,
                is_secret=is_secret,
            )
    except IntegrityError:
        return Message.objects.get(key=key)  # asked for before
    _enqueue([message.pk], send_after)
    return message


def _one_line(subject: str) -> str:
    return " ".join(subject.split())[:200]


def _tidy(body: str) -> str:
    return _BLANK_LINES.sub("\n\n", body).strip() + "\n"


def send(pk: int) -> bool:
    """Send one message unless it was sent; tell whether it left just now.

    Of two workers one gets it: it is claimed for five minutes, then sent outside
    any transaction. A failure is kept on the row and tried again by the clock,
    ever more slowly.
    """
    claimed = Message.objects.due(now()).filter(pk=pk)
    if not claimed.update(send_after=now() + LEASE, tries=F("tries") + 1):
        return False
    message = Message.objects.select_related("recipient").get(pk=pk)
    if _is_off(message) or (message.writer and not _write_now(message)):
        Message.objects.filter(pk=pk).update(dropped_at=now())
        return False
    try:
        _as_email(message).send()
    except (SMTPException, OSError) as error:
        _put_off(message, error)
        return False
    message.sent_at = now()
    message.error = ""
    if message.is_secret:
        message.body = ""
    message.save(update_fields=["sent_at", "error", "to", "subject", "body"])
    return True


def _is_off(message: Message) -> bool:
    """Whether the person has turned such mail off since it was queued."""
    kind = BY_KEY.get(message.kind)
    if kind is None or message.recipient is None:
        return False
    return notices.is_off(message.recipient, kind)


def _write_now(message: Message) -> bool:
    """Write a mail that waited to be written; False when it is of no use any more."""
    words = _writers[message.writer](message)
    if words is None or message.recipient is None:
        return False
    message.to = message.recipient.email
    message.subject, message.body = _one_line(words.subject), _tidy(words.body)
    return True


def send_due() -> int:
    """Send what should have left by now, a good many at once; return how many."""
    cache.delete("mail.asked")
    due = Message.objects.due(now()).values_list("pk", flat=True)
    return sum(send(pk) for pk in list(due[:AT_ONCE]))


def enqueue_due() -> None:
    """Ask the worker again for what should have left, once a minute at most."""
    from lms.mail.tasks import deliver_due  # noqa: PLC0415  # the task calls back

    late = now() - timedelta(minutes=1)
    if Message.objects.due(late).exists() and cache.add("mail.asked", True, 60):
        deliver_due.enqueue()


def drop(*prefixes: str, to: User | None = None) -> int:
    """Take back what is not sent yet and whose key begins so; return how many.

    With `to`, what is for that person alone.
    """
    begins_so = Q()
    for prefix in prefixes:
        begins_so |= Q(key__startswith=prefix)
    waiting = Message.objects.filter(begins_so, sent_at=None, dropped_at=None)
    if to is not None:
        waiting = waiting.filter(recipient=to)
    waiting.filter(is_secret=True).update(body="")
    return waiting.update(dropped_at=now())


def take_back(keys: Iterable[str]) -> int:
    """Take back those of the messages that have not left; return how many."""
    waiting = Message.objects.filter(key__in=list(keys), sent_at=None, dropped_at=None)
    waiting.filter(is_secret=True).update(body="")
    return waiting.update(dropped_at=now())


def written_since(at: datetime, keys: Iterable[str]) -> set[str]:
    """Those of the keys whose message was written after the instant; one query."""
    written = Message.objects.filter(key__in=list(keys), created_at__gt=at)
    return set(written.values_list("key", flat=True))


def _enqueue(pks: Sequence[int], run_after: datetime | None) -> None:
    from lms.mail.tasks import deliver  # noqa: PLC0415  # the task calls back

    task = deliver.using(run_after=run_after)
    transaction.on_commit(lambda: task.enqueue(*pks) and None)


def _put_off(message: Message, error: Exception) -> None:
    """Wait 2, 4, 8 minutes and so on: an hour at most, so that a server is soon back.

    A day at most where the server refuses this address or this mail.
    """
    is_ours = isinstance(error, SMTPRecipientsRefused | SMTPDataError)
    longest = 24 * 60 if is_ours else 60
    message.error = type(error).__name__
    message.send_after = now() + timedelta(
        minutes=min(2 ** min(message.tries, 11), longest)
    )
    message.save(update_fields=["error", "send_after"])
    logger.warning("Message %s was not sent: %s", message.pk, message.error)


def _as_email(message: Message) -> EmailMessage:
    """The mail, its Message-ID made of the key so that a repeat is recognised.

    What may be turned off says how, for mail programs with a button for it (RFC 8058).
    """
    email = EmailMessage(
        message.subject,
        message.body,
        to=[message.to],
        headers={
            "Message-ID": f"<message-{message.pk}@{settings.UID_HOST}>",
            "Auto-Submitted": "auto-generated",
        },
    )
    if message.request:
        email.extra_headers[REQUEST_HEADER] = message.request
    kind = BY_KEY.get(message.kind)
    if kind and kind.may_be_off and message.recipient_id:
        url = notices.off_url(message.recipient_id, kind)
        email.extra_headers["List-Unsubscribe"] = f"<{url}>"
        email.extra_headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    for file in message.attachments:
        part = MIMEText(file["text"], file["type"].partition("/")[2], "utf-8")
        if method := file.get("method"):
            part.set_param("method", method)
        name = " ".join(file["name"].split())
        part.add_header("Content-Disposition", "attachment", filename=name)
        email.attach(part)
    return email
