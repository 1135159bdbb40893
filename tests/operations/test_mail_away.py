"""A mail server that refuses for a day, or is not heard; two clocks at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from email.message import EmailMessage
from functools import partial

import pytest
from django.core.cache import cache
from django.db import connections
from django.db.models import F
from django.utils.timezone import now
from django_tasks_db.models import DBTaskResult

from courses.models import Source
from lms.dashboards.models import Beat
from lms.mail import outbox
from lms.mail.models import Message
from lms.operations.models import ClockJob
from sessions.unsigned import WRITER
from tests.factories import BookingFactory, EnrolmentFactory, UserFactory
from tests.operations.house import House, MailServer, key_of, until
from tests.operations.work import expect_each_mail_once, is_settled, pass_the_lease

MAILS = 6
TRIES = 28  # after 2, 4, 8, 16 and 32 minutes, then each hour: more than a day
TRIED = [*range(1, 8), TRIES - 1]  # what lies between is written into the rows


def test_mail_refused_for_a_day_leaves_afterwards_in_order_and_once(
    build: Callable[..., House], mail_server: MailServer
) -> None:
    """The day passes in the rows alone: each failure waits for its next try."""
    mail_server.refuses = True
    person = UserFactory()
    house = build(EMAIL_URL=mail_server.url)
    house.start("worker")

    sent = [
        outbox.queue_text(f"{number}", person, f"{number}", "Hello.").pk
        for number in range(MAILS)
    ]
    for tries in TRIED:
        until(partial(were_tried, tries), f"all are tried {tries} times")
        if tries == TRIED[-2]:
            Message.objects.update(tries=TRIES - 2)
        mail_server.refuses = tries < TRIED[-1]
        pass_time(timedelta(minutes=min(2**tries, 60)))

    until(lambda: not Message.objects.filter(sent_at=None).exists(), "all has left")
    assert [key_of(mail) for mail in mail_server.taken] == sent
    assert mail_server.refused >= len(TRIED) * MAILS


def were_tried(tries: int) -> bool:
    """Whether each was, and the worker rests: what it put off is put off by then."""
    at_work = DBTaskResult.objects.filter(status__in=["READY", "RUNNING"])
    return not (Message.objects.filter(tries__lt=tries).exists() or at_work.exists())


@pytest.mark.parametrize("deaths", [1, 2])
def test_mail_whose_sender_dies_before_noting_it_comes_once_more_for_each_death(
    build: Callable[..., House], mail_server: MailServer, deaths: int
) -> None:
    """The worker is killed when it was told that the mail is taken, before it knows."""
    people = UserFactory.create_batch(3)
    house = build(EMAIL_URL=mail_server.url)
    worker = house.programs["worker"]
    rows = [
        outbox.queue_text(f"{n}", who, "Hi", "You.") for n, who in enumerate(people)
    ]
    first = rows[0].pk

    def copies() -> list[EmailMessage]:
        return [mail for mail in mail_server.taken if key_of(mail) == first]

    def kill_once_told(mail: EmailMessage, say: Callable[[], None]) -> None:
        if key_of(mail) != first or len(copies()) > deaths:
            say()
            return
        worker.freeze()
        say()
        worker.kill()

    mail_server.answers = kill_once_told
    for death in range(deaths):
        house.start("worker")
        until(lambda: worker.process and worker.process.poll(), "the worker is dead")
        assert len(copies()) == death + 1
        assert Message.objects.get(pk=first).sent_at is None
        pass_the_lease()
    house.start("worker")
    until(is_settled, "all is sent")
    house.close()

    assert len(copies()) == deaths + 1
    told = {
        (mail["Message-ID"], mail["To"], mail["Subject"], mail.get_content())
        for mail in copies()
    }
    assert len(told) == 1  # so that a mail program shows it once
    if deaths == 1:
        assert expect_each_mail_once(mail_server, kills=1) == 1
    else:  # and whoever counts notices a third
        with pytest.raises(AssertionError, match="3 <= 2"):
            expect_each_mail_once(mail_server, kills=deaths)


def test_two_clocks_at_once_do_one_round_and_nothing_twice(
    build: Callable[..., House], mail_server: MailServer
) -> None:
    """Both for two rounds' time, an hour's round among them; each mail once."""
    enrolment = EnrolmentFactory(source=Source.MANAGER)
    call = BookingFactory(enrolment=enrolment, starts_at=now() - timedelta(hours=5))
    house = build(EMAIL_URL=mail_server.url)
    house.start("worker", "clock")
    other = build(house.folder, EMAIL_URL=mail_server.url)

    for _round in range(3):
        Beat.objects.update(at=F("at") - timedelta(hours=2))
        ClockJob.objects.update(done_at=F("done_at") - timedelta(hours=2))
        house.restart("clock")
        other.restart("clock")
        begun = now()
        until(partial(has_beaten, begun), "one of the two goes a round")
    unsigned = Message.objects.filter(writer=WRITER)
    until(unsigned.exists, "its trainer is reminded")
    pass_time(timedelta())
    until(lambda: not waits(), "all is sent")

    assert unsigned.count() == 1
    assert unsigned.get().recipient == call.trainer.user
    assert max(mail_server.times_taken().values()) == 1
    keys = Message.objects.values_list("key", flat=True)
    assert len(keys) == len(set(keys)) == len(mail_server.taken)
    for each in (house, other):
        assert each.programs["clock"].is_running
        assert "failed" not in each.programs["clock"].said()


def has_beaten(since: datetime) -> bool:
    return Beat.objects.filter(name="clock", at__gt=since).exists()


def waits() -> bool:
    return Message.objects.filter(sent_at=None, dropped_at=None).exists()


def pass_time(length: timedelta) -> None:
    """Let the time of what waits come nearer, and the clock ask for what is due."""
    for message in Message.objects.filter(sent_at=None):
        Message.objects.filter(pk=message.pk).update(
            send_after=message.send_after - length - timedelta(minutes=2),
        )
    cache.delete("mail.asked")  # the clock asks once a minute
    outbox.enqueue_due()
    connections.close_all()
