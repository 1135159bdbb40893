"""Calendar files of a call (RFC 5545, 5546): one UID for life, SEQUENCE rising."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr
from functools import lru_cache
from typing import TYPE_CHECKING
from unicodedata import category
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.conf import settings
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _
from icalendar import (
    Alarm,
    Calendar,
    Event,
    Timezone,
    TimezoneDaylight,
    TimezoneStandard,
    vCalAddress,
    vText,
)

from lms.mail.outbox import File
from sessions.minutes import DAY, jump
from sessions.models import Booking, BookingState

if TYPE_CHECKING:
    from lms.people.models import User


def calendar_file(booking: Booking, reader: User, method: str = "") -> File:
    """Return the file for one side, in their zone: METHOD REQUEST, or CANCEL.

    A `method` of "" follows the call; CANCEL also takes it from a trainer whose it
    no longer is.
    """
    if not method:
        is_off = booking.state == BookingState.CANCELLED
        method = "CANCEL" if is_off else "REQUEST"
    return File(
        name="call.ics",
        type="text/calendar",
        text=_text(booking, reader, method),
        method=method,
    )


def summary(booking: Booking) -> str:
    """Its line in a calendar: the same for both sides."""
    return _("ByteKast call: %(programme)s") % {
        "programme": one_line(booking.enrolment.edition.title)
    }


def description(booking: Booking) -> str:
    """Who meets, on which topics, and the page through which the room is reached."""
    people = _("%(trainee)s and %(trainer)s") % {
        "trainee": one_line(str(booking.trainee)),
        "trainer": one_line(str(booking.trainer)),
    }
    titles = [f"- {one_line(topic.title)}" for topic in booking.topics.all()]
    join = _("Join from the call's page:")
    return "\n".join([people, *titles, "", join, page_url(booking)])


def one_line(text: str) -> str:
    """What people typed, on one line, without control characters and backslashes.

    Escaping is not enough: readers drop a whole property over a control character,
    and take a backslash for an escape even where the format knows none.
    """
    plain = "".join(" " if category(c) == "Cc" else c for c in text)
    return " ".join(plain.replace("\\", "/").split())


def page_url(booking: Booking) -> str:
    """The full address of the call's page."""
    return f"{settings.PUBLIC_URL}{booking.get_absolute_url()}"


def _text(booking: Booking, reader: User, method: str) -> str:
    """Write the file; what a zone's clock does is kept as text, being most of it."""
    zone = ""
    if reader.time_zone != "UTC":
        zone = _zone_text(reader.zone, booking.starts_at.year)
    event = _event(booking, reader, method).to_ical().decode()
    return (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n"
        f"PRODID:-//ByteKast//Qualifications//EN\r\nMETHOD:{method}\r\n"
        f"{zone}{event}END:VCALENDAR\r\n"
    )


@lru_cache(maxsize=512)
def _zone_text(zone: ZoneInfo, year: int) -> str:
    return str(time_zone(zone, year).to_ical().decode())


def feed(bookings: Iterable[Booking], reader: User) -> str:
    """Write many calls as one file to read again and again; nobody's mail address.

    What was called off says so, that apps may drop it. In the reader's zone, which
    the file describes once.
    """
    calendar = _calendar(_("ByteKast calls"), reader)
    for booking in bookings:
        is_off = booking.state == BookingState.CANCELLED
        event = _event(booking, reader, "CANCEL" if is_off else "PUBLISH")
        del event["ATTENDEE"]
        calendar.add_component(event)
    return str(calendar.to_ical().decode())


def team_feed(bookings: Iterable[Booking], reader: User) -> str:
    """Write a team's calls for its manager: who, when and of what programme, no more."""
    calendar = _calendar(_("ByteKast calls of the team"), reader)
    for booking in bookings:
        event = Event()
        event.add("uid", f"team-{booking.uid}")
        event.add("sequence", booking.sequence)
        event.add("dtstamp", now())
        event.add("dtstart", booking.starts_at.astimezone(reader.zone))
        event.add("dtend", booking.ends_at.astimezone(reader.zone))
        who = one_line(booking.trainee.full_name)
        event.add("summary", f"{who}: {one_line(booking.enrolment.edition.title)}")
        is_off = booking.state == BookingState.CANCELLED
        event.add("status", "CANCELLED" if is_off else "CONFIRMED")
        event.add("transp", "TRANSPARENT")  # it is not the manager's own time
        calendar.add_component(event)
    return str(calendar.to_ical().decode())


def _calendar(name: str, reader: User) -> Calendar:
    """A file that apps read again and again, still without events."""
    calendar = Calendar()
    calendar.add("prodid", "-//ByteKast//Qualifications//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("name", name)
    calendar.add("x-wr-calname", name)
    calendar.add("x-wr-timezone", reader.time_zone)
    calendar.add("refresh-interval", timedelta(hours=1), {"VALUE": "DURATION"})
    calendar.add("x-published-ttl", "PT1H")
    if reader.time_zone != "UTC":
        calendar.add_component(time_zone(reader.zone, now().year))
    return calendar


@lru_cache(maxsize=512)
def time_zone(zone: ZoneInfo, year: int) -> Timezone:
    """Return what the zone's clock does in a year, the one before and the one after.

    Each part begins, as RFC 5545 asks, at the wall-clock time that the clock showed
    as it changed, by the offset before (icalendar's own generator takes the one after).
    """
    minute, last = (
        int(datetime(one, 1, 1, tzinfo=UTC).timestamp() // 60)
        for one in (year - 1, year + 2)
    )
    found = Timezone()
    found.add("tzid", zone.key)
    found.add_component(_clock_since(zone, minute, minute))
    while minute < last:
        change = jump(zone, minute, minute + DAY)
        if change > minute:
            found.add_component(_clock_since(zone, change, change - 1))
        minute += DAY
    return found


def _clock_since(
    zone: ZoneInfo, minute: int, before: int
) -> TimezoneStandard | TimezoneDaylight:
    was, now_on = (datetime.fromtimestamp(at * 60, zone) for at in (before, minute))
    part = TimezoneDaylight() if now_on.dst() else TimezoneStandard()
    offset_before = was.utcoffset() or timedelta()
    onset = datetime.fromtimestamp(minute * 60, UTC) + offset_before
    part.add("dtstart", onset.replace(tzinfo=None))
    part.add("tzoffsetfrom", offset_before)
    part.add("tzoffsetto", now_on.utcoffset() or timedelta())
    part.add("tzname", now_on.tzname() or "")
    return part


def _event(booking: Booking, reader: User, method: str) -> Event:
    event = Event()
    event.add("uid", booking.uid)
    event.add("sequence", booking.sequence)
    event.add("dtstamp", now())
    event.add("dtstart", booking.starts_at.astimezone(reader.zone))
    event.add("dtend", booking.ends_at.astimezone(reader.zone))
    event.add("summary", summary(booking))
    event.add("description", description(booking))
    event.add("location", page_url(booking))
    event.add("url", page_url(booking))
    event.add("status", "CANCELLED" if method == "CANCEL" else "CONFIRMED")
    event.add("organizer", _organizer())
    event.add("attendee", _attendee(reader))
    if method == "REQUEST":
        event.add_component(_alarm())
    return event


def _organizer() -> vCalAddress:
    """Always the same: calendars take a change only from who invited."""
    name, address = parseaddr(settings.MAIL_FROM)
    organizer = vCalAddress(f"mailto:{address}")
    organizer.params["CN"] = vText(name or "ByteKast")
    return organizer


def _attendee(reader: User) -> vCalAddress:
    """The reader alone: the other side's address is theirs."""
    attendee = vCalAddress(f"mailto:{reader.email}")
    attendee.params["CN"] = vText(one_line(reader.full_name))
    attendee.params["ROLE"] = vText("REQ-PARTICIPANT")
    attendee.params["PARTSTAT"] = vText("ACCEPTED")
    attendee.params["RSVP"] = vText("FALSE")
    return attendee


def _alarm() -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", _("Your call begins soon."))
    alarm.add("trigger", timedelta(minutes=-10))
    return alarm


def links(booking: Booking) -> dict[str, str]:
    """Addresses that add the call to a calendar on the web."""
    start, end = booking.starts_at.astimezone(UTC), booking.ends_at.astimezone(UTC)
    google = {
        "action": "TEMPLATE",
        "text": summary(booking),
        "dates": f"{start:%Y%m%dT%H%M%SZ}/{end:%Y%m%dT%H%M%SZ}",
        "details": description(booking),
        "location": page_url(booking),
    }
    outlook = {
        "path": "/calendar/action/compose",
        "rru": "addevent",
        "subject": summary(booking),
        "startdt": f"{start:%Y-%m-%dT%H:%M:%SZ}",
        "enddt": f"{end:%Y-%m-%dT%H:%M:%SZ}",
        "body": description(booking),
        "location": page_url(booking),
    }
    outlook_page = "https://outlook.office.com/calendar/0/deeplink/compose"
    return {
        "google": f"https://calendar.google.com/calendar/render?{urlencode(google)}",
        "outlook": f"{outlook_page}?{urlencode(outlook)}",
        "file": reverse("sessions:calendar_file", args=[booking.ref]),
    }
