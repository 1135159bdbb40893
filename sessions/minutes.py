"""Time as whole minutes since 1970 (UTC), and spans of it: half-open, start and end.

Wall-clock time becomes such a minute by a zone. Inside the gap of a clock change it is
the jump itself; in the repeated hour a start is the first of the two, an end the last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Func, IntegerField

DAY = 24 * 60
WEEK = 7 * DAY

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

Span = tuple[int, int]


def down(at: datetime) -> int:
    """Return the minute that an instant lies in."""
    return int(at.timestamp() // 60)


def up(at: datetime) -> int:
    """Return the first minute from an instant on."""
    return int(-(-at.timestamp() // 60))


def minutes_of(length: timedelta) -> int:
    """Return how many whole minutes a length takes."""
    return int(-(-length.total_seconds() // 60))


@lru_cache(maxsize=16384)  # the quarters of an hour of 24 weeks, asked again and again
def at_minute(minute: int) -> datetime:
    """Return the instant at which a minute begins."""
    return EPOCH + minute * MINUTE


def wall(zone: ZoneInfo, at: datetime) -> tuple[int, int]:
    """Return what the zone's clock shows: a date (its ordinal), minutes of the day."""
    local = at.astimezone(zone)
    return local.toordinal(), local.hour * 60 + local.minute


def local_day(zone: ZoneInfo, minute: int) -> int:
    """Return the ordinal of the date that the zone's calendar shows."""
    return datetime.fromtimestamp(minute * 60, zone).toordinal()


def placed(zone: ZoneInfo, day: int, start: int, end: int) -> tuple[datetime, datetime]:
    """Place hours of a local date, its minutes `start` to `end`, among the instants."""
    first, last = span_of(zone, day, start, end)
    return at_minute(first), at_minute(last)


@lru_cache(maxsize=65536)
def span_of(zone: ZoneInfo, day: int, start: int, end: int) -> Span:
    """Place hours of a local date (its ordinal) on the line of minutes."""
    return (
        instant(zone, day, start, is_end=False),
        instant(zone, day, end, is_end=True),
    )


def instant(zone: ZoneInfo, day: int, minute: int, *, is_end: bool) -> int:
    """Place a minute of a local date (its ordinal) on the line of minutes."""
    ahead, minute = divmod(minute, DAY)
    wall = datetime.combine(
        date.fromordinal(day + ahead), time(minute // 60, minute % 60)
    )
    one, other = (
        down(wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)) for fold in (0, 1)
    )
    if one <= other:  # as always, or told twice
        return other if is_end else one
    return jump(zone, other, one)


def jump(zone: ZoneInfo, low: int, high: int) -> int:
    """Return the first minute with the offset of the later of two minutes.

    For two with at most one change of the clock between them.
    """
    after = _offset(zone, high)
    if _offset(zone, low) == after:  # as on nearly every day of a year
        return low
    while low < high:
        middle = (low + high) // 2
        if _offset(zone, middle) == after:
            high = middle
        else:
            low = middle + 1
    return low


def _offset(zone: ZoneInfo, minute: int) -> timedelta | None:
    return datetime.fromtimestamp(minute * 60, zone).utcoffset()


def merged(spans: Iterable[Span]) -> list[Span]:
    """Join spans that overlap or touch; those without length are dropped."""
    joined: list[Span] = []
    until = -1
    for span in sorted(spans):
        start, end = span
        if start > until:
            if start < end:
                joined.append(span)
                until = end
        elif end > until:
            joined[-1] = joined[-1][0], end
            until = end
    return joined


def without(window: Span, off: list[Span]) -> Iterator[Span]:
    """Give what is left of a span without others, which are merged."""
    start, end = window
    for closed, opened in off:
        if closed >= end:
            break
        if opened > start:
            if closed > start:
                yield start, closed
            start = opened
    if start < end:
        yield start, end


def meets(span: Span, other: Span) -> bool:
    """Tell whether two spans share any time."""
    return span[0] < other[1] and other[0] < span[1]


class Minutes(Func):
    """An instant as whole minutes since 1970: the database counts, not Python."""

    output_field = IntegerField()
    more = 0  # seconds

    def get_db_converters(self, connection: Any) -> list[Any]:
        return []  # it comes as an int; and in thousands of rows

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = f"((unixepoch(%(expressions)s) + {self.more}) / 60)"
        return super().as_sql(compiler, connection, template=template, **context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = (
            f"FLOOR((EXTRACT(EPOCH FROM %(expressions)s) + {self.more}) / 60)::bigint"
        )
        return super().as_sql(compiler, connection, template=template, **context)


class MinutesUp(Minutes):
    """The first whole minute from an instant on."""

    more = 59
