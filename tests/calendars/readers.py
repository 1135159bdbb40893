"""Three readers of calendar files that are not ours, each telling what it read."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ical.calendar_stream import IcsCalendarStream
from icalendar import Calendar

from tests.databases import CACHE

HERE = Path(__file__).parent
NODE = Path(sys.executable).parent / "node"
ICAL_JS = CACHE.parent / "npm" / "node_modules" / "ical.js" / "dist" / "ical.js"


@dataclass(frozen=True)
class Said:
    """What a calendar file says of its one event, instants in UTC."""

    method: str
    uid: str
    sequence: int
    status: str
    starts_at: datetime
    ends_at: datetime
    summary: str
    description: str
    location: str
    organizer: str
    attendee: str
    attendee_name: str


def by_icalendar(texts: Sequence[str]) -> list[Said]:
    """Read with Python's icalendar, as it parses what others send."""
    return [_by_icalendar(Calendar.from_ical(text)) for text in texts]


def _by_icalendar(calendar: Calendar) -> Said:
    (event,) = calendar.walk("VEVENT")
    return Said(
        method=str(calendar["METHOD"]),
        uid=str(event["UID"]),
        sequence=int(event["SEQUENCE"]),
        status=str(event["STATUS"]),
        starts_at=event["DTSTART"].dt.astimezone(UTC),
        ends_at=event["DTEND"].dt.astimezone(UTC),
        summary=str(event["SUMMARY"]),
        description=str(event["DESCRIPTION"]),
        location=str(event["LOCATION"]),
        organizer=str(event["ORGANIZER"]),
        attendee=str(event["ATTENDEE"]),
        attendee_name=str(event["ATTENDEE"].params["CN"]),
    )


def by_ical(texts: Sequence[str]) -> list[Said]:
    """Read with Python's ical, which Home Assistant reads calendars with."""
    return [_by_ical(text) for text in texts]


def _by_ical(text: str) -> Said:
    calendar = IcsCalendarStream.calendar_from_ics(text)
    (event,) = calendar.events
    (attendee,) = event.attendees
    return Said(
        method=calendar.method,
        uid=event.uid,
        sequence=event.sequence,
        status=event.status.value,
        starts_at=event.dtstart.astimezone(UTC),
        ends_at=event.dtend.astimezone(UTC),
        summary=event.summary,
        description=event.description,
        location=event.location,
        organizer=str(event.organizer.uri),
        attendee=str(attendee.uri),
        attendee_name=attendee.common_name,
    )


def by_ical_js(texts: Sequence[str]) -> list[Said]:
    """Read with ical.js, which Thunderbird and Nextcloud read calendars with."""
    done = subprocess.run(
        [NODE, HERE / "read.mjs", ICAL_JS.as_uri()],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return [_as_said(read) for read in json.loads(done.stdout)]


def _as_said(read: dict[str, object]) -> Said:
    assert read.pop("events") == 1
    for name in ("starts_at", "ends_at"):
        read[name] = datetime.fromisoformat(str(read[name])).astimezone(UTC)
    return Said(**read)  # type: ignore[arg-type]  # as read.mjs writes it


READERS = {"icalendar": by_icalendar, "ical": by_ical, "ical.js": by_ical_js}
