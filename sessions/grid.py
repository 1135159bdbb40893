"""One trainer's free starts: their hours, walked on a grid. No query is made here.

All in whole minutes since 1970 (`sessions.minutes`); only the edges of hours are
wall-clock time in the trainer's zone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sessions.hours import Window
from sessions.minutes import DAY, Span, instant, local_day, meets, merged, without
from sessions.models import Trainer

STEP = 15  # minutes between two starts, from the start of the hours on


class Weekly(NamedTuple):
    """Hours that come again each week, from a date on; `until` None: for good."""

    window: Window
    since: date
    until: date | None = None


class Said(NamedTuple):
    """Hours, time off or extra hours, and their place in the order of what was said."""

    time: Span | Weekly
    place: int


@dataclass
class Hours:
    """What one trainer's calendars say, and when their other calendars are busy."""

    hours: list[Said] = field(default_factory=list)
    off: list[Said] = field(default_factory=list)
    extra: list[Said] = field(default_factory=list)
    busy: list[Span] = field(default_factory=list)


@dataclass
class Calls:
    """What blocks: spans until the rest is over, starts for the caps, own calls."""

    busy: list[Span] = field(default_factory=list)
    counted: list[int] = field(default_factory=list)
    elsewhere: list[Span] = field(default_factory=list)


class Asked(NamedTuple):
    """What is wanted: a length in minutes, starting from `first` to before `last`."""

    length: int
    first: int
    last: int


class Piece(NamedTuple):
    """Open time, and the minute its grid of starts counts from."""

    start: int
    end: int
    anchor: int


def always(asked: Asked) -> Hours:
    """Hours that never end: any minute may be the first of its own grid."""
    return Hours(extra=[Said((asked.first, asked.last + asked.length), 0)])


def starts(trainer: Trainer, hours: Hours, calls: Calls, asked: Asked) -> Iterator[int]:
    """Walk one trainer's grid, jumping over what is not free."""
    if asked.first >= asked.last or 0 in (trainer.day_cap, trainer.week_cap):
        return
    zone = trainer.zone
    pieces = open_pieces(zone, hours, asked)
    runs = merged((piece.start, piece.end) for piece in pieces)
    run_starts = [start for start, _end in runs]

    rested = asked.length + trainer.rest_minutes
    forbidden = [(start - rested + 1, end) for start, end in calls.busy]
    for spans in (calls.elsewhere, hours.busy):
        forbidden += [(start - asked.length + 1, end) for start, end in spans]
    blocks = iter(merged([*forbidden, *_full(trainer, zone, calls.counted)]))

    block = next(blocks, None)
    covered = asked.first
    for piece in pieces:  # where two overlap, the grid of the earlier one holds
        low, high = max(piece.start, covered), min(piece.end, asked.last)
        if low >= high:
            continue
        covered = max(covered, piece.end)
        run_end = runs[bisect_right(run_starts, piece.start) - 1][1]
        high = min(high, run_end - asked.length + 1)
        start = _on_grid(low, piece.anchor)
        while start < high:
            while block and block[1] <= start:
                block = next(blocks, None)
            if block and block[0] <= start:
                start = _on_grid(block[1], piece.anchor)
            else:
                yield start
                start += STEP


def open_pieces(zone: ZoneInfo, hours: Hours, asked: Asked) -> list[Piece]:
    """Return the weekly hours but for what is off, and the extra hours, in order.

    Extra hours are closed by what was said to be off after them.
    """
    around = asked.first - 2 * DAY, asked.last + asked.length + DAY
    off = [
        (span, said.place) for said in hours.off for span in _spans(zone, said, around)
    ]
    closed = merged(span for span, _place in off)
    pieces = [
        Piece(start, end, window[0])
        for said in hours.hours
        for window in _spans(zone, said, around)
        for start, end in without(window, closed)
    ]
    for said in hours.extra:
        closed = merged(span for span, place in off if place > said.place)
        pieces += [
            Piece(start, end, span[0])
            for span in _spans(zone, said, around)
            for start, end in without(span, closed)
        ]
    return sorted(pieces)


def _spans(zone: ZoneInfo, said: Said, around: Span) -> list[Span]:
    if isinstance(said.time, Weekly):
        return _dates(zone, said.time, around)
    return [said.time] if meets(said.time, around) else []


def _dates(zone: ZoneInfo, weekly: Weekly, around: Span) -> list[Span]:
    """Place a weekly window on each of its dates that touches `around`."""
    window, since, until = weekly
    first, last = (local_day(zone, minute) for minute in around)
    day = max(first, since.toordinal())
    day += (window.weekday + 1 - day) % 7  # ordinal 1 was a Monday
    if until:
        last = min(last, until.toordinal())
    return [
        (
            instant(zone, one, window.start, is_end=False),
            instant(zone, one, window.end, is_end=True),
        )
        for one in range(day, last + 1, 7)
    ]


def _full(trainer: Trainer, zone: ZoneInfo, counted: list[int]) -> Iterator[Span]:
    """Return the local days and ISO weeks on which the trainer's cap is reached."""
    for length, cap in ((1, trainer.day_cap), (7, trainer.week_cap)):
        if cap is None:
            continue
        days = (local_day(zone, minute) for minute in counted)
        firsts = Counter(day - (day - 1) % length for day in days)
        for first, calls in firsts.items():
            if calls >= cap:
                yield (
                    instant(zone, first, 0, is_end=False),
                    instant(zone, first + length, 0, is_end=False),
                )


def _on_grid(minute: int, anchor: int) -> int:
    """Return the first minute of the grid from this one on."""
    return minute + (anchor - minute) % STEP
