from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils.timezone import now

from courses.models import Enrolment, Source
from lms.dashboards import clock
from lms.dashboards.management.commands.clock import go_round
from lms.jobs import queued
from lms.mail.tasks import deliver_due
from sessions.models import Booking, FreedTime
from tests.factories import (
    BookingFactory,
    EditionFactory,
    EnrolmentFactory,
    MessageFactory,
    TeamFactory,
    TeamMembershipFactory,
    TrainerFactory,
    UserFactory,
    WaitingFactory,
)


def test_of_two_ticks_at_once_one_is_done(db):
    assert clock.tick()
    assert not clock.tick()


def test_what_one_job_fails_with_keeps_no_other_from_being_done(db, monkeypatch):
    def fail():
        raise LookupError

    monkeypatch.setattr(clock, "EACH_ROUND", (fail, *clock.EACH_ROUND))
    message = MessageFactory(send_after=now() - timedelta(minutes=2))

    with pytest.raises(ExceptionGroup) as raised:
        clock.tick()
    go_round()  # the command says it, and goes on

    assert [type(each) for each in raised.value.exceptions] == [LookupError]
    assert queued(deliver_due) == [[]]
    assert message.sent_at is None


def test_clock_follows_the_calendar_once_an_hour(db):
    team = TeamFactory()
    EditionFactory(audience=[team])
    TeamMembershipFactory(team=team)

    clock.tick()
    assert Enrolment.objects.count() == 1

    TeamMembershipFactory(team=team)
    with time_machine.travel(now() + timedelta(minutes=59)):
        assert clock.tick()
        assert Enrolment.objects.count() == 1
    with time_machine.travel(now() + timedelta(minutes=61)):
        assert clock.tick()
        assert Enrolment.objects.count() == 2


def test_clock_tells_the_channel_team_of_missing_times_within_the_hour(db):
    staff = UserFactory(is_staff=True)
    told = staff.messages.filter(subject__startswith="No free time soon")
    wednesday = datetime(2026, 6, 3, 9, tzinfo=UTC)

    with time_machine.travel(wednesday):
        clock.tick()
        EditionFactory()  # nobody holds its calls
    counts = []
    for minutes in (59, 61, 122):
        with time_machine.travel(wednesday + timedelta(minutes=minutes)):
            clock.tick()
            counts.append(told.count())

    assert counts == [0, 1, 1]


def test_clock_offers_a_freed_time_to_the_next_once_it_ran_out(db):
    edition = EditionFactory()
    monday = datetime(2026, 6, 1, 8, tzinfo=UTC)
    with time_machine.travel(monday, tick=False) as traveller:
        trainer = TrainerFactory(programmes=[edition.programme])
        freed = FreedTime.objects.create(
            trainer=trainer,
            starts_at=monday + timedelta(hours=6),
            ends_at=monday + timedelta(hours=6, minutes=20),
        )
        calls = [
            BookingFactory(
                trainer=trainer,
                enrolment=EnrolmentFactory(edition=edition, source=Source.MANAGER),
            )
            for _n in range(2)
        ]
        for call in calls:
            WaitingFactory(booking=call)

        asked = []
        for _n in range(3):
            clock.tick()
            open_one = Booking.objects.filter(offer=freed.offer, state="proposed")
            asked.append([one.replaces for one in open_one])
            traveller.shift(timedelta(hours=2))

    assert asked == [[calls[0]], [calls[1]], []]
