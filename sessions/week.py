"""A trainer's week as it is shown: hours, what is off, other calendars, calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from django.utils.timezone import now
from schedule.models import Event

from sessions.diaries import busy_of, hours_of
from sessions.grid import Asked, Hours, open_pieces
from sessions.minutes import Span, at_minute, down, instant, merged, up, without
from sessions.models import Booking, BookingQuerySet, BookingState, Trainer

SHOWN = [
    BookingState.BOOKED,
    BookingState.PROPOSED,
    BookingState.DONE,
    BookingState.MISSED,
]


class Kind(StrEnum):
    """What a stretch of time is."""

    OPEN = "open"
    EXTRA = "extra"
    OFF = "off"
    BUSY = "busy"
    CALL = "call"


@dataclass(frozen=True)
class Stretch:
    """A stretch of one day: `start` and `end` are minutes since 1970, in that day."""

    kind: Kind
    start: int
    end: int
    title: str = ""
    call: Booking | None = None

    @property
    def starts_at(self) -> datetime:
        return at_minute(self.start)

    @property
    def ends_at(self) -> datetime:
        return at_minute(self.end)


@dataclass(frozen=True)
class WeekDay:
    """A local date, from its midnight to the next one: 23 to 25 hours."""

    on: date
    start: int
    end: int
    stretches: list[Stretch]
    has_other_hours: bool = False

    def lasts(self, one: Stretch) -> bool:
        """Whether a stretch takes all of the day."""
        return (one.start, one.end) == (self.start, self.end)


def monday_of(day: date) -> date:
    """Return the first day of the ISO week."""
    return day - timedelta(days=day.weekday())


def week_of(trainer: Trainer, monday: date) -> list[WeekDay]:
    """Return the seven days from a Monday on, on the trainer's clock; five queries."""
    days = [monday.toordinal() + n for n in range(8)]
    edges = [instant(trainer.zone, day, 0, is_end=False) for day in days]
    around = edges[0], edges[-1]
    off, other = _off(trainer, around)
    stretches = [*_open(trainer, around), *off, *_calls(trainer, around)]
    return [
        WeekDay(
            date.fromordinal(day),
            start,
            end,
            _within(stretches, start, end, is_other=start in other),
            has_other_hours=start in other,
        )
        for day, start, end in zip(days, edges, edges[1:], strict=False)
    ]


def _within(
    stretches: Iterable[Stretch], start: int, end: int, *, is_other: bool
) -> list[Stretch]:
    """Cut to a day what touches it, in order; other hours are what the day has."""
    cut = [
        replace(
            one,
            kind=Kind.OPEN if is_other and one.kind == Kind.EXTRA else one.kind,
            start=max(one.start, start),
            end=min(one.end, end),
        )
        for one in stretches
        if one.start < end and one.end > start
    ]
    return sorted(cut, key=lambda one: (one.start, one.end))


def _open(trainer: Trainer, around: Span) -> Iterator[Stretch]:
    said = hours_of([trainer], around)[trainer.pk]
    weekly = _pieces(trainer.zone, replace(said, extra=[]), around)
    extra = _pieces(trainer.zone, replace(said, weekly=[]), around)
    for start, end in weekly:
        yield Stretch(Kind.OPEN, start, end)
    for span in extra:
        for start, end in without(span, weekly):
            yield Stretch(Kind.EXTRA, start, end)
    for start, end in merged(busy_of([trainer], around)[trainer.user_id]):
        yield Stretch(Kind.BUSY, start, end)


def _pieces(zone: ZoneInfo, hours: Hours, around: Span) -> list[Span]:
    asked = Asked(0, *around)
    return merged((one.start, one.end) for one in open_pieces(zone, hours, asked))


def _off(trainer: Trainer, around: Span) -> tuple[list[Stretch], set[int]]:
    """Time off; and the midnights of dates with other hours: what is open shows them."""
    start, end = (at_minute(minute) for minute in around)
    events = Event.objects.filter(
        calendar=trainer.off_id, rule=None, end__gt=start, start__lt=end
    ).values_list("title", "description", "start", "end")
    stretches, other = [], set()
    for title, mark, first, last in events:
        if mark:
            other.add(down(first))
        else:
            stretches.append(Stretch(Kind.OFF, down(first), up(last), title))
    return stretches, other


def _calls(trainer: Trainer, around: Span) -> Iterator[Stretch]:
    start, end = (at_minute(minute) for minute in around)
    calls = (
        Booking.objects.filter(
            trainer=trainer, state__in=SHOWN, ends_at__gt=start, starts_at__lt=end
        )
        .exclude(state=BookingState.PROPOSED, proposed_until__lte=now())
        .for_agenda()
    )
    for call in calls:
        yield Stretch(Kind.CALL, down(call.starts_at), up(call.ends_at), call=call)


def calls_outside_hours(trainer: Trainer) -> list[Booking]:
    """List what is still to come, booked or proposed, and not within the hours.

    In order; three queries, one without calls.
    """
    calls = list(_to_come(trainer))
    if not calls:
        return []
    around = down(calls[0].starts_at), up(max(call.ends_at for call in calls))
    pieces = _pieces(trainer.zone, hours_of([trainer], around)[trainer.pk], around)
    return [
        call
        for call in calls
        if any(without((down(call.starts_at), up(call.ends_at)), pieces))
    ]


def _to_come(trainer: Trainer) -> BookingQuerySet:
    return (
        Booking.objects.filter(
            trainer=trainer,
            state__in=[BookingState.BOOKED, BookingState.PROPOSED],
            ends_at__gt=now(),
        )
        .exclude(state=BookingState.PROPOSED, proposed_until__lte=now())
        .for_agenda()
        .order_by("starts_at", "pk")
    )
