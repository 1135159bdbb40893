from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine

from lms.mail.models import Message
from sessions import days, load
from sessions.models import BookingState, Origin
from tests.factories import (
    BookingFactory,
    DisputeFactory,
    EditionFactory,
    EditionTopicFactory,
    OutsideBusyFactory,
    OutsideCalendarFactory,
    TrainerFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
WEDNESDAY = datetime(2026, 6, 3, 9, tzinfo=UTC)  # ten o'clock in London
MONDAY = date(2026, 6, 1)
HOUR = 60
ALWAYS = [(weekday, 0, 24 * HOUR) for weekday in range(7)]


@pytest.fixture(autouse=True)
def wednesday():
    with time_machine.travel(WEDNESDAY, tick=False):
        yield


def this_week(trainer):
    return load.weeks_of([trainer])[trainer.pk][load.PAST_WEEKS]


# --- A trainer's weeks ---------------------------------------------------------------


def test_weeks_are_the_last_four_and_the_coming_eight():
    trainer = TrainerFactory()

    weeks = load.weeks_of([trainer])[trainer.pk]

    assert [week.monday for week in weeks] == [
        MONDAY + timedelta(weeks=n) for n in range(-4, 8)
    ]
    assert [week.monday for week in weeks if week.is_this] == [MONDAY]


def test_week_counts_calls_by_what_became_of_them():
    trainer = TrainerFactory(week_cap=3)
    for state in BookingState:
        BookingFactory(trainer=trainer, state=state)
    BookingFactory(trainer=TrainerFactory())  # a colleague's

    week = this_week(trainer)

    assert (week.calls, week.proposals, week.missed, week.taken) == (2, 1, 1, 40)
    assert week.calls_of_cap == "2 of 3"
    assert week.is_full


def test_proposal_that_ran_out_counts_no_more():
    trainer = TrainerFactory()
    proposal = BookingFactory(trainer=trainer, state=BookingState.PROPOSED)
    proposal.proposed_until = WEDNESDAY
    proposal.save(update_fields=["proposed_until"])

    assert this_week(trainer).proposals == 0


@pytest.mark.parametrize(
    ("starts_at", "week"),
    [
        (datetime(2026, 5, 31, 22, 59, tzinfo=UTC), -1),  # Sunday 23:59 in London
        (datetime(2026, 5, 31, 23, tzinfo=UTC), 0),  # Monday, midnight
        (datetime(2026, 6, 7, 22, 59, tzinfo=UTC), 0),
        (datetime(2026, 6, 7, 23, tzinfo=UTC), 1),
    ],
)
def test_week_begins_on_the_trainers_monday(starts_at, week):
    trainer = TrainerFactory()
    BookingFactory(trainer=trainer, starts_at=starts_at)

    weeks = load.weeks_of([trainer])[trainer.pk]

    with_calls = [one.monday for one in weeks if one.calls]
    assert with_calls == [MONDAY + timedelta(weeks=week)]


def test_hours_offered_are_without_what_is_off_or_busy_elsewhere():
    trainer = TrainerFactory(weekly_hours=[(3, 9 * HOUR, 12 * HOUR), (4, 0, HOUR)])
    thursday = datetime(2026, 6, 4, 8, tzinfo=UTC)  # nine in London
    calendar = OutsideCalendarFactory(trainer=trainer)
    OutsideBusyFactory(
        calendar=calendar,
        starts_at=thursday - timedelta(hours=1),
        ends_at=thursday + timedelta(hours=1),
    )
    days.close(
        trainer,
        thursday + timedelta(minutes=90),
        thursday + timedelta(minutes=120),
        by=trainer.user,
    )

    assert this_week(trainer).offered == (180 - 60 - 30) + 60


def test_hours_over_sundays_midnight_are_parted_between_the_weeks():
    trainer = TrainerFactory(weekly_hours=[(6, 23 * HOUR, 25 * HOUR)])

    week = this_week(trainer)

    assert week.offered == 120  # an hour of the Sunday before, one of its own


def test_load_counts_what_was_missed_is_unsigned_and_stale():
    trainer = TrainerFactory()

    def missed(ago, by=Origin.TRAINER):
        BookingFactory(
            trainer=trainer,
            state=BookingState.MISSED,
            missed_by=by,
            starts_at=WEDNESDAY - ago,
        )

    missed(timedelta(days=364))
    missed(timedelta(days=365))
    missed(timedelta(days=2), by=Origin.TRAINEE)
    over = BookingFactory(trainer=trainer, starts_at=WEDNESDAY - timedelta(hours=2))
    begun = BookingFactory(trainer=trainer, starts_at=WEDNESDAY)
    assert over.ends_at < WEDNESDAY < begun.ends_at
    for hours in (24, 25):
        read_at = WEDNESDAY - timedelta(hours=hours)
        OutsideCalendarFactory(trainer=trainer, read_at=read_at)
        OutsideCalendarFactory(trainer=trainer, read_at=None, created_at=read_at)

    (own,) = load.loads_of([trainer])

    assert (own.missed, own.unsigned, own.stale) == (1, 1, 2)


@pytest.mark.parametrize("trainers", [1, 3])
def test_loads_take_six_queries(django_assert_num_queries, trainers):
    own = TrainerFactory.create_batch(trainers)
    for one in own:
        BookingFactory(trainer=one)

    with django_assert_num_queries(6):
        loads = load.loads_of(own)

    assert [one.next_calls for one in loads] == [1] * trainers


@pytest.mark.parametrize("trainers", [1, 3])
def test_next_free_time_of_each_in_three_queries(django_assert_num_queries, trainers):
    own = TrainerFactory.create_batch(trainers, notice_hours=24)
    closed = TrainerFactory(weekly_hours=[])

    with django_assert_num_queries(3):
        free = load.next_free([*own, closed])

    assert free == {one.pk: WEDNESDAY + timedelta(days=1) for one in own}


def test_nobody_has_neither_load_nor_free_time(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert load.loads_of([]) == []
        assert load.next_free([]) == {}


# --- The alarm ---------------------------------------------------------------------------


def programme_with(trainer=None, minutes=30):
    edition = EditionFactory(topics=[])
    EditionTopicFactory(edition=edition, needs_call=True, call_minutes=minutes)
    if trainer:
        trainer.programmes.add(edition.programme)
    return edition.programme


@pytest.mark.parametrize(
    ("notice_hours", "is_alarm"), [(10 * 24, False), (10 * 24 + 1, True)]
)
def test_alarm_is_on_when_the_soonest_time_is_more_than_ten_days_off(
    notice_hours, is_alarm
):
    programme_with(TrainerFactory(notice_hours=notice_hours, weekly_hours=ALWAYS))

    (one,) = load.soonest()

    assert one.starts_at == WEDNESDAY + timedelta(hours=notice_hours)
    assert one.trainers == 1
    assert one.is_alarm == is_alarm


@pytest.mark.parametrize("is_active", [True, False])
def test_alarm_is_on_when_there_is_no_time_at_all(is_active):
    programme_with(TrainerFactory(weekly_hours=[], is_active=is_active))

    (one,) = load.soonest()

    assert (one.starts_at, one.trainers, one.is_alarm) == (None, int(is_active), True)


def test_programme_without_calls_has_no_alarm():
    edition = EditionFactory(topics=[])
    EditionTopicFactory(edition=edition, needs_call=False, needs_read=True)

    assert load.soonest() == []


@pytest.mark.parametrize("programmes", [1, 3])
def test_soonest_times_take_eight_queries(django_assert_num_queries, programmes):
    trainer = TrainerFactory()
    for _n in range(programmes):
        programme_with(trainer)

    with django_assert_num_queries(8):
        assert len(load.soonest()) == programmes


def test_channel_team_is_told_once_a_week_of_each_programme_while_it_lasts():
    staff = UserFactory(is_staff=True)
    scarce = programme_with()
    programme_with(TrainerFactory())

    def told():
        load.tell_of_missing_times()
        return Message.objects.filter(recipient=staff).count()

    assert [told(), told()] == [1, 1]
    assert scarce.title in Message.objects.get().subject
    with time_machine.travel(datetime(2026, 6, 7, 22, 59, tzinfo=UTC)):
        assert told() == 1
    with time_machine.travel(datetime(2026, 6, 7, 23, tzinfo=UTC)):  # Monday, here
        assert told() == 2


def test_it_is_known_whether_the_channel_team_was_told():
    UserFactory(is_staff=True)
    scarce, other = programme_with(), programme_with(TrainerFactory())

    before = load.team_was_told(scarce.pk)
    load.tell_of_missing_times()

    assert (before, load.team_was_told(scarce.pk)) == (False, True)
    assert not load.team_was_told(other.pk)


def test_mail_of_the_alarm_says_when_the_soonest_time_is():
    UserFactory(is_staff=True, time_zone="Europe/Berlin")
    programme_with(TrainerFactory(notice_hours=20 * 24))

    load.tell_of_missing_times()

    body = Message.objects.get().body
    assert "Tue 23 Jun, 11:00 (Berlin)" in body
    assert "more than 10 days off" in body


# --- What waits for the channel team ------------------------------------------------------


def test_only_calls_over_for_three_days_are_long_unsigned():
    def over(**ago):
        ended = WEDNESDAY - timedelta(**ago)
        return BookingFactory(starts_at=ended - timedelta(minutes=20), ends_at=ended)

    over(hours=71, minutes=59)
    long_ago = over(hours=72)
    BookingFactory(starts_at=WEDNESDAY - timedelta(days=9), state=BookingState.DONE)

    assert list(load.long_unsigned()) == [long_ago]


def test_settled_disputes_wait_no_more():
    waiting = DisputeFactory()
    DisputeFactory(settled_at=WEDNESDAY)

    assert list(load.open_disputes()) == [waiting]


def test_lengths_are_said_in_hours_and_minutes():
    assert [load.hours(minutes) for minutes in (0, 45, 60, 450)] == [
        "0 h",
        "45 min",
        "1 h",
        "7 h 30 min",
    ]
