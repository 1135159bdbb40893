from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from schedule.models import Event

from sessions.days import open_extra
from sessions.models import BookingState
from sessions.slots import (
    Slot,
    find,
    first_free,
    free_slots,
    free_trainers,
    search_for,
    soonest_by_programme,
)
from tests.factories import (
    BookingFactory,
    EditionFactory,
    EnrolmentFactory,
    TrainerFactory,
    UserFactory,
)

MONDAY = datetime(2026, 6, 1, tzinfo=UTC)  # in the summer: London is an hour ahead
HALF = timedelta(minutes=30)


@pytest.fixture
def frozen():
    with time_machine.travel(MONDAY, tick=False) as traveller:
        yield traveller


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def utc_starts(enrolment, length=HALF, **asked):
    return [slot.starts_at for slot in free_slots(enrolment, length, **asked)]


def trainer_for(enrolment, **fields):
    fields = {"time_zone": "UTC", "rest_minutes": 0, "notice_hours": 0} | fields
    return TrainerFactory(programmes=[enrolment.programme], **fields)


# --- What people see --------------------------------------------------------------


@pytest.mark.django_db
def test_slots_lie_on_a_grid_from_the_start_of_the_hours(frozen):
    enrolment = EnrolmentFactory()
    trainer_for(enrolment, weekly_hours=[(0, 9 * 60 + 10, 10 * 60)], horizon_days=1)

    found = utc_starts(enrolment)

    assert found == [at("2026-06-01 09:10"), at("2026-06-01 09:25")]


@pytest.mark.django_db
def test_slots_follow_the_trainers_clock(frozen):
    enrolment = EnrolmentFactory()
    trainer_for(
        enrolment,
        time_zone="Europe/London",
        weekly_hours=[(0, 9 * 60, 9 * 60 + 30)],
        horizon_days=1,
    )

    assert utc_starts(enrolment) == [at("2026-06-01 08:00")]


@pytest.mark.django_db
def test_slots_join_windows_that_touch(frozen):
    enrolment = EnrolmentFactory()
    trainer_for(enrolment, weekly_hours=[(0, 540, 560), (0, 560, 580)], horizon_days=1)

    assert utc_starts(enrolment) == [at("2026-06-01 09:00")]


@pytest.mark.django_db
def test_slots_run_over_midnight(frozen):
    enrolment = EnrolmentFactory()
    trainer_for(
        enrolment, weekly_hours=[(0, 23 * 60 + 45, 24 * 60 + 30)], horizon_days=2
    )

    found = utc_starts(enrolment)

    assert found == [at("2026-06-01 23:45"), at("2026-06-02 00:00")]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("busy", "left"),
    [
        (("09:00", "09:30"), ["09:30", "09:45", "10:00"]),
        (("09:30", "10:00"), ["09:00", "10:00"]),
        (("10:00", "10:30"), ["09:00", "09:15", "09:30"]),
        (("08:30", "09:00"), ["09:00", "09:15", "09:30", "09:45", "10:00"]),
        (("09:20", "09:25"), ["09:30", "09:45", "10:00"]),
    ],
)
def test_slots_leave_out_the_trainers_calls_half_open(frozen, busy, left):
    enrolment = EnrolmentFactory()
    trainer = trainer_for(enrolment, weekly_hours=[(0, 540, 630)], horizon_days=1)
    start, end = (at(f"2026-06-01 {clock}") for clock in busy)
    BookingFactory(trainer=trainer, starts_at=start, ends_at=end, busy_until=end)

    assert utc_starts(enrolment) == [at(f"2026-06-01 {clock}") for clock in left]


@pytest.mark.django_db
def test_slots_leave_one_rest_after_each_call_and_no_two(frozen):
    enrolment = EnrolmentFactory()
    trainer = trainer_for(
        enrolment, rest_minutes=15, weekly_hours=[(0, 540, 660)], horizon_days=1
    )
    BookingFactory(
        trainer=trainer,
        starts_at=at("2026-06-01 09:45"),
        ends_at=at("2026-06-01 10:00"),
        busy_until=at("2026-06-01 10:15"),
    )

    found = utc_starts(enrolment)

    assert found == [
        at("2026-06-01 09:00"),  # ends 09:30, rests until 09:45
        at("2026-06-01 10:15"),
        at("2026-06-01 10:30"),
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("state", "blocks"),
    [
        (BookingState.PROPOSED, True),
        (BookingState.BOOKED, True),
        (BookingState.DONE, True),
        (BookingState.CANCELLED, False),
        (BookingState.MISSED, False),
    ],
)
def test_slots_are_blocked_by_live_calls_alone(frozen, state, blocks):
    enrolment = EnrolmentFactory()
    trainer = trainer_for(enrolment, weekly_hours=[(0, 540, 570)], horizon_days=1)
    start, end = at("2026-06-01 09:00"), at("2026-06-01 09:30")
    BookingFactory(
        trainer=trainer, starts_at=start, ends_at=end, busy_until=end, state=state
    )

    assert utc_starts(enrolment) == ([] if blocks else [start])


@pytest.mark.django_db
def test_slots_are_not_blocked_by_a_proposal_that_ran_out(frozen):
    enrolment = EnrolmentFactory()
    trainer = trainer_for(enrolment, weekly_hours=[(0, 540, 570)], horizon_days=1)
    start, end = at("2026-06-01 09:00"), at("2026-06-01 09:30")
    BookingFactory(
        trainer=trainer,
        starts_at=start,
        ends_at=end,
        busy_until=end,
        state=BookingState.PROPOSED,
        proposed_until=MONDAY,
    )

    assert utc_starts(enrolment) == [start]


@pytest.mark.django_db
def test_slots_leave_out_the_trainees_own_calls_with_anybody(frozen):
    enrolment = EnrolmentFactory()
    trainer_for(enrolment, weekly_hours=[(0, 540, 630)], horizon_days=1)
    BookingFactory(
        enrolment__member__user=enrolment.member.user,
        starts_at=at("2026-06-01 09:30"),
        ends_at=at("2026-06-01 09:50"),
    )

    found = utc_starts(enrolment)

    assert found == [at("2026-06-01 09:00"), at("2026-06-01 10:00")]


@pytest.mark.django_db
def test_slots_ignore_the_call_that_is_being_moved(frozen):
    enrolment = EnrolmentFactory()
    trainer = trainer_for(
        enrolment, weekly_hours=[(0, 540, 570)], horizon_days=1, day_cap=1
    )
    start, end = at("2026-06-01 09:00"), at("2026-06-01 09:30")
    booking = BookingFactory(
        enrolment=enrolment,
        trainer=trainer,
        starts_at=start,
        ends_at=end,
        busy_until=end,
    )

    assert utc_starts(enrolment) == []
    assert utc_starts(enrolment, ignore=booking) == [start]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("seconds", "first"), [(0, "09:00"), (1, "09:15"), (-1, "09:00")]
)
def test_slots_keep_the_shortest_notice_to_the_minute(frozen, seconds, first):
    enrolment = EnrolmentFactory()
    trainer_for(enrolment, notice_hours=2, weekly_hours=[(0, 540, 600)], horizon_days=1)
    frozen.move_to(at("2026-06-01 07:00") + timedelta(seconds=seconds))

    assert utc_starts(enrolment)[0] == at(f"2026-06-01 {first}")


@pytest.mark.django_db
def test_slots_waive_the_notice_for_the_trainer(frozen):
    enrolment = EnrolmentFactory()
    trainer = trainer_for(
        enrolment, notice_hours=24, weekly_hours=[(0, 540, 570)], horizon_days=2
    )

    assert utc_starts(enrolment) == []
    assert utc_starts(enrolment, trainer=trainer, any_notice=True) == [
        at("2026-06-01 09:00")
    ]


@pytest.mark.django_db
def test_slots_end_at_the_horizon(frozen):
    enrolment = EnrolmentFactory()
    trainer_for(enrolment, weekly_hours=[(0, 540, 600)], horizon_days=7)
    frozen.move_to(at("2026-06-01 09:45"))

    found = utc_starts(enrolment)

    assert found == [at("2026-06-08 09:00"), at("2026-06-08 09:15")]


@pytest.mark.django_db
def test_slots_stop_at_the_days_cap_on_the_trainers_day(frozen):
    enrolment = EnrolmentFactory()
    trainer = trainer_for(
        enrolment,
        time_zone="Pacific/Auckland",  # half a day ahead
        weekly_hours=[(1, 60, 90), (1, 1380, 1410), (2, 60, 90)],
        day_cap=1,
        horizon_days=3,
    )
    start = at("2026-06-01 13:00")  # Tuesday 01:00 there
    end = start + HALF
    BookingFactory(trainer=trainer, starts_at=start, ends_at=end, busy_until=end)

    assert utc_starts(enrolment) == [at("2026-06-02 13:00")]  # Wednesday 01:00


@pytest.mark.django_db
def test_slots_stop_at_the_weeks_cap_until_the_trainers_monday(frozen):
    enrolment = EnrolmentFactory()
    trainer = trainer_for(
        enrolment,
        time_zone="America/New_York",
        weekly_hours=[(6, 1380, 1410), (0, 0, 30)],
        week_cap=1,
        horizon_days=8,
    )
    start = at("2026-06-02 13:00")
    BookingFactory(trainer=trainer, starts_at=start, ends_at=start + HALF)

    # Sundays at 23:00 in New York: before the full week, in it; Monday is after it.
    assert utc_starts(enrolment) == [at("2026-06-01 03:00"), at("2026-06-08 04:00")]


@pytest.mark.django_db
def test_slots_count_a_call_before_the_asked_stretch_into_the_weeks_cap(frozen):
    enrolment = EnrolmentFactory()
    trainer = trainer_for(enrolment, weekly_hours=[(6, 540, 570)], week_cap=1)
    start = at("2026-06-01 09:00")
    BookingFactory(trainer=trainer, starts_at=start, ends_at=start + HALF)

    found = free_trainers(enrolment, HALF, at("2026-06-07 09:00"))

    assert found == []


@pytest.mark.django_db
def test_slots_close_for_time_off_and_open_for_extra_hours(frozen):
    enrolment = EnrolmentFactory()
    trainer = trainer_for(enrolment, weekly_hours=[(0, 540, 720)], horizon_days=2)
    Event.objects.create(
        calendar=trainer.off,
        start=at("2026-06-01 09:20"),
        end=at("2026-06-01 11:20"),
    )
    Event.objects.create(
        calendar=trainer.extra,
        start=at("2026-06-02 07:05"),
        end=at("2026-06-02 07:40"),
    )

    found = utc_starts(enrolment)

    assert found == [at("2026-06-01 11:30"), at("2026-06-02 07:05")]


@pytest.mark.django_db
def test_slots_open_extra_hours_inside_time_off(frozen):
    enrolment = EnrolmentFactory()
    trainer = trainer_for(enrolment, weekly_hours=[(0, 540, 720)], horizon_days=1)
    Event.objects.create(
        calendar=trainer.off, start=MONDAY, end=MONDAY + timedelta(days=1)
    )
    Event.objects.create(
        calendar=trainer.extra,
        start=at("2026-06-01 09:10"),
        end=at("2026-06-01 09:45"),
    )

    assert utc_starts(enrolment) == [at("2026-06-01 09:10")]


@pytest.mark.django_db
def test_slots_come_from_active_qualified_trainers_other_than_oneself(frozen):
    enrolment = EnrolmentFactory()
    hours = [(0, 540, 570)]
    one, other = (trainer_for(enrolment, weekly_hours=hours) for _n in range(2))
    trainer_for(enrolment, weekly_hours=hours, is_active=False)
    trainer_for(enrolment, weekly_hours=hours, user=UserFactory(is_active=False))
    trainer_for(enrolment, weekly_hours=hours, user=enrolment.member.user)
    trainer_for(EnrolmentFactory(), weekly_hours=hours)

    assert free_trainers(enrolment, HALF, at("2026-06-01 09:00")) == [one.pk, other.pk]
    assert free_trainers(enrolment, HALF, at("2026-06-01 09:00"), trainer=other) == [
        other.pk
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "asked",
    [
        "2026-06-01 09:01",  # off the grid
        "2026-06-01 09:45",  # would end after the hours
        "2026-05-25 09:00",  # past
        "2027-06-07 09:00",  # beyond the horizon
        "2026-06-02 09:00",  # nobody's day
        "2026-06-01 09:00:30",
    ],
)
def test_nobody_is_free_at_a_time_that_is_not_offered(frozen, asked):
    enrolment = EnrolmentFactory()
    trainer_for(enrolment, weekly_hours=[(0, 540, 600)])

    assert free_trainers(enrolment, HALF, at(asked)) == []


@pytest.mark.django_db
@pytest.mark.parametrize("trainers", [1, 3])
def test_slots_take_four_queries_for_any_number_of_trainers(
    frozen, trainers, django_assert_num_queries
):
    enrolment = EnrolmentFactory()
    for _n in range(trainers):
        BookingFactory(trainer=trainer_for(enrolment), starts_at=at("2026-06-03 12:00"))

    with django_assert_num_queries(4):  # trainers, calls, hours, busy
        found = free_slots(enrolment, HALF)

    assert max(len(slot.trainers) for slot in found) == trainers


# --- Clock changes ----------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("week", "utc"),
    [
        ("2027-03-22", "2027-03-22 08:00"),
        ("2027-03-29", "2027-03-29 07:00"),
        ("2027-10-25", "2027-10-25 07:00"),
        ("2027-11-01", "2027-11-01 08:00"),
    ],
)
def test_weekly_hours_stay_at_nine_across_both_changes(frozen, week, utc):
    enrolment = EnrolmentFactory()
    trainer_for(enrolment, time_zone="Europe/Berlin", weekly_hours=[(0, 540, 570)])
    frozen.move_to(at(week))

    assert utc_starts(enrolment, before=at(week) + timedelta(days=1)) == [at(utc)]


# --- The first there is -----------------------------------------------------------


@pytest.mark.django_db
def test_first_free_looks_beyond_the_horizon(frozen):
    enrolment = EnrolmentFactory()
    near, far = (
        trainer_for(enrolment, weekly_hours=[], horizon_days=1) for _n in range(2)
    )
    for trainer, day in ((near, "2026-11-30"), (far, "2026-12-01")):
        start = at(f"{day} 09:00")
        open_extra(trainer, start, start + HALF, by=None)
    search = search_for(enrolment, HALF)

    assert find(search) == []
    assert first_free(search) == Slot(at("2026-11-30 09:00"), (near.pk,))
    assert first_free(replace(search, length=2 * HALF)) is None


@pytest.mark.django_db
@pytest.mark.parametrize("programmes", [1, 3])
def test_soonest_by_programme_is_of_the_shortest_call_in_seven_queries(
    frozen, django_assert_num_queries, programmes
):
    editions = EditionFactory.create_batch(programmes)
    trainers = [
        TrainerFactory(
            programmes=[edition.programme],
            time_zone="UTC",
            weekly_hours=[(2, 540, 540 + edition.topics.first().call_minutes)],
        )
        for edition in editions
    ]
    nobody = EditionFactory()
    EditionFactory(topics=[])

    with django_assert_num_queries(7):
        found = soonest_by_programme()

    assert found == {nobody.programme_id: None} | {
        edition.programme_id: Slot(at("2026-06-03 09:00"), (trainer.pk,))
        for edition, trainer in zip(editions, trainers, strict=True)
    }
