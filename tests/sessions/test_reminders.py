from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import time_machine
from django.core import mail as outbox

from lms.mail.models import Message
from lms.mail.outbox import send_due
from sessions.booking import book_as_agreed, book_call, ready_topics
from sessions.cancelling import cancel_call
from sessions.moving import move_call
from sessions.reminders import begins_soon, remind, write
from tests.factories import (
    BookingFactory,
    EnrolmentFactory,
    TrainerFactory,
    UserFactory,
)

MONDAY = datetime(2026, 6, 1, 8, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def at(moment):
    return time_machine.travel(moment, tick=False)


def call_of(starts_at, *, trainee="Europe/London", trainer="Europe/London"):
    return BookingFactory(
        starts_at=starts_at,
        enrolment__member__user=UserFactory(time_zone=trainee),
        trainer=TrainerFactory(user=UserFactory(time_zone=trainer)),
    )


def waiting(person=None):
    rows = Message.objects.filter(key__contains=":reminder:", dropped_at=None)
    return list(rows.filter(recipient=person) if person else rows)


def words(person):
    """What each reminder says, written as it leaves."""
    return [write(row) for row in waiting(person)]


def when(person):
    return [row.send_after for row in waiting(person)]


# --- Who, and when -----------------------------------------------------------------


def test_both_are_reminded_a_day_and_an_hour_before(db):
    with at(MONDAY):
        call = call_of(MONDAY + 3 * DAY)
        remind(call)

    for person in (call.trainee, call.trainer.user):
        assert when(person) == [MONDAY + 2 * DAY, MONDAY + 3 * DAY - HOUR]
        assert [row.expires_at for row in waiting(person)] == [
            call.starts_at - HOUR,
            call.starts_at,
        ]


def test_each_reads_it_in_their_zone(db):
    with at(MONDAY):
        call = call_of(MONDAY + 3 * DAY, trainee="Asia/Kathmandu")
        remind(call)

        day, hour = words(call.trainee)
        theirs, _hour = words(call.trainer.user)

    assert (
        day.subject
        == f"Coming up: call with {call.trainer}, Thu 4 Jun, 13:45 (Kathmandu)"
    )
    assert theirs.subject.endswith("Thu 4 Jun, 09:00 (London)")
    assert hour.subject.startswith("In an hour: ")
    assert "When: Thu 4 Jun, 13:45–14:05 (Kathmandu)" in hour.body


def test_each_reads_it_in_their_language(db):
    with at(MONDAY):
        call = call_of(MONDAY + 3 * DAY)
        call.trainee.language = "de"
        call.trainee.save()
        remind(call)

        assert "Do 4 Jun, 09:00" in words(call.trainee)[0].subject
        assert "Thu 4 Jun, 09:00" in words(call.trainer.user)[0].subject


def test_reminding_again_writes_nothing(db):
    with at(MONDAY):
        call = call_of(MONDAY + 3 * DAY)
        remind(call)
        remind(call)

    assert len(waiting()) == 4


# --- Over the change of the clocks -------------------------------------------------

SPRING = datetime(2026, 3, 29, 8, tzinfo=UTC)  # 09:00 in London, 04:00 in New York
AUTUMN = datetime(2026, 10, 25, 23, 30, tzinfo=UTC)  # 23:30 in London


@pytest.mark.parametrize(
    ("starts_at", "zone", "hours", "said"),
    [
        (SPRING, "Europe/London", 23, "Sun 29 Mar, 09:00 (London)"),
        (SPRING, "America/New_York", 24, "Sun 29 Mar, 04:00 (New York)"),
        (AUTUMN, "Europe/London", 25, "Sun 25 Oct, 23:30 (London)"),
        (AUTUMN, "Asia/Kolkata", 24, "Mon 26 Oct, 05:00 (Kolkata)"),
        (
            datetime(2026, 10, 25, 0, 30, tzinfo=UTC),  # the first of two 01:30
            "Europe/London",
            24,
            "Sun 25 Oct, 01:30 BST (London)",
        ),
        (
            datetime(2026, 10, 25, 1, 30, tzinfo=UTC),  # the second
            "Europe/London",
            25,
            "Sun 25 Oct, 01:30 GMT (London)",
        ),
    ],
)
def test_a_day_before_is_the_same_time_of_day_on_their_own_clock(
    db, starts_at, zone, hours, said
):
    with at(starts_at - 10 * DAY):
        call = call_of(starts_at, trainee=zone)
        remind(call)

        assert all(said in one.subject for one in words(call.trainee))

    assert when(call.trainee) == [starts_at - hours * HOUR, starts_at - HOUR]


def test_a_day_before_a_time_that_the_clock_skips_is_still_said(db):
    starts_at = datetime(2026, 3, 30, 0, 30, tzinfo=UTC)  # Monday 01:30 in London
    with at(starts_at - 10 * DAY):
        call = call_of(starts_at)
        remind(call)

    assert when(call.trainee)[0] == starts_at - 23 * HOUR  # 01:30 was not on Sunday


# --- Made up for late bookings -----------------------------------------------------


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (DAY + HOUR + MINUTE, ["day", "hour"]),
        (DAY + HOUR, ["hour"]),  # the confirmation says it only an hour earlier
        (DAY, ["hour"]),
        (2 * HOUR, ["hour"]),
        (HOUR + 6 * MINUTE, ["hour"]),
        (HOUR + 5 * MINUTE, []),
        (30 * MINUTE, []),
        (MINUTE, []),
    ],
)
def test_who_books_late_is_reminded_of_what_is_left(db, before, expected):
    with at(MONDAY):
        call = call_of(MONDAY + before)
        remind(call)
        soon = begins_soon(call)

    assert [row.key.split(":")[3] for row in waiting(call.trainee)] == expected
    assert soon == (expected == [])


@pytest.mark.parametrize(("minutes", "said"), [(60, True), (90, False)])
def test_the_confirmation_says_that_it_begins_soon(db, minutes, said):
    with at(MONDAY + HOUR):
        enrolment = EnrolmentFactory()
        trainer = TrainerFactory(programmes=[enrolment.programme])
        book_as_agreed(
            trainer,
            enrolment,
            ready_topics(enrolment)[:1],
            starts_at=MONDAY + HOUR + minutes * MINUTE,
            request_key=uuid4(),
        )

    confirmed = Message.objects.filter(key__contains=":booked:")
    assert [("It begins soon" in mail.body) for mail in confirmed] == [said, said]
    assert bool(waiting()) != said


def test_a_booking_reminds_both(db):
    with at(MONDAY):
        enrolment = EnrolmentFactory()
        TrainerFactory(programmes=[enrolment.programme])
        book_call(
            enrolment,
            ready_topics(enrolment)[:1],
            starts_at=MONDAY + 2 * DAY,
            request_key=uuid4(),
            by=enrolment.member.user,
        )

    assert len(waiting()) == 4


# --- Leaving the house -------------------------------------------------------------


def sent_at(moment):
    outbox.outbox.clear()
    with at(moment):
        send_due()
    return [mail.subject.partition(":")[0] for mail in outbox.outbox]


def test_each_reminder_leaves_once_at_its_time(db):
    with at(MONDAY):
        call = call_of(MONDAY + 3 * DAY)
        remind(call)

    assert sent_at(MONDAY + 2 * DAY - MINUTE) == []
    assert sent_at(MONDAY + 2 * DAY) == ["Coming up"] * 2
    assert sent_at(MONDAY + 3 * DAY - HOUR - MINUTE) == []
    assert sent_at(MONDAY + 3 * DAY - HOUR) == ["In an hour"] * 2
    assert sent_at(MONDAY + 3 * DAY) == []


@pytest.mark.parametrize(
    ("back", "expected"),
    [(2 * HOUR, ["Coming up"] * 2), (HOUR, ["In an hour"] * 2), (timedelta(), [])],
)
def test_after_a_stop_of_the_house_nobody_gets_two_at_once(db, back, expected):
    with at(MONDAY):
        call = call_of(MONDAY + 3 * DAY)
        remind(call)

    assert sent_at(call.starts_at - back) == expected


@pytest.mark.parametrize("change", ["address", "zone", "name"])
def test_a_reminder_says_what_is_true_as_it_leaves(db, change):
    with at(MONDAY):
        call = call_of(MONDAY + 3 * DAY)
        remind(call)
    person = call.trainee
    if change == "address":
        person.email = "new@example.com"
    elif change == "zone":
        person.time_zone = "Asia/Tokyo"
    else:
        call.trainer.user.full_name = "Ada New"
        call.trainer.user.save()
    person.save()

    sent_at(MONDAY + 2 * DAY)

    assert {
        "address": any(mail.to == ["new@example.com"] for mail in outbox.outbox),
        "zone": any("17:00 (Tokyo)" in mail.subject for mail in outbox.outbox),
        "name": any("with Ada New" in mail.subject for mail in outbox.outbox),
    }[change]


@pytest.mark.parametrize("change", ["move", "cancel"])
def test_what_has_changed_is_not_reminded_of(db, change):
    with at(MONDAY):
        call = call_of(MONDAY + 3 * DAY)
        remind(call)
        call.trainer.programmes.add(call.enrolment.programme)
        if change == "move":
            move_call(call, starts_at=MONDAY + 4 * DAY, by=call.trainee)
        else:
            cancel_call(call, by=call.trainee, reason="Ill.")
    Message.objects.update(dropped_at=None)  # as if it had not been taken back
    Message.objects.exclude(key__contains=":reminder:").delete()

    assert sent_at(MONDAY + 2 * DAY) == []
