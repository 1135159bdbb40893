from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.utils.timezone import now

from sessions import days
from sessions.minutes import placed
from sessions.models import BookingState
from sessions.week import Kind, calls_outside_hours, monday_of, week_of
from tests.factories import (
    BookingFactory,
    OutsideBusyFactory,
    OutsideCalendarFactory,
    TrainerFactory,
)

WEDNESDAY = datetime(2026, 6, 3, 9, tzinfo=UTC)  # ten o'clock in London
MONDAY = date(2026, 6, 1)
NINE, NOON, FIVE = 540, 720, 1020


@pytest.fixture
def wednesday(db):
    with time_machine.travel(WEDNESDAY, tick=False):
        yield


@pytest.fixture
def trainer(wednesday):
    return TrainerFactory(weekly_hours=[(0, NINE, NOON), (3, NINE, FIVE)])


def on(trainer, day, start, end):
    return placed(trainer.zone, day.toordinal(), start, end)


def told(trainer, monday=MONDAY):
    """Each day's stretches: kind, and from when to when on the trainer's clock."""
    return [
        [
            (one.kind.value, *(f"{at.astimezone(trainer.zone):%H:%M}" for at in edges))
            for one in day.stretches
            for edges in [(one.starts_at, one.ends_at)]
        ]
        for day in week_of(trainer, monday)
    ]


def test_week_begins_on_monday():
    assert monday_of(date(2026, 6, 7)) == MONDAY
    assert monday_of(MONDAY) == MONDAY


def test_week_shows_hours_and_all_that_differs(trainer):
    thursday = MONDAY + timedelta(days=3)
    days.close(trainer, *on(trainer, thursday, 780, 900), by=None, title="Dentist")
    days.open_extra(
        trainer, *on(trainer, MONDAY + timedelta(days=5), 600, 660), by=None
    )
    days.set_other_hours(trainer, MONDAY + timedelta(days=4), [(660, 720)], by=None)
    starts_at, ends_at = on(trainer, MONDAY, 600, 630)
    OutsideBusyFactory(
        calendar=OutsideCalendarFactory(trainer=trainer),
        starts_at=starts_at,
        ends_at=ends_at,
    )
    OutsideBusyFactory(starts_at=starts_at, ends_at=ends_at)  # a stranger's

    assert told(trainer) == [
        [("open", "09:00", "12:00"), ("busy", "10:00", "10:30")],
        [],
        [],
        [
            ("open", "09:00", "13:00"),
            ("off", "13:00", "15:00"),
            ("open", "15:00", "17:00"),
        ],
        [("open", "11:00", "12:00")],
        [("extra", "10:00", "11:00")],
        [],
    ]
    other = [day.on for day in week_of(trainer, MONDAY) if day.has_other_hours]
    assert other == [date(2026, 6, 5)]


def test_calls_of_any_state_but_cancelled_and_run_out_are_shown(trainer):
    for hour, state in enumerate(BookingState.values):
        BookingFactory(
            trainer=trainer, state=state, starts_at=WEDNESDAY + timedelta(hours=hour)
        )
    BookingFactory(
        trainer=trainer,
        state=BookingState.PROPOSED,
        proposed_until=now(),
        starts_at=WEDNESDAY + timedelta(hours=12),
    )
    BookingFactory(starts_at=WEDNESDAY)  # a stranger's: it must not leak

    wednesday = week_of(trainer, MONDAY)[2]

    assert [one.call.state for one in wednesday.stretches] == [
        "proposed",
        "booked",
        "done",
        "missed",
    ]


def test_what_reaches_over_midnight_is_cut_at_it(wednesday):
    trainer = TrainerFactory(weekly_hours=[(6, 1320, 1560)])  # Sunday 22:00 to 02:00

    first, *_others, last = told(trainer)

    assert first == [("open", "00:00", "02:00")]
    assert last == [("open", "22:00", "00:00")]


@pytest.mark.parametrize(
    ("monday", "hours", "open_hours"),
    [
        (date(2027, 3, 22), 23, 7),  # Sunday 28 March: 01:00 is 02:00
        (date(2026, 10, 19), 25, 9),  # Sunday 25 October: 02:00 is 01:00
        (date(2026, 5, 25), 24, 8),
    ],
)
def test_day_of_a_clock_change_is_as_long_as_it_is(
    wednesday, monday, hours, open_hours
):
    trainer = TrainerFactory(weekly_hours=[(6, 0, 480)])  # Sunday, midnight to eight

    *_others, sunday = week_of(trainer, monday)

    assert sunday.end - sunday.start == hours * 60
    (one,) = sunday.stretches
    assert one.end - one.start == open_hours * 60
    assert one.start == sunday.start


def test_whole_day_off_lasts_as_long_as_the_day(wednesday):
    trainer = TrainerFactory(weekly_hours=[])
    sunday = date(2026, 10, 25)
    first, _end = on(trainer, sunday, 0, 0)
    last, _end = on(trainer, sunday + timedelta(days=1), 0, 0)
    days.close(trainer, first, last, by=None)

    *_others, day = week_of(trainer, date(2026, 10, 19))

    (one,) = day.stretches
    assert (one.kind, day.lasts(one)) == (Kind.OFF, True)


def test_calls_outside_the_hours_are_named_at_both_ends(trainer):
    def call(start):
        starts_at, _end = on(trainer, MONDAY + timedelta(days=7), start, FIVE)
        return BookingFactory(trainer=trainer, starts_at=starts_at)

    early = call(NINE - 1)
    call(NINE + 30)
    call(NOON - 20)
    late = call(NOON + 11)
    over = BookingFactory(trainer=trainer, starts_at=WEDNESDAY - timedelta(days=2))

    assert calls_outside_hours(trainer) == [early, late]
    assert over not in calls_outside_hours(trainer)


def test_call_over_the_end_of_the_hours_is_outside(trainer):
    starts_at, _end = on(trainer, MONDAY + timedelta(days=7), NOON - 19, FIVE)
    call = BookingFactory(trainer=trainer, starts_at=starts_at)

    assert calls_outside_hours(trainer) == [call]
