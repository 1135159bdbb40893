"""When a calendar file says busy: spans of whole minutes, and nothing else of it.

Reads the few lines that tell time (RFC 5545) and drops the rest unread. What a file
leaves open is read so that it blocks rather than not.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import islice
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr
from icalendar import Timezone
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from sessions.minutes import Span, down, merged, up
from sessions.outside_fetch import CannotRead
from sessions.outside_file import Entry, File, Line, parse

MOST_OCCURRENCES = 20_000
MOST_SPANS = 2_000
ONE_DAY = timedelta(days=1)

_MOMENT = re.compile(r"(\d{8})(?:T(\d{6})(Z?))?")
_LENGTH = re.compile(
    r"([+-]?)P(?:(\d{1,4})W)?(?:(\d{1,5})D)?"
    r"(?:T(?:(\d{1,6})H)?(?:(\d{1,7})M)?(?:(\d{1,8})S)?)?"
)
_STEPS = {
    "WEEKLY": timedelta(weeks=1),
    "DAILY": ONE_DAY,
    "HOURLY": timedelta(hours=1),
    "MINUTELY": timedelta(minutes=1),
    "SECONDLY": timedelta(seconds=1),
}


@dataclass(frozen=True)
class Busy:
    """Merged spans, in order; how many entries could not be read."""

    spans: list[Span]
    unread: int = 0


@dataclass(frozen=True)
class Wanted:
    """What is asked of a file: what meets the minutes from `first` to before `last`.

    Times without a zone are of `zone`. Entries whose UID is of `own_host` are ours.
    """

    zone: tzinfo
    first: int
    last: int
    own_host: str = ""


def busy_spans(data: bytes, wanted: Wanted) -> Busy:
    """Read a calendar file; raises CannotRead for none, or one without bounds."""
    calendars = parse(data)
    if not calendars:
        raise CannotRead("no_calendar")
    spans: list[Span] = []
    unread = 0
    for calendar in calendars:
        reading = _Reading(calendar, wanted)
        spans.extend(islice(reading.spans(), MOST_OCCURRENCES + 1 - len(spans)))
        if len(spans) > MOST_OCCURRENCES:
            raise CannotRead("too_many")
        unread += reading.unread
    joined = merged(spans)
    if len(joined) > MOST_SPANS:
        raise CannotRead("too_many")
    return Busy(joined, unread)


# --- What they say --------------------------------------------------------------------


class Unreadable(Exception):
    """An entry whose times mean nothing."""


class When(NamedTuple):
    """A moment, or a whole local date (at its midnight); the clock it is read by."""

    wall: datetime
    zone: tzinfo
    is_day: bool

    @property
    def at(self) -> datetime:
        """The instant: a repeated hour is the first, in a gap the offset before."""
        return self.wall.replace(tzinfo=self.zone).astimezone(UTC)


class Piece(NamedTuple):
    """What an entry takes up: an exact length, or of a date whole days."""

    start: When
    length: timedelta


@dataclass
class Changes:
    """Single occurrences of a series that are told apart, by instant or by date."""

    at: dict[datetime, Entry] = field(default_factory=dict)
    on: dict[date, Entry] = field(default_factory=dict)
    onwards: list[tuple[datetime, Entry]] = field(default_factory=list)

    def has(self, when: When) -> bool:
        return when.at in self.at or when.wall.date() in self.on


class _Reading:
    """One calendar of a file, being read."""

    def __init__(self, file: File, wanted: Wanted) -> None:
        self.file = file
        self.wanted = wanted
        self.unread = 0
        self.zones: dict[str, tzinfo] = {}
        named = _zone_named(file.zone_name)
        self.day_zone = named or wanted.zone  # whose dates the whole days are
        around = timedelta(days=2)
        self.earliest = _wall(wanted.first) - around
        self.latest = _wall(wanted.last) + around

    def spans(self) -> Iterator[Span]:
        """Give what meets the minutes wanted."""
        changes = self._changes()
        for entry in self.file.entries:
            for piece in self._safely(entry, changes):
                span = self._span(piece)
                if span[0] < self.wanted.last and self.wanted.first < span[1]:
                    yield span

    def _safely(self, entry: Entry, changes: dict[str, Changes]) -> Iterator[Piece]:
        uid = entry.word("UID")
        if self.wanted.own_host and uid.endswith(f"@{self.wanted.own_host}".upper()):
            return
        try:
            if entry.kind == "VFREEBUSY":
                yield from self._listed(entry)
            elif "RECURRENCE-ID" in entry.lines:
                if self._stands(entry, changes[uid]) and not entry.is_free:
                    yield self._piece(entry)
            else:
                yield from self._series(entry, changes.get(uid, Changes()))
        except (Unreadable, OverflowError):
            self.unread += 1

    def _listed(self, entry: Entry) -> Iterator[Piece]:
        for line in entry.all("FREEBUSY"):
            if line.params.get("FBTYPE", "BUSY").upper() != "FREE":
                yield from (self._period(line, text) for text in line.value.split(","))

    def _piece(self, entry: Entry) -> Piece:
        start = self._when(entry.line("DTSTART"))
        if end := entry.line("DTEND"):
            until = self._when(end)
            if until.is_day != start.is_day:
                raise Unreadable
            is_day = start.is_day
            length = until.wall - start.wall if is_day else until.at - start.at
        elif duration := entry.line("DURATION"):
            length = _length(duration.value)
        else:
            length = ONE_DAY if start.is_day else timedelta()
        if length < timedelta():
            raise Unreadable
        return Piece(start, length)

    def _series(self, entry: Entry, changes: Changes) -> Iterator[Piece]:
        if entry.is_free and not changes.onwards:
            return
        whole = self._piece(entry)
        left_out = self._left_out(entry)
        onwards = [at for at, _entry in changes.onwards]
        for start in self._starts(entry, whole):
            if changes.has(start) or left_out(start):
                continue
            if later := bisect_right(onwards, start.at) if onwards else 0:
                yield from self._moved(start, changes.onwards[later - 1][1])
            elif not entry.is_free:
                yield Piece(start, whole.length)
        if not entry.is_free:
            for piece in self._added(entry, whole):
                if not changes.has(piece.start) and not left_out(piece.start):
                    yield piece

    def _moved(self, start: When, change: Entry) -> Iterator[Piece]:
        """What becomes of an occurrence by a change from another one onwards."""
        if change.is_free:
            return
        first = self._piece(change)
        zone = first.start.zone
        was, now_at = (
            when.at.astimezone(zone).replace(tzinfo=None)
            for when in (self._when(change.line("RECURRENCE-ID")), start)
        )
        wall = now_at + (first.start.wall - was)
        yield Piece(first.start._replace(wall=wall), first.length)

    def _starts(self, entry: Entry, whole: Piece) -> Iterator[When]:
        start = whole.start
        yield start
        for line in entry.all("RRULE"):
            earliest = self.earliest - whole.length
            for wall in _repeated(line.value, start, earliest, self.latest):
                if wall != start.wall:
                    yield start._replace(wall=wall)

    def _added(self, entry: Entry, whole: Piece) -> Iterator[Piece]:
        for line in entry.all("RDATE"):
            for text in line.value.split(","):
                if "/" in text:
                    yield self._period(line, text)
                else:
                    yield Piece(self._when(line, text), whole.length)

    def _left_out(self, entry: Entry) -> Callable[[When], bool]:
        whens = []
        for line in entry.all("EXDATE"):
            for text in line.value.split(","):
                with suppress(Unreadable, OverflowError):  # then it blocks
                    when = self._when(line, text or "none")
                    whens.append((when, when.at))
        instants = {at for _when, at in whens}
        days = {when.wall.date() for when, _at in whens if when.is_day}
        return lambda start: start.at in instants or start.wall.date() in days

    def _changes(self) -> dict[str, Changes]:
        """Gather, by UID, the entries that stand for one occurrence of a series."""
        found: dict[str, Changes] = defaultdict(Changes)
        for entry in sorted(self.file.entries, key=lambda one: one.sequence):
            line = entry.line("RECURRENCE-ID")
            if line is None:
                continue
            changes = found[entry.word("UID")]
            try:
                when = self._when(line)
                if when.is_day:
                    changes.on[when.wall.date()] = entry
                else:
                    changes.at[when.at] = entry
                if line.params.get("RANGE", "").upper() == "THISANDFUTURE":
                    changes.onwards.append((when.at, entry))
            except (Unreadable, OverflowError):
                continue  # counted when it is read itself
        for changes in found.values():
            changes.onwards.sort(key=lambda each: each[0])
        return found

    def _stands(self, entry: Entry, changes: Changes) -> bool:
        """Tell whether it is the last word on its occurrence."""
        when = self._when(entry.line("RECURRENCE-ID"))
        last = changes.on.get(when.wall.date()) if when.is_day else None
        return entry is (last or changes.at.get(when.at))

    def _when(self, line: Line | None, text: str = "") -> When:
        match = _MOMENT.fullmatch((text or line.value).strip()) if line else None
        if line is None or match is None:
            raise Unreadable
        day, clock, is_utc = match.groups()
        try:
            wall = datetime.strptime(day, "%Y%m%d")  # noqa: DTZ007  its zone follows
            if clock is None:
                return When(wall, self.day_zone, is_day=True)
            second = min(int(clock[4:]), 59)  # a leap second
            wall = datetime.combine(wall, time(int(clock[:2]), int(clock[2:4]), second))
        except ValueError:
            raise Unreadable from None
        zone = UTC if is_utc else self._zone(line.params.get("TZID", ""))
        return When(wall, zone, is_day=False)

    def _period(self, line: Line, text: str) -> Piece:
        start, _slash, end = text.strip().partition("/")
        begins = self._when(line, start)
        if end[:1] in ("P", "+"):
            return Piece(begins, _length(end))
        length = self._when(line, end).at - begins.at
        if length < timedelta():
            raise Unreadable
        return Piece(begins, length)

    def _zone(self, name: str) -> tzinfo:
        """Find a zone by its name, or as the file tells it; else the person's own."""
        if name not in self.zones:
            told = self.file.zones.get(name)
            self.zones[name] = (
                _zone_named(name) or (told and _zone_told(told)) or self.wanted.zone
            )
        return self.zones[name]

    def _span(self, piece: Piece) -> Span:
        start, length = piece
        if start.is_day:
            end = start._replace(wall=start.wall + length)
            return up(start.at), up(end.at)
        return down(start.at), up(start.at + length) if length else down(start.at)


def _wall(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * 60, UTC).replace(tzinfo=None)


def _length(text: str) -> timedelta:
    match = _LENGTH.fullmatch(text.strip())
    if match is None or match[1] == "-" or not any(match.groups()[1:]):
        raise Unreadable
    weeks, days, hours, minutes, seconds = (
        int(each or 0) for each in match.groups()[1:]
    )
    return timedelta(
        weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds
    )


def _repeated(
    rule: str, start: When, earliest: datetime, latest: datetime
) -> Iterator[datetime]:
    """Give the wall-clock starts of a rule from about `earliest` to `latest`."""
    parts = dict(
        part.upper().split("=", 1) for part in rule.strip().split(";") if "=" in part
    )
    until = _until(parts.pop("UNTIL", ""), start) or latest
    parts.pop("SKIP", "")
    if parts.pop("RSCALE", "GREGORIAN") != "GREGORIAN":
        raise Unreadable
    interval = _number(parts.get("INTERVAL", "1"))
    first = start.wall
    step = _STEPS.get(parts.get("FREQ", ""))
    if step and "COUNT" not in parts:
        step *= interval
        first += max((earliest - first) // step, 0) * step  # years ago, perhaps
    if parts.get("COUNT", "").startswith("-"):
        del parts["COUNT"]  # as some write for "without end"
    text = ";".join(f"{name}={value}" for name, value in parts.items())
    try:
        repeated = iter(rrulestr(text, dtstart=first))
        for wall in repeated:
            if wall > min(until, latest):
                return
            if wall >= earliest:
                yield wall
    except (ValueError, TypeError, IndexError):
        raise Unreadable from None


def _until(text: str, start: When) -> datetime | None:
    """Return the last wall-clock time that a rule may give."""
    if not text:
        return None
    match = _MOMENT.fullmatch(text)
    if match is None:
        raise Unreadable
    day, clock, is_utc = match.groups()
    try:
        wall = datetime.strptime(day + (clock or "235959"), "%Y%m%d%H%M%S")  # noqa: DTZ007  made local below
    except ValueError:
        raise Unreadable from None
    if is_utc and not start.is_day:
        return wall.replace(tzinfo=UTC).astimezone(start.zone).replace(tzinfo=None)
    return wall


def _number(text: str) -> int:
    if not re.fullmatch(r"0*[1-9][0-9]{0,5}", text):
        raise Unreadable
    return int(text)


def _zone_named(name: str) -> ZoneInfo | None:
    """Return a zone by its IANA or Windows name, also behind a maker's prefix."""
    name = name.strip("/")
    parts = name.split("/")
    tails = ["/".join(parts[n:]) for n in range(max(len(parts) - 3, 0), len(parts))]
    for each in [name, WINDOWS_TO_OLSON.get(name, ""), *tails]:
        try:
            if each:
                return ZoneInfo(each)
        except (KeyError, ValueError, OSError):  # OSError: the name of a folder
            continue
    return None


def _zone_told(lines: list[str]) -> tzinfo | None:
    """Make a zone of its description in the file; None where that makes no sense."""
    try:
        told: Any = Timezone.from_ical("\r\n".join(lines).encode())
        zone: tzinfo = told.to_tz(lookup_tzid=False)
        datetime(2026, 1, 1, tzinfo=zone).utcoffset()
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        return None
    return zone
