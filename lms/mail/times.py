"""The one way times are written: on pages, in mail and in files alike."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from lms.mail.zones import city


def moment(at: datetime, zone: str | ZoneInfo) -> str:
    """Write an instant in a zone, the zone named: "Tue 24 Nov, 14:00 (London)"."""
    return f"{day(at, zone)}, {clock(at, zone)} ({city(str(zone))})"


def day(at: datetime, zone: str | ZoneInfo) -> str:
    """Write the local day of an instant: "Tue 24 Nov", with its year if not soon."""
    local = _local(at, zone)
    far = abs(local - datetime.now(local.tzinfo)) > timedelta(days=180)
    return date_format(local, "D j M Y" if far else "D j M")


def clock(at: datetime, zone: str | ZoneInfo) -> str:
    """Write the local time of day of an instant: "14:00".

    In the hour that a clock change repeats, its name tells which: "01:30 BST".
    """
    local = _local(at, zone)
    other = local.replace(fold=1 - local.fold)
    repeated = local.utcoffset() != other.utcoffset()
    return date_format(local, "H:i") + (f" {local.tzname()}" if repeated else "")


def span(start: datetime, end: datetime, zone: str | ZoneInfo) -> str:
    """Write a stretch of time: "Tue 24 Nov, 14:00–14:45 (London)".

    Past midnight the last day is named too.
    """
    last = clock(end, zone)
    if _local(start, zone).date() != _local(end, zone).date():
        last = f"{day(end, zone)}, {last}"
    return f"{day(start, zone)}, {clock(start, zone)}–{last} ({city(str(zone))})"


def on_day(on: date) -> str:
    """Write a date: "24 November 2026"."""
    return date_format(on, "j F Y")


def length(duration: timedelta) -> str:
    """Write a length in minutes: "45 minutes"."""
    minutes = int(duration.total_seconds() // 60)
    return _("%(minutes)d minutes") % {"minutes": minutes}


def _local(at: datetime, zone: str | ZoneInfo) -> datetime:
    return at.astimezone(ZoneInfo(zone) if isinstance(zone, str) else zone)
