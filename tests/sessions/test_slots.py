from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from schedule.models import Event

from sessions.days import close, open_extra
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
    OutsideBusyFactory,
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
    assert free_trainers(enrolment, HALF, found[1])  # asked of that day alone


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


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("weekly", "extra", "found"),
    [
        ([(0, 540, 555)], ("09:15", "09:30"), ["09:00"]),  # they touch
        ([(0, 540, 560)], ("09:10", "09:30"), ["09:00"]),  # they overlap
        ([(0, 555, 570)], ("09:00", "09:15"), ["09:00"]),
        ([(0, 540, 555)], ("09:16", "09:31"), []),  # a minute lies between
        ([(0, 540, 600)], ("09:10", "10:10"), ["09:00", "09:15", "09:30"]),  # one grid
    ],
)
def test_slots_join_weekly_and_extra_hours(frozen, weekly, extra, found):
    enrolment = EnrolmentFactory()
    trainer = trainer_for(enrolment, weekly_hours=weekly, horizon_days=1)
    start, end = (at(f"2026-06-01 {clock}") for clock in extra)
    open_extra(trainer, start, end, by=None)

    assert utc_starts(enrolment) == [at(f"2026-06-01 {clock}") for clock in found]


@pytest.mark.django_db
def test_slots_of_a_trainer_half_an_hour_off_lie_on_their_own_grid(frozen):
    enrolment = EnrolmentFactory()
    trainer_for(
        enrolment,
        time_zone="Asia/Kathmandu",  # 5:45 ahead
        weekly_hours=[(0, 540, 580)],
        horizon_days=1,
    )

    assert utc_starts(enrolment) == [at("2026-06-01 03:15")]


@pytest.mark.django_db
def test_slots_are_of_trainers_who_speak_the_language(frozen):
    enrolment = EnrolmentFactory()
    hours = [(0, 540, 570)]
    trainer_for(enrolment, weekly_hours=hours)
    german = trainer_for(enrolment, weekly_hours=hours, languages=["de", "en"])

    found = free_trainers(enrolment, HALF, at("2026-06-01 09:00"), language="de-at")

    assert found == [german.pk]


@pytest.mark.django_db
def test_slots_of_a_wanted_trainer_who_is_not_qualified_are_none(frozen):
    enrolment = EnrolmentFactory()
    trainer_for(enrolment)
    stranger = TrainerFactory()

    assert free_slots(enrolment, HALF, trainer=stranger) == []


@pytest.mark.django_db
@pytest.mark.parametrize("cap", ["day_cap", "week_cap"])
def test_slots_count_the_call_that_is_moved_into_no_cap(frozen, cap):
    enrolment = EnrolmentFactory()
    trainer = trainer_for(
        enrolment, weekly_hours=[(0, 540, 570)], horizon_days=1, **{cap: 1}
    )
    start = at("2026-06-01 12:00")
    booking = BookingFactory(
        enrolment=enrolment, trainer=trainer, starts_at=start, ends_at=start + HALF
    )

    assert utc_starts(enrolment) == []
    assert utc_starts(enrolment, ignore=booking) == [at("2026-06-01 09:00")]


@pytest.mark.django_db
def test_slots_leave_out_besides_with_the_rest_and_in_the_caps(frozen):
    """The first of two calls picked on one page, as if it were booked."""
    enrolment = EnrolmentFactory()
    one = trainer_for(
        enrolment, weekly_hours=[(0, 540, 660)], horizon_days=2, rest_minutes=15
    )
    full = trainer_for(
        enrolment,
        weekly_hours=[(0, 540, 660), (1, 540, 570)],
        horizon_days=2,
        day_cap=1,
    )
    besides = ((at("2026-06-01 09:30"), at("2026-06-01 10:00")),)

    found = free_slots(enrolment, HALF, besides=besides)

    assert found == [
        Slot(at("2026-06-01 10:15"), (one.pk,)),
        Slot(at("2026-06-01 10:30"), (one.pk,)),
        Slot(at("2026-06-02 09:00"), (full.pk,)),
    ]


@pytest.mark.django_db
def test_any_hours_waive_hours_time_off_and_outside_but_no_call(frozen):
    enrolment = EnrolmentFactory()
    trainer = trainer_for(enrolment, weekly_hours=[], notice_hours=24)
    close(trainer, MONDAY, MONDAY + timedelta(days=1), by=None)
    OutsideBusyFactory(calendar__trainer=trainer, starts_at=at("2026-06-01 12:00"))
    start, end = at("2026-06-01 03:00"), at("2026-06-01 03:30")
    BookingFactory(trainer=trainer, starts_at=start, ends_at=end, busy_until=end)

    def is_free(clock, **options):
        wanted = at(f"2026-06-01 {clock}")
        return bool(free_trainers(enrolment, HALF, wanted, trainer=trainer, **options))

    assert not is_free("04:07")
    assert not is_free("04:07", any_notice=True)
    assert is_free("04:07", any_hours=True)
    assert is_free("12:10", any_hours=True)
    assert is_free("02:30", any_hours=True)
    assert not is_free("02:31", any_hours=True)
    assert not is_free("03:29", any_hours=True)
    assert is_free("03:30", any_hours=True)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("busy", "left"),
    [
        (("09:30:00", "10:00:00"), ["09:00", "10:00", "10:15"]),
        (("09:29:59", "10:00:01"), ["10:15"]),  # to the second: a minute begun is busy
        (
            ("08:00:00", "09:00:00"),
            ["09:00", "09:15", "09:30", "09:45", "10:00", "10:15"],
        ),
    ],
)
def test_slots_leave_out_what_other_calendars_say_is_busy(frozen, busy, left):
    enrolment = EnrolmentFactory()
    trainer = trainer_for(
        enrolment, weekly_hours=[(0, 540, 645)], horizon_days=1, rest_minutes=15
    )
    start, end = (at(f"2026-06-01 {clock}") for clock in busy)
    OutsideBusyFactory(calendar__trainer=trainer, starts_at=start, ends_at=end)
    OutsideBusyFactory(
        starts_at=MONDAY, ends_at=MONDAY + timedelta(days=1)
    )  # another's

    # No rest before it: that is for after calls.
    assert utc_starts(enrolment) == [at(f"2026-06-01 {clock}") for clock in left]


@pytest.mark.django_db
def test_slots_leave_out_calls_in_which_a_trainer_is_the_trainee(frozen):
    enrolment = EnrolmentFactory()
    trainer = trainer_for(enrolment, weekly_hours=[(0, 540, 600)], horizon_days=1)
    start = at("2026-06-01 09:00")
    BookingFactory(
        enrolment__member__user=trainer.user, starts_at=start, ends_at=start + HALF
    )

    assert utc_starts(enrolment) == [at("2026-06-01 09:30")]


@pytest.mark.django_db
def test_slots_leave_out_calls_that_the_trainee_holds_as_a_trainer(frozen):
    enrolment = EnrolmentFactory()
    trainer_for(enrolment, weekly_hours=[(0, 540, 630)], horizon_days=1)
    own = TrainerFactory(user=enrolment.member.user, weekly_hours=[])
    start = at("2026-06-01 09:00")
    BookingFactory(
        trainer=own,
        starts_at=start,
        ends_at=start + HALF,
        busy_until=start + HALF + timedelta(minutes=10),
    )

    found = utc_starts(enrolment)

    assert found == [  # their own rest, until 09:40, is theirs here too
        at("2026-06-01 09:45"),
        at("2026-06-01 10:00"),
    ]


@pytest.mark.django_db
def test_the_page_and_the_booking_see_the_same(frozen):
    enrolment = EnrolmentFactory()
    for zone, rest in (("UTC", 0), ("Asia/Kolkata", 10), ("America/New_York", 5)):
        trainer = trainer_for(enrolment, time_zone=zone, rest_minutes=rest)
        BookingFactory(trainer=trainer, starts_at=at("2026-06-02 14:00"))
    until = at("2026-06-04 00:00")

    found = free_slots(enrolment, HALF, before=until)
    minute, asked = at("2026-06-02 06:00"), {}
    while minute < at("2026-06-02 16:00"):
        if free := free_trainers(enrolment, HALF, minute):
            asked[minute] = tuple(free)
        minute += timedelta(minutes=5)

    day = at("2026-06-02 06:00"), at("2026-06-02 16:00")
    assert asked == {
        slot.starts_at: slot.trainers
        for slot in found
        if day[0] <= slot.starts_at < day[1]
    }


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


@pytest.mark.django_db
def test_nobody_is_soonest_where_the_notice_leaves_nothing(frozen):
    edition = EditionFactory()
    TrainerFactory(programmes=[edition.programme], notice_hours=48, horizon_days=1)

    assert soonest_by_programme() == {edition.programme_id: None}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("window", "date", "starts"),
    [
        # The gap: 01:00 to 02:00 does not come; an edge in it is the jump itself.
        ((6, 75, 135), "2027-03-28", []),  # 01:15-02:15: a quarter of an hour is left
        ((6, 90, 150), "2027-03-28", ["01:00"]),
        ((6, 75, 105), "2027-03-28", []),
        ((6, 30, 150), "2027-03-28", ["00:30", "00:45", "01:00"]),
        # The fold: 01:00 to 02:00 comes twice; open from the first to the last.
        ((6, 75, 105), "2026-10-25", ["00:15", "00:30", "00:45", "01:00", "01:15"]),
        ((6, 105, 135), "2026-10-25", ["00:45", "01:00", "01:15", "01:30", "01:45"]),
    ],
)
def test_hours_at_the_clock_change_itself(frozen, window, date, starts):
    enrolment = EnrolmentFactory()
    trainer_for(enrolment, time_zone="Europe/London", weekly_hours=[window])
    frozen.move_to(at(date) - timedelta(days=1))

    found = utc_starts(enrolment, before=at(date) + timedelta(days=1))

    assert found == [at(f"{date} {clock}") for clock in starts]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("date", "last"),
    [("2027-03-27", "2027-03-28 05:00"), ("2026-10-24", "2026-10-25 06:00")],
)
def test_a_night_shift_ends_by_the_clock_across_the_change(frozen, date, last):
    enrolment = EnrolmentFactory()
    trainer_for(
        enrolment, time_zone="Europe/London", weekly_hours=[(5, 1320, 1320 + 480)]
    )
    frozen.move_to(at(date))
    night = utc_starts(enrolment, before=at(date) + timedelta(days=2))

    assert night[-1] + HALF == at(last)  # 06:00 in London, in seven hours or in nine


@pytest.mark.django_db
def test_hours_set_a_year_ago_are_the_same_hours(frozen):
    enrolment = EnrolmentFactory()
    trainer = trainer_for(
        enrolment, time_zone="Europe/Berlin", weekly_hours=[(0, 540, 570)]
    )
    before = utc_starts(enrolment)

    for event in Event.objects.filter(calendar=trainer.hours):
        event.start -= timedelta(weeks=52)
        event.end -= timedelta(weeks=52)
        event.save()

    assert utc_starts(enrolment) == before != []
