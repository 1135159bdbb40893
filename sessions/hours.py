"""A trainer's weekly hours, kept in django-scheduler's calendars.

An event keeps no zone: its start is read as wall-clock time in the trainer's zone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.conf.locale import LANG_INFO
from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _
from schedule.models import Event, Rule

from lms.audit.log import record
from lms.errors import Refused
from lms.mail.zones import ZONES
from lms.people.models import User
from sessions.minutes import DAY, WEEK, placed, wall
from sessions.models import Trainer
from sessions.outside import read_anew

ZONE_NAMES = {name for name, _label in ZONES}
LANGUAGE_CODES = {code for code in LANG_INFO if len(code) == 2}
RULES = ["rest_minutes", "notice_hours", "horizon_days", "day_cap", "week_cap"]
DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


class Window(NamedTuple):
    """Weekly hours: Monday is 0; minutes from its midnight, up to 48:00."""

    weekday: int
    start: int
    end: int

    def __str__(self) -> str:
        return f"{DAYS[self.weekday]} {_clock(self.start)}-{_clock(self.end % DAY)}"


@transaction.atomic
def set_weekly_hours(
    trainer: Trainer, windows: Sequence[tuple[int, int, int]], *, by: User | None = None
) -> None:
    """Replace the weekly hours: (weekday, start minute, end minute) of each window.

    Minutes count from the weekday's midnight; an end past 24:00 is of the next day.
    Raises Refused for a window without length or two that overlap. Calls that are
    booked already stay.
    """
    checked = require_good([Window(*window) for window in windows])
    lock_hours(trainer)
    Event.objects.filter(calendar=trainer.hours_id).delete()
    rule = weekly_rule()
    Event.objects.bulk_create(
        Event(
            calendar_id=trainer.hours_id,
            title=str(window),
            start=_anchored(trainer.zone, window.weekday, window.start),
            end=_anchored(trainer.zone, window.weekday, window.end),
            rule=rule,
        )
        for window in checked
    )
    record(by, "set_weekly_hours", trainer, windows=len(checked))


def weekly_hours(trainers: Iterable[Trainer]) -> dict[int, list[Window]]:
    """Return each trainer's weekly windows in order, by trainer's pk; one query."""
    by_calendar = {trainer.hours_id: trainer for trainer in trainers}
    found: dict[int, list[Window]] = {
        trainer.pk: [] for trainer in by_calendar.values()
    }
    events = Event.objects.filter(
        calendar__in=by_calendar, rule__frequency="WEEKLY"
    ).values_list("calendar_id", "start", "end")
    for calendar, start, end in events:
        trainer = by_calendar[calendar]
        found[trainer.pk].append(as_window(start, end, trainer.zone))
    return {pk: sorted(windows) for pk, windows in found.items()}


def as_window(start: datetime, end: datetime, zone: ZoneInfo) -> Window:
    """Read a weekly event as wall-clock time, by the zone's clock at its start."""
    local = start.astimezone(zone)
    minute = local.hour * 60 + local.minute
    length = int((end - start).total_seconds()) // 60
    return Window(local.weekday(), minute, minute + length)


def lock_hours(trainer: Trainer) -> Trainer:
    """Lock a trainer and read them anew: a booking waits, which looks at the hours."""
    return Trainer.objects.select_for_update(no_key=True).get(pk=trainer.pk)


@transaction.atomic
def set_zone(trainer: Trainer, time_zone: str, *, by: User | None = None) -> None:
    """Change a trainer's zone: all hours stay as the clock shows them.

    So does what differs from them on dates. Raises Refused for an unknown zone.
    """
    if time_zone not in ZONE_NAMES:
        raise Refused(_("There is no such time zone. Choose one from the list."))
    locked = lock_hours(trainer)
    trainer.time_zone = time_zone
    if time_zone == locked.time_zone:
        return
    windows = weekly_hours([locked])[locked.pk]
    trainer.save(update_fields=["time_zone"])
    read_anew(trainer)
    set_weekly_hours(trainer, windows, by=by)
    _move_days(trainer, locked.zone, trainer.zone)
    record(by, "set_zone", trainer)


def _move_days(trainer: Trainer, old: ZoneInfo, new: ZoneInfo) -> None:
    """Place time off and extra hours where the new zone's clock shows the same."""
    for event in Event.objects.filter(calendar__in=[trainer.off_id, trainer.extra_id]):
        (first, start), (last, end) = wall(old, event.start), wall(old, event.end)
        if event.calendar_id == trainer.off_id and end == 0:  # until a midnight
            event.start, _end = placed(new, first, start, start)
            event.end, _end = placed(new, last, 0, 0)
        else:
            end += (last - first) * DAY
            event.start, event.end = placed(new, first, start, end)
        if event.start < event.end:
            event.save(update_fields=["start", "end"])
        else:  # the new zone's clock skips all of it
            event.delete()


@transaction.atomic
def set_rules(
    trainer: Trainer,
    *,
    rest_minutes: int,
    notice_hours: int,
    horizon_days: int,
    day_cap: int | None,
    week_cap: int | None,
    languages: Sequence[str],
    by: User | None,
) -> None:
    """Set a trainer's rest, notice, horizon, caps (None: no cap) and languages.

    Calls that are booked stay. Raises Refused for rules under which nothing could be
    booked, or that contradict each other.
    """
    lock_hours(trainer)
    require_rules(rest_minutes, notice_hours, horizon_days, day_cap, week_cap)
    spoken = sorted(set(languages))
    if not spoken:
        raise Refused(_("Choose at least one language."))
    if not LANGUAGE_CODES.issuperset(spoken):
        raise Refused(_("There is no such language. Choose from the list."))
    trainer.rest_minutes = rest_minutes
    trainer.notice_hours = notice_hours
    trainer.horizon_days = horizon_days
    trainer.day_cap = day_cap
    trainer.week_cap = week_cap
    trainer.languages = spoken
    fields = [*RULES, "languages"]
    trainer.save(update_fields=fields)
    read_anew(trainer)
    record(by, "set_rules", trainer, fields=fields)


def require_rules(
    rest_minutes: int,
    notice_hours: int,
    horizon_days: int,
    day_cap: int | None,
    week_cap: int | None,
) -> None:
    """Refuse rules under which nothing could be booked, or that contradict."""
    if not 0 <= rest_minutes <= 4 * 60:
        raise Refused(_("The rest after a call is between 0 and 240 minutes."))
    if not 1 <= horizon_days <= 365:
        raise Refused(_("People can book between 1 and 365 days ahead."))
    if not 0 <= notice_hours < horizon_days * 24:
        raise Refused(
            _("The notice must be shorter than how far ahead people can book.")
        )
    caps = [cap for cap in (day_cap, week_cap) if cap is not None]
    if any(not 1 <= cap <= 200 for cap in caps):
        raise Refused(
            _("A limit of calls is between 1 and 200. Leave it empty for no limit.")
        )
    if len(caps) == 2 and caps[1] < caps[0]:
        raise Refused(_("The limit for a week cannot be below that for a day."))


def weekly_rule() -> Rule:
    """The one rule all weekly events share; without params, which it reads badly."""
    rule, _is_new = Rule.objects.get_or_create(
        name="Weekly", frequency="WEEKLY", params="", defaults={"description": ""}
    )
    return rule


_SPAN = re.compile(r"(\d{1,2})[:.](\d{2})\s*[-–—]\s*(\d{1,2})[:.](\d{2})")
_DAY_RANGE = re.compile(r"([A-Za-z]+)(?:\s*[-–—]\s*([A-Za-z]+))?$")


def parse_hours(text: str) -> list[Window]:
    """Read "Mon 09:00-12:00, 13:00-17:00; Tue-Fri 09:00-17:00", a line or ; per day.

    An end at or before the start is of the next day. Raises Refused with the piece
    that cannot be read.
    """
    windows: list[Window] = []
    for line in re.split(r"[;\n]", text):
        days: list[int] = []
        spans: list[tuple[int, int]] = []
        for piece in filter(None, (part.strip() for part in line.split(","))):
            named = re.match(r"([^\d]*)(.*)", piece)
            words, rest = named.groups() if named else ("", "")
            if words.strip():
                days += _parse_days(words.strip(), piece)
            if rest:
                spans.append(_parse_span(rest, piece))
        if bool(days) != bool(spans):
            raise _unreadable(line.strip())
        windows += [Window(day, start, end) for day in days for start, end in spans]
    return require_good(windows)


def format_hours(windows: Iterable[Window]) -> str:
    """Write windows as `parse_hours` reads them, a line per day."""
    lines: dict[int, list[str]] = {}
    for window in sorted(windows):
        lines.setdefault(window.weekday, []).append(str(window).partition(" ")[2])
    return "\n".join(f"{DAYS[day]} {', '.join(spans)}" for day, spans in lines.items())


def _parse_days(words: str, piece: str) -> list[int]:
    match = _DAY_RANGE.match(words)
    if match is None:
        raise _unreadable(piece)
    try:
        first, last = (
            DAYS.index(name[:3].title()) for name in (match[1], match[2] or match[1])
        )
    except ValueError:
        raise _unreadable(piece) from None
    return [(first + n) % 7 for n in range((last - first) % 7 + 1)]


def _parse_span(text: str, piece: str) -> tuple[int, int]:
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise _unreadable(piece)
    hour, minute, end_hour, end_minute = map(int, match.groups())
    start, end = hour * 60 + minute, end_hour * 60 + end_minute
    if minute > 59 or end_minute > 59 or start >= DAY or end > DAY:
        raise _unreadable(piece)
    return start, end if end > start else end + DAY


def _unreadable(piece: str) -> Refused:
    return Refused(
        _("“%(piece)s” cannot be read. Write days and times like this: %(example)s.")
        % {"piece": piece[:60], "example": "Mon-Fri 09:00-12:00, 13:00-17:00"}
    )


def require_good(windows: list[Window]) -> list[Window]:
    """Refuse windows without length, or longer than a day, or that overlap."""
    for window in windows:
        in_week = 0 <= window.weekday < 7 and 0 <= window.start < DAY
        if not in_week or not 0 < window.end - window.start <= DAY:
            raise Refused(_("Hours must end after they start, within a day."))
    in_order = sorted(windows)
    if not in_order:
        return []
    first = in_order[0]
    for one, other in pairwise([*in_order, first]):
        starts = other.weekday * DAY + other.start + (WEEK if other is first else 0)
        if one.weekday * DAY + one.end > starts:
            raise Refused(
                _("%(one)s and %(other)s overlap.") % {"one": one, "other": other}
            )
    return in_order


def _anchored(zone: ZoneInfo, weekday: int, minute: int) -> datetime:
    """Place wall-clock time in a past week in which the zone's clock never jumps."""
    today = now().astimezone(zone).date()
    monday = today - timedelta(days=today.weekday() + 7)
    while not _is_calm(zone, monday):
        monday -= timedelta(days=7)
    wall = datetime.combine(monday, time()) + timedelta(days=weekday, minutes=minute)
    return wall.replace(tzinfo=zone).astimezone(UTC)


@lru_cache(maxsize=1000)
def _is_calm(zone: ZoneInfo, monday: date) -> bool:
    """Tell whether the zone keeps its offset from this Monday to the Tuesday after."""
    start = datetime.combine(monday, time(), tzinfo=zone)
    hours = (start.replace(tzinfo=None) + timedelta(hours=n) for n in range(9 * 24 + 1))
    return len({hour.replace(tzinfo=zone).utcoffset() for hour in hours}) == 1


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
