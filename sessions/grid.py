"""One trainer's free starts: their hours, walked on a grid. No query is made here.

All in whole minutes since 1970 (`sessions.minutes`); only the edges of hours are
wall-clock time in the trainer's zone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
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
    """What one trainer's calendars say, and when their other calendars are busy."""

    weekly: list[Weekly] = field(default_factory=list)
    off: list[Said] = field(default_factory=list)
    extra: list[Said] = field(default_factory=list)
    busy: list[Span] = field(default_factory=list)


@dataclass
class Calls:
    """What blocks: a trainer's calls until the rest is over; where else the two are."""

    held: list[Span] = field(default_factory=list)
    elsewhere: list[Span] = field(default_factory=list)


class Asked(NamedTuple):
    """What is wanted: a length in minutes, starting from `first` to before `last`."""

    length: int
    first: int
    last: int


class Piece(NamedTuple):
    """Open time, the minute its grid counts from, and when what it touches ends."""

    start: int
    end: int
    anchor: int
    run_end: int


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
    length, covered, last = asked
    zone = trainer.zone
    rested = length + trainer.rest_minutes
    forbidden = [(start - rested + 1, end) for start, end in calls.held]
    for spans in (calls.elsewhere, hours.busy):
        forbidden += [(start - length + 1, end) for start, end in spans]
    forbidden += _full(trainer, zone, calls.held)

    blocks = iter(merged(forbidden))
    closed, opened = next(blocks, NEVER)
    for start, end, anchor, run_end in open_pieces(zone, hours, asked):
        low = max(start, covered)  # where two overlap, the grid of the earlier holds
        high = min(end, last, run_end - length + 1)
        covered = max(covered, end)
        while low < high:
            if opened <= low:
                closed, opened = next(blocks, NEVER)
                continue
            free = low + (anchor - low) % STEP
            if free < closed and free < high:
                yield range(free, min(high, closed), STEP)
            low = opened


def open_pieces(zone: ZoneInfo, hours: Hours, asked: Asked) -> Sequence[Piece]:
    """Return the weekly hours but for what is off, and the extra hours, in order.

    Extra hours are closed by what was said to be off after them.
    """
    around = asked.first - 2 * DAY, asked.last + asked.length + DAY
    first, last = (local_day(zone, minute) for minute in around)
    weekly = _weekly_pieces(zone, tuple(hours.weekly), first, last)
    if not hours.off and not hours.extra:
        return weekly

    def spans(said: Said) -> list[Span]:
        if isinstance(said.time, Weekly):
            return _dates(zone, said.time, first, last)
        return [said.time] if meets(said.time, around) else []

    off = [(span, said.place) for said in hours.off for span in spans(said)]
    closed = merged(span for span, _place in off)
    pieces = [
        (start, end, piece.anchor)
        for piece in weekly
        for start, end in without((piece.start, piece.end), closed)
    ]
    for said in hours.extra:
        closed = merged(span for span, place in off if place > said.place)
        pieces += [
            (start, end, span[0])
            for span in spans(said)
            for start, end in without(span, closed)
        ]
    return _in_runs(pieces)


@lru_cache(maxsize=4096)
def _weekly_pieces(
    zone: ZoneInfo, weekly: tuple[Weekly, ...], first: int, last: int
) -> Sequence[Piece]:
    """Return the weekly hours alone; all day long they are the same for everybody."""
    return _in_runs(
        (start, end, start)
        for each in weekly
        for start, end in _dates(zone, each, first, last)
    )


def _in_runs(pieces: Iterable[tuple[int, int, int]]) -> Sequence[Piece]:
    """Put pieces in order and find their runs: those that touch or overlap are one."""
    in_order = sorted(piece for piece in pieces if piece[0] < piece[1])
    found, run_end, ahead = [], 0, 0
    for start, end, anchor in in_order:
        run_end = max(run_end, end)
        while ahead < len(in_order) and in_order[ahead][0] <= run_end:
            run_end = max(run_end, in_order[ahead][1])
            ahead += 1
        found.append(Piece(start, end, anchor, run_end))
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
