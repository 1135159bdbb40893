"""One trainer's free starts: their hours, walked on a grid. No query is made here.

All in whole minutes since 1970 (`sessions.minutes`); only the edges of hours are
wall-clock time in the trainer's zone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sessions.hours import Window
from sessions.minutes import (
    DAY,
    Span,
    instant,
    local_day,
    meets,
    merged,
    span_of,
    without,
)
from sessions.models import Trainer

STEP = 15  # minutes between two starts, from the start of the hours on
NEVER = (2**62, 2**62)


class Weekly(NamedTuple):
    """Hours that come again each week, from a date to another (their ordinals)."""

    window: Window
    since: int
    until: int = date.max.toordinal()


class Said(NamedTuple):
    """A time off, or extra hours, and its place in the order in which they were said."""

    time: Span | Weekly
    place: int


@dataclass
class Hours:
    """What one trainer's calendars say."""

    weekly: list[Weekly] = field(default_factory=list)
    off: list[Said] = field(default_factory=list)
    extra: list[Said] = field(default_factory=list)


@dataclass
class Calls:
    """What blocks: a trainer's calls until the rest is over; where else the two are.

    Elsewhere are calls that either attends, and what other calendars say is busy.
    """

    held: list[Span] = field(default_factory=list)
    elsewhere: list[Span] = field(default_factory=list)


class Asked(NamedTuple):
    """What is wanted: a length in minutes, starting from `first` to before `last`."""

    length: int
    first: int
    last: int
    step: int = STEP


class Piece(NamedTuple):
    """Open time in which a call may start, and the minute its grid counts from."""

    start: int
    end: int
    anchor: int


def always(asked: Asked) -> Hours:
    """Hours that never end: any minute may be the first of its own grid."""
    return Hours(extra=[Said((asked.first, asked.last + asked.length), 0)])


def stretches(
    trainer: Trainer, hours: Hours, calls: Calls, asked: Asked
) -> Iterator[range]:
    """Walk one trainer's grid, jumping over what is not free; it gives starts in order.

    By stretches of them, so that many cost little.
    """
    if 0 in (trainer.day_cap, trainer.week_cap):
        return
    length, first, last, step = asked
    zone = trainer.zone
    rested = length + trainer.rest_minutes
    forbidden = [(start - rested + 1, end) for start, end in calls.held]
    forbidden += [(start - length + 1, end) for start, end in calls.elsewhere]
    forbidden += _full(trainer, zone, calls.held)

    blocks = iter(merged(forbidden))
    closed, opened = next(blocks, NEVER)
    for low, high, anchor in open_pieces(zone, hours, asked):
        low, high = max(low, first), min(high, last)
        while low < high:
            if opened <= low:
                closed, opened = next(blocks, NEVER)
                continue
            free = low + (anchor - low) % step
            if free < closed and free < high:
                yield range(free, min(high, closed), step)
            low = opened


def open_pieces(zone: ZoneInfo, hours: Hours, asked: Asked) -> Sequence[Piece]:
    """Return where calls of this length may start, in order, none overlapping.

    In the weekly hours but for what is off, and the extra hours; these are closed by
    what was said to be off after them. For a length of 0 that is all the open time.
    """
    around = asked.first - 2 * DAY, asked.last + asked.length + DAY
    first, last = (local_day(zone, minute) for minute in around)
    weekly = tuple(hours.weekly)
    if not hours.off and not hours.extra:
        return _weekly_pieces(zone, weekly, asked.length, first, last)

    def spans(said: Said) -> list[Span]:
        if isinstance(said.time, Weekly):
            return _dates(zone, said.time, first, last)
        return [said.time] if meets(said.time, around) else []

    off = [(span, said.place) for said in hours.off for span in spans(said)]
    closed = merged(span for span, _place in off)
    pieces = [
        Piece(start, end, window[0])
        for each in weekly
        for window in _dates(zone, each, first, last)
        for start, end in without(window, closed)
    ]
    for said in hours.extra:
        closed = merged(span for span, place in off if place > said.place)
        pieces += [
            Piece(start, end, span[0])
            for span in spans(said)
            for start, end in without(span, closed)
        ]
    return _startable(pieces, asked.length)


@lru_cache(maxsize=4096)
def _weekly_pieces(
    zone: ZoneInfo, weekly: tuple[Weekly, ...], length: int, first: int, last: int
) -> Sequence[Piece]:
    """Return the pieces of weekly hours alone: all day long they stay the same."""
    pieces = [
        Piece(start, end, start)
        for each in weekly
        for start, end in _dates(zone, each, first, last)
    ]
    return _startable(pieces, length)


def _startable(pieces: list[Piece], length: int) -> Sequence[Piece]:
    """Leave of open time the minutes from which a call fits into its run.

    Pieces that touch or overlap are one run; where they overlap, the grid of the
    earlier one holds, of two that start together the earlier grid.
    """
    runs = iter(merged((start, end) for start, end, _anchor in pieces))
    run_end = covered = -1
    found = []
    for start, end, anchor in sorted(pieces, key=lambda one: (one.start, one.anchor)):
        while run_end <= start:
            _start, run_end = next(runs, NEVER)
        low, high = max(start, covered), min(end, run_end - length + 1)
        if low < high:
            found.append(Piece(low, high, anchor))
        covered = max(covered, end)
    return found


def _dates(zone: ZoneInfo, weekly: Weekly, first: int, last: int) -> list[Span]:
    """Place a weekly window on each of its dates from `first` to `last`."""
    (weekday, start, end), since, until = weekly
    day = max(first, since)
    day += (weekday + 1 - day) % 7  # ordinal 1 was a Monday
    return [
        span_of(zone, one, start, end) for one in range(day, min(last, until) + 1, 7)
    ]


def _full(trainer: Trainer, zone: ZoneInfo, held: list[Span]) -> Iterator[Span]:
    """Return the local days and ISO weeks on which the trainer's cap is reached."""
    for length, cap in ((1, trainer.day_cap), (7, trainer.week_cap)):
        if cap is None:
            continue
        days = (local_day(zone, start) for start, _end in held)
        firsts = Counter(day - (day - 1) % length for day in days)
        for first, calls in firsts.items():
            if calls >= cap:
                yield (
                    instant(zone, first, 0, is_end=False),
                    instant(zone, first + length, 0, is_end=False),
                )
