import time
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils.timezone import now

from courses.models import Enrolment, Source
from lms.dashboards import clock
from lms.dashboards.management.commands.clock import go_round
from lms.jobs import queued
from lms.mail.tasks import deliver_due
from lms.operations.chores import name_of
from lms.operations.models import ClockJob
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


MONDAY = datetime(2026, 6, 1, 8, tzinfo=UTC)


class Killed(BaseException):
    """What ends a process, as nothing in it can catch."""


@pytest.fixture
def jobs(monkeypatch):
    """Three jobs for each hour, which note that they are done; `spoilt` raise that."""
    done, spoilt = [], {}

    def job_of(name):
        def job():
            if name in spoilt:
                raise spoilt[name]
            done.append(name)

        job.__name__ = name
        return job

    monkeypatch.setattr(clock, "EACH_ROUND", ())
    monkeypatch.setattr(clock, "EACH_DAY", ())
    monkeypatch.setattr(clock, "EACH_HOUR", tuple(job_of(each) for each in "abc"))
    return done, spoilt


def test_what_a_killed_clock_left_undone_is_done_in_the_next_round(db, jobs):
    done, spoilt = jobs
    spoilt["b"] = Killed()
    with time_machine.travel(MONDAY, tick=False) as traveller:
        with pytest.raises(Killed):
            clock.tick()
        assert done == ["a"]

        del spoilt["b"]
        traveller.shift(clock.EVERY)
        clock.tick()
        assert done == ["a", "b", "c"]

        traveller.shift(timedelta(hours=1))
        clock.tick()

    assert done == ["a", "b", "c", "a", "b", "c"]


def test_what_fails_is_tried_again_ever_more_slowly_until_it_is_done(db, jobs):
    done, spoilt = jobs
    spoilt["b"] = LookupError("secret")
    tried = []
    with time_machine.travel(MONDAY, tick=False) as traveller:
        for minute in range(200):
            try:
                clock.tick()
            except ExceptionGroup:
                tried.append(minute)
            if minute == 62:
                known = ClockJob.objects.get(name__endswith=".b")
            if minute == 130:
                spoilt.clear()
            traveller.shift(timedelta(minutes=1))

    assert tried == [0, 2, 6, 14, 30, 62, 122]
    assert (known.tries, known.error, known.done_at) == (6, "LookupError", None)
    assert known.again_at == MONDAY + timedelta(minutes=122)
    assert done == list("acacacacb")
    after = ClockJob.objects.get(name__endswith=".b")
    assert (after.tries, after.error, after.again_at) == (0, "", None)
    assert after.done_at == MONDAY + timedelta(minutes=182)


def test_a_days_job_that_fails_does_not_wait_for_the_next_day(db, jobs, monkeypatch):
    _done, spoilt = jobs
    monkeypatch.setattr(clock, "EACH_DAY", clock.EACH_HOUR[:1])
    monkeypatch.setattr(clock, "EACH_HOUR", ())
    spoilt["a"] = LookupError()
    with time_machine.travel(MONDAY, tick=False) as traveller:
        pauses = []
        for _n in range(8):
            with pytest.raises(ExceptionGroup):
                clock.tick()
            pauses.append(ClockJob.objects.get().again_at - now())
            traveller.shift(pauses[-1])

    assert [pause.seconds // 60 for pause in pauses] == [2, 4, 8, 16, 32, 60, 60, 60]


def test_each_job_has_a_name_of_its_own_that_fits():
    jobs = [*clock.EACH_ROUND, *clock.EACH_HOUR, *clock.EACH_DAY]
    names = {name_of(job) for job in jobs}

    assert len(names) == len(jobs)
    assert max(map(len, names)) <= ClockJob._meta.get_field("name").max_length


def test_a_turn_is_kept_while_a_round_lasts_and_lost_with_the_clock(
    transactional_db, monkeypatch
):
    """Of two clocks one goes round, however long it takes; a killed one is followed."""
    monkeypatch.setattr(clock, "EVERY", timedelta(seconds=0.6))
    assert clock.tick()

    with clock.turn_kept():
        time.sleep(1.5)
        assert not clock.tick()

    time.sleep(0.7)
    assert clock.tick()


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
