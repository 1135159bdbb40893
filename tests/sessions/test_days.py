from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from schedule.models import Event

from lms.audit.models import Event as Logged
from lms.errors import Refused
from sessions.days import (
    Kind,
    clear_other_hours,
    close,
    coming_days,
    open_extra,
    reopen,
    set_other_hours,
)
from sessions.hours import set_zone
from sessions.slots import free_slots
from tests.factories import EnrolmentFactory, TrainerFactory

TODAY = datetime(2026, 6, 1, 8, tzinfo=UTC)  # a Monday, 09:00 in London
NINE_TO_TEN = [(day, 540, 600) for day in range(7)]


@pytest.fixture(autouse=True)
def today():
    with time_machine.travel(TODAY, tick=False) as traveller:
        yield traveller


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def enrolment(db):
    return EnrolmentFactory()


def trainer_for(enrolment, **fields):
    fields = {"time_zone": "UTC", "rest_minutes": 0, "notice_hours": 0} | fields
    return TrainerFactory(programmes=[enrolment.programme], **fields)


def hours_free(enrolment, **asked):
    """Starts of an hour's call, as text in UTC; each window here is an hour long."""
    slots = free_slots(enrolment, timedelta(hours=1), **asked)
    return [f"{slot.starts_at:%a %H:%M}" for slot in slots]


def changes(trainer):
    return [(one.kind, one.spans) for one in coming_days(trainer)]


# --- Time off and extra hours -------------------------------------------------------


def test_time_off_closes_part_of_a_day_and_no_more(enrolment):
    trainer = trainer_for(
        enrolment, weekly_hours=[(1, 540, 600), (1, 600, 660), (1, 660, 720)]
    )

    close(trainer, at("2026-06-02 10:00"), at("2026-06-02 11:00"), by=None)

    assert hours_free(enrolment, before=at("2026-06-05 00:00")) == [
        "Tue 09:00",
        "Tue 11:00",
    ]


def test_time_off_closes_a_range_of_days(enrolment):
    trainer = trainer_for(enrolment, weekly_hours=NINE_TO_TEN, horizon_days=7)

    close(
        trainer, at("2026-06-02 00:00"), at("2026-06-07 00:00"), by=None, title="Away"
    )

    assert hours_free(enrolment) == ["Mon 09:00", "Sun 09:00"]
    [change] = coming_days(trainer)
    assert change.days == (date(2026, 6, 2), date(2026, 6, 6))
    assert change.is_whole_days
    assert change.title == "Away"


def test_time_off_may_have_begun_already(enrolment):
    trainer = trainer_for(enrolment, weekly_hours=NINE_TO_TEN, horizon_days=2)

    close(trainer, at("2026-05-30 00:00"), at("2026-06-02 00:00"), by=None)

    assert hours_free(enrolment) == ["Tue 09:00"]


def test_extra_hours_open_once_over_midnight(enrolment):
    trainer = trainer_for(enrolment, weekly_hours=[], horizon_days=30)

    open_extra(trainer, at("2026-06-02 23:30"), at("2026-06-03 00:30"), by=None)

    assert hours_free(enrolment) == ["Tue 23:30"]


def test_what_was_said_last_holds(enrolment):
    trainer = trainer_for(enrolment, weekly_hours=[], horizon_days=30)
    day = at("2026-06-02 00:00"), at("2026-06-03 00:00")
    hour = at("2026-06-02 09:00"), at("2026-06-02 10:00")

    open_extra(trainer, *hour, by=None)
    opened = hours_free(enrolment)
    off = close(trainer, *day, by=None)
    closed = hours_free(enrolment)
    open_extra(trainer, *hour, by=None)
    again = hours_free(enrolment)
    close(trainer, *day, by=None)
    closed_again = hours_free(enrolment)
    reopen(trainer, Event.objects.get(calendar=trainer.off).pk, by=None)

    assert opened == again == hours_free(enrolment) == ["Tue 09:00"]
    assert closed == closed_again == []
    assert not Event.objects.filter(pk=off.pk).exists()


@pytest.mark.parametrize("say", [close, open_extra])
def test_the_same_said_again_is_said_once(enrolment, say):
    trainer = trainer_for(enrolment)

    for _n in range(2):
        say(trainer, at("2026-06-02 09:00"), at("2026-06-02 10:00"), by=trainer.user)

    assert len(coming_days(trainer)) == 1


@pytest.mark.parametrize("say", [close, open_extra])
@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-06-02 10:00", "2026-06-02 10:00"),  # empty
        ("2026-06-02 10:00", "2026-06-02 09:00"),
        ("2026-05-31 10:00", "2026-05-31 11:00"),  # over
        ("2026-06-01 07:00", "2026-06-01 08:00"),  # just over
        ("2028-07-02 10:00", "2028-07-02 11:00"),  # absurdly far
    ],
)
def test_a_time_that_makes_no_sense_is_refused(enrolment, say, start, end):
    trainer = trainer_for(enrolment)

    with pytest.raises(Refused):
        say(trainer, at(start), at(end), by=trainer.user)

    assert coming_days(trainer) == []
    assert not Logged.objects.filter(verb__startswith="added").exists()


def test_extra_hours_longer_than_a_day_are_refused(enrolment):
    trainer = trainer_for(enrolment)

    with pytest.raises(Refused, match="within a day"):
        open_extra(trainer, at("2026-06-02 10:00"), at("2026-06-03 10:01"), by=None)


def test_time_off_that_lasts_for_ages_is_refused(enrolment):
    trainer = trainer_for(enrolment)

    with pytest.raises(Refused, match="two years"):
        close(trainer, at("2026-06-02 10:00"), at("9999-06-03 10:01"), by=None)


# --- Other hours on a date -----------------------------------------------------------


def test_other_hours_hold_on_their_date_instead_of_the_weekly_ones(enrolment):
    trainer = trainer_for(
        enrolment,
        time_zone="Asia/Tokyo",
        weekly_hours=[(1, 540, 600), (2, 540, 600)],
        horizon_days=4,
    )

    set_other_hours(trainer, date(2026, 6, 2), [(660, 720), (780, 840)], by=None)

    assert hours_free(enrolment) == ["Tue 02:00", "Tue 04:00", "Wed 00:00"]
    assert changes(trainer) == [(Kind.OTHER, ((660, 720), (780, 840)))]


def test_no_other_hours_close_the_date(enrolment):
    trainer = trainer_for(enrolment, weekly_hours=NINE_TO_TEN, horizon_days=3)

    set_other_hours(trainer, date(2026, 6, 2), [], by=None)

    assert hours_free(enrolment) == ["Mon 09:00", "Wed 09:00"]
    assert changes(trainer) == [(Kind.OTHER, ())]


def test_other_hours_are_replaced_and_cleared(enrolment):
    trainer = trainer_for(enrolment, weekly_hours=[(1, 540, 600)], horizon_days=3)
    day = date(2026, 6, 2)

    set_other_hours(trainer, day, [(60, 120)], by=trainer.user)
    set_other_hours(trainer, day, [(720, 780)], by=trainer.user)
    replaced = hours_free(enrolment)
    for _n in range(2):
        clear_other_hours(trainer, day, by=trainer.user)

    assert replaced == ["Tue 12:00"]
    assert hours_free(enrolment) == ["Tue 09:00"]
    assert coming_days(trainer) == []
    assert Logged.objects.filter(verb="cleared_other_hours").count() == 1


def test_other_hours_own_their_date_from_midnight_to_midnight(enrolment):
    """What began the evening before ends; what begins then goes on after midnight."""
    nights = [(0, 1380, 1500), (1, 1380, 1500)]  # Monday and Tuesday, 23:00 to 01:00
    trainer = trainer_for(enrolment, weekly_hours=nights, horizon_days=3)

    set_other_hours(trainer, date(2026, 6, 2), [(720, 780)], by=None)

    assert hours_free(enrolment) == ["Mon 23:00", "Tue 12:00", "Wed 00:00"]


def test_other_hours_may_run_over_midnight_into_a_day_closed_before(enrolment):
    trainer = trainer_for(enrolment, weekly_hours=NINE_TO_TEN, horizon_days=3)

    set_other_hours(trainer, date(2026, 6, 3), [], by=None)
    set_other_hours(trainer, date(2026, 6, 2), [(1410, 1470)], by=None)

    assert hours_free(enrolment) == ["Mon 09:00", "Tue 23:30"]
    assert changes(trainer) == [(Kind.OTHER, ((1410, 1470),)), (Kind.OTHER, ())]


def test_other_hours_may_touch(enrolment):
    trainer = trainer_for(enrolment, weekly_hours=[], horizon_days=3)

    set_other_hours(trainer, date(2026, 6, 2), [(570, 600), (540, 570)], by=None)

    assert hours_free(enrolment) == ["Tue 09:00"]


@pytest.mark.parametrize(
    ("day", "spans"),
    [
        (date(2026, 5, 31), [(540, 600)]),  # over
        (date(2028, 6, 4), [(540, 600)]),  # absurdly far
        (date(9999, 12, 31), [(540, 600)]),
        (date(2026, 6, 2), [(540, 540)]),
        (date(2026, 6, 2), [(600, 540)]),
        (date(2026, 6, 2), [(-1, 540)]),
        (date(2026, 6, 2), [(1440, 1500)]),
        (date(2026, 6, 2), [(540, 540 + 1441)]),
        (date(2026, 6, 2), [(540, 600), (599, 700)]),
        (date(2026, 6, 2), [(540, 600), (540, 600)]),
        (date(2027, 3, 28), [(65, 115)]),  # 01:05 to 01:55, which the clock skips
    ],
)
def test_other_hours_that_make_no_sense_are_refused(enrolment, day, spans):
    trainer = trainer_for(enrolment, time_zone="Europe/London")
    set_other_hours(trainer, date(2026, 6, 2), [(60, 120)], by=None)

    with pytest.raises(Refused):
        set_other_hours(trainer, day, spans, by=None)

    assert changes(trainer) == [(Kind.OTHER, ((60, 120),))]


@pytest.mark.parametrize(
    ("day", "hours"),
    [
        (date(2026, 10, 25), 25),  # the clock goes back
        (date(2027, 3, 28), 23),
    ],
)
def test_a_date_with_other_hours_lasts_as_long_as_it_does(enrolment, day, hours):
    trainer = trainer_for(enrolment, time_zone="Europe/London")

    set_other_hours(trainer, day, [], by=None)

    [change] = coming_days(trainer)
    assert change.ends_at - change.starts_at == timedelta(hours=hours)


# --- Taking back, and what is to come ------------------------------------------------


def test_other_hours_are_taken_back_whole_by_any_event_of_theirs(enrolment):
    trainer = trainer_for(enrolment)
    for event in range(3):
        set_other_hours(trainer, date(2026, 6, 2), [(60, 120), (180, 240)], by=None)
        pk = Event.objects.filter(description__gt="").order_by("pk")[event].pk

        reopen(trainer, pk, by=None)

        assert coming_days(trainer) == []


def test_nobody_takes_back_what_is_anothers_or_weekly(enrolment):
    trainer, other = trainer_for(enrolment), trainer_for(enrolment)
    off = close(other, at("2026-06-02 10:00"), at("2026-06-02 11:00"), by=None)
    weekly = Event.objects.filter(calendar=trainer.hours)[0]

    for pk in (off.pk, weekly.pk, 0):
        reopen(trainer, pk, by=trainer.user)

    assert Event.objects.filter(pk__in=[off.pk, weekly.pk]).count() == 2


def test_coming_days_are_those_from_today_on_in_the_trainers_zone(
    enrolment, today, django_assert_num_queries
):
    trainer = trainer_for(enrolment, time_zone="Pacific/Kiritimati")  # 14 h ahead
    close(trainer, at("2026-06-01 09:30"), at("2026-06-01 10:00"), by=None)
    close(trainer, at("2026-06-01 10:00"), at("2026-06-01 10:30"), by=None)
    set_other_hours(trainer, date(2026, 6, 1), [(1410, 1470)], by=None)
    set_other_hours(trainer, date(2026, 6, 2), [], by=None)
    today.move_to(at("2026-06-01 10:00"))  # midnight there

    with django_assert_num_queries(1):
        found = coming_days(trainer)

    assert [(one.kind, one.starts_at) for one in found] == [
        (Kind.OFF, at("2026-06-01 10:00")),
        (Kind.OTHER, at("2026-06-01 10:00")),
    ]


def test_a_new_zone_keeps_every_change_as_the_clock_shows_it(enrolment):
    trainer = trainer_for(enrolment, weekly_hours=[(1, 540, 600)], horizon_days=9)
    close(trainer, at("2026-06-04 13:00"), at("2026-06-04 14:00"), by=None)
    close(trainer, at("2026-06-09 00:00"), at("2026-06-11 00:00"), by=None)
    open_extra(trainer, at("2026-06-05 23:30"), at("2026-06-06 00:30"), by=None)
    set_other_hours(trainer, date(2026, 6, 8), [(60, 120)], by=None)
    before = [(one.kind, one.days, one.spans) for one in coming_days(trainer)]

    set_zone(trainer, "America/New_York", by=trainer.user)

    after = coming_days(trainer)
    assert [(one.kind, one.days, one.spans) for one in after] == before
    assert after[0].starts_at == at("2026-06-04 17:00")
    assert hours_free(enrolment) == ["Tue 13:00", "Sat 03:30", "Mon 05:00"]


def test_a_new_zone_drops_hours_that_its_clock_skips(enrolment):
    trainer = trainer_for(enrolment)
    open_extra(trainer, at("2027-03-28 01:05"), at("2027-03-28 01:55"), by=None)

    set_zone(trainer, "Europe/London")

    assert coming_days(trainer) == []
