from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from icalendar import Calendar

from lms.mail.models import Message
from sessions.calendar_files import calendar_file, links
from sessions.cancelling import cancel_call
from tests.factories import BookingFactory, TrainerFactory, UserFactory

SUMMER = datetime(2026, 7, 1, 13, tzinfo=UTC)
WINTER = datetime(2026, 12, 1, 13, tzinfo=UTC)


def read(file):
    calendar = Calendar.from_ical(file["text"])
    (event,) = calendar.walk("VEVENT")
    return calendar, event


@pytest.mark.parametrize("starts_at", [SUMMER, WINTER])
@pytest.mark.parametrize(
    "zone", ["Europe/London", "America/New_York", "Asia/Kathmandu", "UTC"]
)
def test_file_holds_the_call_at_its_instant_in_the_readers_zone(db, starts_at, zone):
    booking = BookingFactory(starts_at=starts_at)
    booking.trainee.time_zone = zone

    _calendar, event = read(calendar_file(booking, booking.trainee))

    assert event["DTSTART"].dt == starts_at
    assert event["DTEND"].dt == booking.ends_at
    assert (
        event["DTSTART"].dt.utcoffset()
        == starts_at.astimezone(booking.trainee.zone).utcoffset()
    )


@pytest.mark.parametrize(
    "name",
    [
        "Europe/London",
        "America/New_York",
        "Australia/Lord_Howe",
        "Africa/Casablanca",
        "Asia/Tokyo",
    ],
)
def test_file_brings_the_rules_of_its_zone_to_the_minute(db, name):
    booking = BookingFactory(starts_at=SUMMER)
    booking.trainee.time_zone = name

    calendar, event = read(calendar_file(booking, booking.trainee))

    (rules,) = calendar.walk("VTIMEZONE")
    assert event["DTSTART"].params["TZID"] == rules["TZID"] == name
    half_hours = (SUMMER + timedelta(minutes=30 * n - 1) for n in range(-9000, 9000))
    for at in half_hours:
        assert offset_by(rules, at) == at.astimezone(ZoneInfo(name)).utcoffset()


def offset_by(rules, at):
    """What a calendar program makes of the rules: the last part that has begun."""
    begun = [
        (onset, part["TZOFFSETTO"].td)
        for part in rules.subcomponents
        if (onset := part["DTSTART"].dt - part["TZOFFSETFROM"].td)
        <= at.replace(tzinfo=None)
    ]
    return max(begun)[1]


def test_file_keeps_its_uid_and_counts_its_changes(db):
    booking = BookingFactory()
    invited, was = read(calendar_file(booking, booking.trainee))

    cancelled = cancel_call(booking, by=booking.trainee, reason="Ill.")
    taken_out, event = read(calendar_file(cancelled, booking.trainee))

    assert (invited["METHOD"], taken_out["METHOD"]) == ("REQUEST", "CANCEL")
    assert was["UID"] == event["UID"] == booking.uid
    assert "@" in booking.uid
    assert (was["SEQUENCE"], event["SEQUENCE"]) == (0, 1)
    assert was["ORGANIZER"] == event["ORGANIZER"]
    assert event["STATUS"] == "CANCELLED"


def test_mail_carries_the_method_in_the_file_and_beside_it(db):
    booking = BookingFactory()

    cancel_call(booking, by=booking.trainee, reason="Ill.")

    for message in Message.objects.all():
        (file,) = message.attachments
        calendar, event = read(file)
        assert file["method"] == calendar["METHOD"] == "CANCEL"
        assert event["ATTENDEE"] == f"mailto:{message.to}"


def test_file_leads_to_the_page_and_never_to_the_room(db):
    booking = BookingFactory()

    file = calendar_file(booking, booking.trainee)

    unfolded = file["text"].replace("\r\n ", "")
    assert booking.get_absolute_url() in unfolded
    assert "meet.example.com" not in unfolded
    assert booking.trainer.user.email not in unfolded
    assert "meet.example.com" not in str(links(booking))


@pytest.mark.parametrize(
    "name",
    [
        "Eve\r\nATTENDEE:mailto:eve@example.com",
        'Eve"; X=1',
        "Eve; Adam, and: all \\ of them",
        "Ève 🙂 " + "long " * 20,
    ],
)
def test_file_takes_any_name_as_text(db, name):
    booking = BookingFactory(
        enrolment__member__user=UserFactory(full_name=name),
        trainer=TrainerFactory(user=UserFactory(full_name=name)),
    )

    file = calendar_file(booking, booking.trainee)

    _calendar, event = read(file)
    assert event["ATTENDEE"] == f"mailto:{booking.trainee.email}"
    assert max(len(line.encode()) for line in file["text"].split("\r\n")) <= 75


def test_file_is_stamped_now(db):
    with time_machine.travel(SUMMER - timedelta(days=1), tick=False):
        booking = BookingFactory()
        _calendar, event = read(calendar_file(booking, booking.trainee))

    assert event["DTSTAMP"].dt == SUMMER - timedelta(days=1)
