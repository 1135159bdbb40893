"""The outbox: written with its cause, sent once, tried again."""

import logging
import socket
from collections.abc import Callable
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from smtplib import SMTPDataError, SMTPException, SMTPRecipientsRefused
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.db import transaction
from django.template import TemplateDoesNotExist
from django.utils.timezone import now
from django_tasks_db.models import DBTaskResult

from lms.mail import kinds, outbox
from lms.mail.models import Message
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _templates(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "greeting.txt").write_text(
        "{{ subject }} for {{ person.full_name }}\n\nIn {{ zone }}: {{ text }}\n"
    )
    engine = settings.TEMPLATES[0]
    settings.TEMPLATES = [engine | {"DIRS": [*engine["DIRS"], tmp_path]}]


@pytest.fixture(autouse=True)
def _kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(kinds.BY_TEMPLATE, "greeting.txt", kinds.ENROLLED)


def queue(key: str = "greeting:1", **changes: Any) -> Message:
    to = changes.pop("to", None) or UserFactory(full_name="Ann O'Brien <&>")
    words = {"subject": changes.pop("subject", "News"), "text": "It's <here>"}
    return outbox.queue(key, to, "greeting.txt", words, **changes)


def ready(**changes: Any) -> Message:
    """A message that waits, without its task."""
    words = {"key": "k", "to": "ann@example.com", "subject": "s", "body": "b\n"}
    return Message.objects.create(**(words | changes))


@pytest.fixture
def no_server(settings: Any) -> None:
    """Mail goes to a port of this machine where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        settings.EMAIL_PORT = free.getsockname()[1]
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"


# --- Writing -----------------------------------------------------------------------


def test_queue_writes_subject_and_body_unescaped() -> None:
    user = UserFactory(full_name="Ann O'Brien <&>", time_zone="Europe/Paris")

    message = queue(to=user)

    assert message.subject == "News for Ann O'Brien <&>"
    assert message.body == "In Europe/Paris: It's <here>\n"
    assert (message.recipient, message.to) == (user, user.email)


def test_queue_to_an_address_knows_no_person() -> None:
    message = queue(to="ann@example.com")

    assert (message.recipient, message.to) == (None, "ann@example.com")
    assert message.body.startswith("In Europe/London")


def test_queue_twice_with_a_key_writes_one() -> None:
    first = queue()
    second = queue(subject="Other")

    assert first == second
    assert Message.objects.get().subject == "News for Ann O'Brien <&>"


@pytest.mark.django_db(transaction=True)
def test_rolled_back_leaves_neither_message_nor_task() -> None:
    with transaction.atomic():
        queue()
        transaction.set_rollback(True)

    assert not Message.objects.exists()
    assert not DBTaskResult.objects.exists()


def test_queue_enqueues_once_on_commit(django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        message = queue()
        queue()

    task = DBTaskResult.objects.get()
    assert task.args_kwargs["args"] == [message.pk]


def test_queue_for_later_runs_later(django_capture_on_commit_callbacks: Any) -> None:
    later = now() + timedelta(hours=2)

    with django_capture_on_commit_callbacks(execute=True):
        message = queue(send_after=later)

    assert DBTaskResult.objects.get().run_after == later
    assert not outbox.send(message.pk)
    with time_machine.travel(later, tick=False):
        assert outbox.send(message.pk)


def mail(key: str, subject: str = "News", **changes: Any) -> outbox.Mail:
    words = {"subject": subject, "text": ""}
    to = changes.pop("to", None) or UserFactory(full_name="Ann")
    return outbox.Mail(key, to, "greeting.txt", words, **changes)


def test_queue_together_takes_one_task(django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        outbox.queue_together([mail("a"), mail("b")])

    rows = list(Message.objects.order_by("pk"))
    assert [(row.key, row.subject) for row in rows] == [
        ("a", "News for Ann"),
        ("b", "News for Ann"),
    ]
    task = DBTaskResult.objects.get()
    assert task.args_kwargs["args"] == [row.pk for row in rows]


def test_queue_together_takes_one_query(django_assert_num_queries: Any) -> None:
    mails = [mail("a"), mail("b")]

    with django_assert_num_queries(4):  # who wants none, savepoint, mails, release
        outbox.queue_together(mails)


def test_queue_together_again_writes_what_is_new_alone(
    django_capture_on_commit_callbacks: Any,
) -> None:
    outbox.queue_together([mail("a")])

    with django_capture_on_commit_callbacks(execute=True):
        outbox.queue_together([mail("a", subject="Other"), mail("b")])

    rows = Message.objects.order_by("pk").values_list("key", "subject")
    assert list(rows) == [("a", "News for Ann"), ("b", "News for Ann")]
    task = DBTaskResult.objects.get()
    assert task.args_kwargs["args"] == [Message.objects.get(key="b").pk]


def test_queue_together_refuses_what_is_no_address() -> None:
    with pytest.raises(ValidationError):
        outbox.queue_together([mail("a"), mail("b", to=UserFactory.build(email="b"))])

    assert not Message.objects.exists()


@pytest.mark.parametrize(
    "to", ["", "ann", "ann@example.com\nBcc: eve@example.com", "a@b.c, d@e.f"]
)
def test_queue_refuses_what_is_no_address(to: str) -> None:
    with pytest.raises(ValidationError):
        outbox.queue_text("k", to, "s", "b")

    assert not Message.objects.exists()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\x0b", "\u2028"])
def test_a_subject_from_outside_gets_no_header_in(end: str, mailoutbox: Any) -> None:
    message = outbox.queue_text(
        "k", "ann@example.com", f"News{end}Bcc: eve@example.com", "b"
    )

    outbox.send(message.pk)

    sent = message_from_bytes(mailoutbox[0].message().as_bytes())
    assert sent["Bcc"] is None
    assert sent["Subject"] == "News Bcc: eve@example.com"


def test_a_name_in_the_template_gets_no_header_in(mailoutbox: Any) -> None:
    message = queue(to=UserFactory(full_name="Ann\nBcc: eve@example.com"))

    outbox.send(message.pk)

    sent = message_from_bytes(mailoutbox[0].message().as_bytes())
    assert sent["Bcc"] is None


def test_a_missing_template_is_loud() -> None:
    with pytest.raises(TemplateDoesNotExist):
        outbox.queue("k", UserFactory(), "absent.txt", {}, kind=kinds.CALLS)


def test_a_template_of_no_kind_is_loud() -> None:
    with pytest.raises(KeyError):
        outbox.queue("k", UserFactory(), "mail/foot.txt", {})


# --- Sending -----------------------------------------------------------------------


def test_send_leaves_once(mailoutbox: Any) -> None:
    message = ready()

    assert outbox.send(message.pk)
    assert not outbox.send(message.pk)

    message.refresh_from_db()
    assert [sent.to for sent in mailoutbox] == [["ann@example.com"]]
    assert (message.sent_at is not None, message.body) == (True, "b\n")


def test_a_repeat_has_the_same_message_id(mailoutbox: Any) -> None:
    message = ready()
    outbox.send(message.pk)
    Message.objects.update(sent_at=None, send_after=now())  # a worker died just then
    outbox.send(message.pk)

    ids = [sent.message()["Message-ID"] for sent in mailoutbox]
    assert ids == [f"<message-{message.pk}@localhost>"] * 2


def test_send_attaches_the_calendar_with_its_method(mailoutbox: Any) -> None:
    files: list[outbox.File] = [
        {
            "name": "call\n.ics",
            "type": "text/calendar",
            "text": "BEGIN:VCALENDAR\r\nSUMMARY:Größe",
            "method": "REQUEST",
        },
        {"name": "list.csv", "type": "text/csv", "text": "a,b"},
    ]
    message = outbox.queue_text("k", "ann@example.com", "s", "b", files=files)

    outbox.send(message.pk)

    sent = message_from_bytes(mailoutbox[0].message().as_bytes(), policy=policy.default)
    calendar, table = sent.iter_attachments()
    assert calendar.get_content_type() == "text/calendar"
    assert calendar.get_param("method") == "REQUEST"
    assert calendar.get_filename() == "call .ics"
    assert "SUMMARY:Größe" in calendar.get_content()
    assert (table.get_content_type(), table.get_param("method")) == ("text/csv", None)


def test_failure_is_put_off_and_tried_again(
    settings: Any, no_server: None, mailoutbox: Any, caplog: pytest.LogCaptureFixture
) -> None:
    message = ready()
    start = now()

    with time_machine.travel(start, tick=False):
        assert not outbox.send(message.pk)
        assert not outbox.send(message.pk)  # not yet again

    message.refresh_from_db()
    assert (message.tries, message.error) == (1, "ConnectionRefusedError")
    assert message.send_after == start + timedelta(minutes=2)
    assert caplog.messages == [
        f"Message {message.pk} was not sent: ConnectionRefusedError"
    ]

    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    with time_machine.travel(start + timedelta(minutes=2), tick=False):
        assert outbox.send(message.pk)
    message.refresh_from_db()
    assert (len(mailoutbox), message.error) == (1, "")


@pytest.mark.parametrize(("tries", "minutes"), [(3, 16), (5, 60), (400, 60)])
def test_failures_wait_ever_longer_up_to_an_hour(
    no_server: None, tries: int, minutes: int
) -> None:
    message, start = ready(tries=tries), now()

    with time_machine.travel(start, tick=False):
        outbox.send(message.pk)

    message.refresh_from_db()
    assert message.send_after == start + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    "error",
    [SMTPRecipientsRefused({}), SMTPDataError(554, b"Refused as spam")],
    ids=["its address", "the mail"],
)
def test_what_is_refused_itself_waits_up_to_a_day(
    monkeypatch: pytest.MonkeyPatch, error: SMTPException
) -> None:
    message, start = ready(tries=12), now()

    def refuse(email: EmailMessage) -> int:
        raise error

    monkeypatch.setattr(EmailMessage, "send", refuse)
    with time_machine.travel(start, tick=False):
        outbox.send(message.pk)

    message.refresh_from_db()
    assert message.send_after == start + timedelta(days=1)


def test_worker_that_died_while_sending_is_made_up_for(
    monkeypatch: pytest.MonkeyPatch, mailoutbox: Any
) -> None:
    message = ready()
    monkeypatch.setattr(EmailMessage, "send", _die)
    with pytest.raises(SystemExit):
        outbox.send(message.pk)
    monkeypatch.undo()

    assert not outbox.send(message.pk)
    with time_machine.travel(now() + outbox.LEASE, tick=False):
        assert outbox.send(message.pk)


def _die(email: EmailMessage) -> int:
    raise SystemExit(9)


@pytest.mark.races
@pytest.mark.django_db(transaction=True)
def test_of_two_workers_one_sends(
    run_at_once: Callable[..., list[object]], mailoutbox: Any
) -> None:
    message = ready()

    results = run_at_once(*[lambda: outbox.send(message.pk)] * 4)

    assert sorted(map(bool, results)) == [False, False, False, True]
    assert len(mailoutbox) == 1


def test_no_transaction_is_held_while_the_server_answers(
    monkeypatch: pytest.MonkeyPatch, django_db_blocker: Any
) -> None:
    depth = len(transaction.get_connection().savepoint_ids)
    seen: list[int] = []

    def watch(email: EmailMessage) -> int:
        seen.append(len(transaction.get_connection().savepoint_ids))
        return 1

    monkeypatch.setattr(EmailMessage, "send", watch)
    outbox.send(ready().pk)

    assert seen == [depth]


def test_secret_mail_is_forgotten_once_sent(mailoutbox: Any) -> None:
    message = ready(is_secret=True, body="link\n")

    outbox.send(message.pk)

    assert mailoutbox[0].body == "link\n"
    assert Message.objects.get().body == ""


# --- The clock, taking back --------------------------------------------------------


def waiting_tasks() -> list[str]:
    return [task.task_path for task in DBTaskResult.objects.all()]


def test_clock_asks_once_a_minute_for_what_is_late() -> None:
    cache.clear()
    ready(send_after=now() - timedelta(minutes=2))

    outbox.enqueue_due()
    outbox.enqueue_due()

    assert waiting_tasks() == ["lms.mail.tasks.deliver_due"]


@pytest.mark.parametrize(
    "field",
    ["sent_at", "dropped_at", "send_after"],
    ids=["sent", "dropped", "just due"],
)
def test_clock_leaves_the_rest(field: str) -> None:
    cache.clear()
    ready(**({"send_after": now() - timedelta(days=1)} | {field: now()}))

    outbox.enqueue_due()

    assert waiting_tasks() == []


def test_send_due_sends_all_that_wait(mailoutbox: Any) -> None:
    ready(key="a")
    ready(key="b")
    ready(key="later", send_after=now() + timedelta(hours=1))

    assert outbox.send_due() == 2
    assert len(mailoutbox) == 2


def test_drop_takes_back_what_has_not_left() -> None:
    ready(key="call:1:a", is_secret=True)
    ready(key="call:1:b", sent_at=now())
    ready(key="call:10:a")

    assert outbox.drop("call:1:") == 1

    dropped = Message.objects.exclude(dropped_at=None).get()
    assert (dropped.key, dropped.body) == ("call:1:a", "")
    assert not outbox.send(dropped.pk)


def test_log_tells_no_name_or_address(
    no_server: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    message = queue(to=UserFactory(email="ann@example.com", full_name="Ann Lee"))

    outbox.send(message.pk)

    assert caplog.messages
    assert "ann" not in caplog.text.lower().replace("channel", "")


# --- Written as it leaves ----------------------------------------------------------


def later(key: str = "later:1", to: Any = None, **changes: Any) -> outbox.Later:
    at = now() + timedelta(hours=1)
    times = {"send_after": at, "expires_at": at + timedelta(hours=1)}
    return outbox.Later(key, to or UserFactory(), **(times | changes))


def test_queue_later_writes_each_once_in_one_query(
    django_assert_num_queries: Any,
) -> None:
    person = UserFactory()
    with django_assert_num_queries(1):
        outbox.queue_later(
            "greeting", [later("a", person), later("b", person)], kind=kinds.CALLS
        )

    outbox.queue_later(
        "greeting", [later("b", person), later("c", person)], kind=kinds.CALLS
    )

    rows = Message.objects.order_by("pk").values_list("key", "subject", "writer")
    assert list(rows) == [(key, "", "greeting") for key in "abc"]
    assert not DBTaskResult.objects.exists()  # the clock finds them


def test_queue_later_is_written_as_it_leaves(mailoutbox: list[EmailMessage]) -> None:
    outbox.add_writer("greeting", lambda _row: outbox.Words("Two\nlines", "Body"))
    person = UserFactory()
    outbox.queue_later("greeting", [later(to=person)], kind=kinds.CALLS)
    person.email = "new@example.com"
    person.save()

    with time_machine.travel(now() + timedelta(hours=1)):
        assert outbox.send_due() == 1

    (sent,) = mailoutbox
    assert (sent.to, sent.subject, sent.body) == (
        ["new@example.com"],
        "Two lines",
        "Body\n",
    )
    row = Message.objects.get()
    assert (row.subject, row.body, row.to) == (sent.subject, sent.body, sent.to[0])


def test_queue_later_drops_what_is_of_no_use(mailoutbox: list[EmailMessage]) -> None:
    outbox.add_writer("greeting", lambda _row: None)
    outbox.queue_later("greeting", [later()], kind=kinds.CALLS)

    with time_machine.travel(now() + timedelta(hours=1)):
        assert outbox.send_due() == 0
        assert outbox.send_due() == 0

    assert mailoutbox == []
    assert Message.objects.get().dropped_at is not None
