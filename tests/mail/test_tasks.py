"""What the worker does for mail, in the worker itself."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.db import transaction
from django.utils.timezone import now
from django_tasks_db.models import DBTaskResult

from lms.mail import outbox
from lms.mail.models import Message
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


def work() -> None:
    call_command("db_worker", "--batch", "--backend", "jobs", "--interval", "0")


def test_worker_sends_what_was_committed_once(mailoutbox: Any) -> None:
    with transaction.atomic():
        outbox.queue_text("k", "ann@example.com", "s", "b")

    work()
    work()

    assert [mail.subject for mail in mailoutbox] == ["s"]
    assert [task.status for task in DBTaskResult.objects.all()] == ["SUCCESSFUL"]


def test_worker_sends_together_what_was_queued_together(mailoutbox: Any) -> None:
    people = UserFactory.create_batch(2)
    mails = [
        outbox.Mail(f"k:{person.pk}", person, "people/email/welcome.txt", {"days": 1})
        for person in people
    ]

    with transaction.atomic():
        outbox.queue_together(mails)
    work()
    work()

    assert sorted(mail.to[0] for mail in mailoutbox) == sorted(
        person.email for person in people
    )
    assert DBTaskResult.objects.count() == 1


def test_clock_and_worker_make_up_for_a_lost_task(mailoutbox: Any) -> None:
    cache.clear()
    outbox.queue_text("k", "ann@example.com", "s", "b")
    DBTaskResult.objects.all().delete()
    Message.objects.update(send_after=now() - timedelta(minutes=2))

    outbox.enqueue_due()
    work()

    assert [mail.subject for mail in mailoutbox] == ["s"]
    outbox.enqueue_due()
    assert DBTaskResult.objects.count() == 1
