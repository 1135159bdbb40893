"""What differs from a trainer's weekly hours: time off, extra hours, other hours.

Kept in django-scheduler's calendars `off` and `extra` as events without a rule. What
was said last holds: time off closes extra hours said before it, and extra hours open
time off said before them.

Other hours of a date are the whole local date off and its hours as extra, under one
mark. They own that date alone, from midnight to midnight: weekly hours that run over
midnight into it end there, and those that begin on it go on after the next midnight.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import QuerySet
from django.utils.timezone import now
from django.utils.translation import gettext as _
from schedule.models import Event

from lms.audit.log import record
from lms.errors import Refused
from lms.people.models import User
from sessions.hours import Window, lock_hours, require_good
from sessions.minutes import DAY, Span, at_minute, instant, placed, wall
from sessions.models import Trainer

FURTHEST = timedelta(days=2 * 366)
OTHER = "other hours "  # and the date: an event's description, the mark of a date


class Kind(StrEnum):
    """In what way a time differs from the weekly hours."""

    OFF = "off"
    EXTRA = "extra"
    OTHER = "other"


@dataclass(frozen=True)
class Change:
    """Something that differs from the weekly hours.

    `days` are its first and last local date, `spans` the minutes from the first one's
    midnight: of a date with other hours those it has (none: closed), else just one.
    `event` is what `reopen` takes.
    """

    kind: Kind
    starts_at: datetime
    ends_at: datetime
    days: tuple[date, date]
    spans: tuple[Span, ...]
    title: str
    event: int

    @property
    def is_whole_days(self) -> bool:
        """Whether it lasts from a midnight to a midnight."""
        return self.kind == Kind.OFF and all(edge % DAY == 0 for edge in self.spans[0])


@transaction.atomic
def close(
    trainer: Trainer,
    start: datetime,
    end: datetime,
    *,
    by: User | None,
    title: str = "",
) -> Event:
    """Take time off: nothing can be booked from `start` to before `end`.

    Calls that are booked already stay. Raises Refused for a time that ends before it
    starts, is over, or is more than two years off.
    """
    return _say(Kind.OFF, trainer, start, end, by=by, title=title)


@transaction.atomic
def open_extra(
    trainer: Trainer, start: datetime, end: datetime, *, by: User | None
) -> Event:
    """Open extra hours once, a day long at most; else as `close`."""
    if end - start > timedelta(days=1):
        raise Refused(_("Extra hours must end within a day. Add each day by itself."))
    return _say(Kind.EXTRA, trainer, start, end, by=by)


@transaction.atomic
def set_other_hours(
    trainer: Trainer, day: date, spans: Sequence[Span], *, by: User | None
) -> None:
    """Let only these hours hold on a local date; none of them closes it.

    `spans` are minutes from its midnight, an end past 24:00 is of the next day. Asking
    again replaces them. Raises Refused for a date that is over or more than two years
    off, and for hours that are empty, overlap, or are skipped by the clock that night.
    """
    trainer = lock_hours(trainer)
    windows = require_good([Window(day.weekday(), *span) for span in spans])
    today = now().astimezone(trainer.zone).date()
    if day < today:
        raise Refused(_("That date is over. Choose today or a later one."))
    if day > today + FURTHEST:
        raise Refused(_("That is more than two years ahead. Choose an earlier date."))
    _other_hours(trainer, day).delete()
    _add(trainer, Kind.OFF, _midnights(trainer.zone, day), by=by, day=day)
    for window in windows:
        start, end = placed(trainer.zone, day.toordinal(), window.start, window.end)
        if start >= end:
            raise Refused(
                _("The clock skips %(hours)s on that date. Choose another time.")
                % {"hours": str(window).partition(" ")[2]}
            )
        _add(trainer, Kind.EXTRA, (start, end), by=by, day=day)
    record(by, "set_other_hours", trainer, day=day.isoformat(), spans=len(windows))


@transaction.atomic
def clear_other_hours(trainer: Trainer, day: date, *, by: User | None) -> None:
    """Let the weekly hours hold again on a date; where they do, nothing happens."""
    trainer = lock_hours(trainer)
    if _other_hours(trainer, day).delete()[0]:
        record(by, "cleared_other_hours", trainer, day=day.isoformat())


@transaction.atomic
def reopen(trainer: Trainer, event_pk: int, *, by: User | None) -> None:
    """Take back time off, extra hours, or a date's other hours, by any event of it.

    What is not there, or not this trainer's, is left alone.
    """
    trainer = lock_hours(trainer)
    event = _events(trainer).filter(pk=event_pk).first()
    if event is None:
        return
    if event.description:
        clear_other_hours(trainer, _marked(event.description), by=by)
    else:
        event.delete()
        record(by, "reopened", trainer, event=event_pk)


def coming_days(trainer: Trainer) -> list[Change]:
    """List what differs from today on, in order; one query."""
    zone = trainer.zone
    today = now().astimezone(zone).date()
    midnight = at_minute(instant(zone, today.toordinal(), 0, is_end=False))
    events = _events(trainer).filter(end__gt=midnight).order_by("start", "pk")
    changes = []
    by_day: dict[date, list[Event]] = defaultdict(list)
    for event in events:
        if event.description:
            by_day[_marked(event.description)].append(event)
        else:
            kind = Kind.OFF if event.calendar_id == trainer.off_id else Kind.EXTRA
            changes.append(_change(zone, kind, event))
    changes += [
        _other(trainer, day, events) for day, events in by_day.items() if day >= today
    ]
    return sorted(changes, key=lambda change: (change.starts_at, change.event))


def _say(
    kind: Kind,
    trainer: Trainer,
    start: datetime,
    end: datetime,
    *,
    by: User | None,
    title: str = "",
) -> Event:
    """Write one event; the same said again is said once, and last."""
    trainer = lock_hours(trainer)
    at = now()
    if start >= end:
        raise Refused(_("The end must be after the start."))
    if end <= at:
        raise Refused(_("That time is over. Choose one that is still to come."))
    if start < at - FURTHEST or end > at + FURTHEST:
        raise Refused(_("That is more than two years off. Choose a nearer time."))
    calendar = getattr(trainer, f"{kind}_id")
    Event.objects.filter(
        calendar=calendar, start=start, end=end, description=""
    ).delete()
    event = _add(trainer, kind, (start, end), by=by, title=title)
    record(by, f"added_{kind}", trainer, event=event.pk)
    return event


def _add(
    trainer: Trainer,
    kind: Kind,
    span: tuple[datetime, datetime],
    *,
    by: User | None,
    day: date | None = None,
    title: str = "",
) -> Event:
    start, end = span
    event: Event = Event.objects.create(
        calendar_id=getattr(trainer, f"{kind}_id"),
        title=title[:255],
        description=f"{OTHER}{day.isoformat()}" if day else "",
        start=start,
        end=end,
        creator=by,
    )
    return event


def _events(trainer: Trainer) -> QuerySet[Event]:
    found: QuerySet[Event] = Event.objects.filter(
        calendar__in=[trainer.off_id, trainer.extra_id], rule=None
    )
    return found


def _other_hours(trainer: Trainer, day: date) -> QuerySet[Event]:
    return _events(trainer).filter(description=f"{OTHER}{day.isoformat()}")


def _marked(description: str) -> date:
    """Return the date of which an event is part of the other hours."""
    return date.fromisoformat(description.removeprefix(OTHER))


def _midnights(zone: ZoneInfo, day: date) -> tuple[datetime, datetime]:
    start, end = (instant(zone, day.toordinal() + n, 0, is_end=False) for n in (0, 1))
    return at_minute(start), at_minute(end)


def _change(zone: ZoneInfo, kind: Kind, event: Event) -> Change:
    first, _minute = wall(zone, event.start)
    start, end = _from_midnight(zone, first, event)
    last = first + (end - 1) // DAY  # what ends at midnight is over the day before
    return Change(
        kind,
        event.start,
        event.end,
        (date.fromordinal(first), date.fromordinal(last)),
        ((start, end),),
        event.title,
        event.pk,
    )


def _other(trainer: Trainer, day: date, events: list[Event]) -> Change:
    """Read the events of one date's other hours as one change."""
    zone = trainer.zone
    start, end = _midnights(zone, day)
    spans = [
        _from_midnight(zone, day.toordinal(), event)
        for event in events
        if event.calendar_id == trainer.extra_id
    ]
    return Change(Kind.OTHER, start, end, (day, day), tuple(spans), "", events[0].pk)


def _from_midnight(zone: ZoneInfo, day: int, event: Event) -> Span:
    first, start = wall(zone, event.start)
    last, end = wall(zone, event.end)
    return (first - day) * DAY + start, (last - day) * DAY + end
