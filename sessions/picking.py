"""The page of free times, as people look at it: days, their times, the soonest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.formats import date_format
from django.utils.translation import get_language_info, ngettext
from django.utils.translation import gettext as _

from courses.models import EditionTopic
from lms.mail import times
from lms.mail.zones import city
from sessions.models import Trainer
from sessions.slots import Slot

DAYS_SHOWN = 7
NEAREST = 3
DAWN, NOON, EVENING, NIGHT = 6, 12, 18, 23

Link = Callable[..., str]


@dataclass(frozen=True)
class TimeLine:
    """One free time to click on."""

    at: datetime
    label: str
    url: str
    detail: str = ""
    selected: bool = False


@dataclass(frozen=True)
class PartLines:
    """The free times of one part of a day."""

    label: str
    slots: list[TimeLine]


@dataclass(frozen=True)
class DayLines:
    """The free times of one day in the reader's zone."""

    id: str
    label: str
    slots: list[TimeLine]
    parts: list[PartLines]


@dataclass(frozen=True)
class StripDay:
    """A day of the strip above the times."""

    weekday: str
    number: str
    month: str
    words: str
    url: str
    selected: bool = False


@dataclass(frozen=True)
class Times:
    """All that the page shows of the free times found."""

    soonest: list[TimeLine]
    days: list[DayLines]
    strip: list[StripDay]
    earlier_url: str
    later_url: str
    count: int


@dataclass
class CallPick:
    """One of the calls that the topics take, and the time chosen for it so far.

    `start` is the time asked for, `slot` the free time there (None: not free), which
    may be `typed` instead of one of the list. `first` is the first free time there
    is at all, looked for where the list is empty.
    """

    number: int
    topics: Sequence[Any]
    length: timedelta
    start: datetime | None = None
    slots: list[Slot] = field(default_factory=list)
    trainers: list[Trainer] = field(default_factory=list)
    typed: Slot | None = None
    first: Slot | None = None
    times: Times | None = None
    is_open: bool = True
    url: str = ""

    @property
    def slot(self) -> Slot | None:
        free = [*self.slots, *([self.typed] if self.typed else [])]
        return next((slot for slot in free if slot.starts_at == self.start), None)

    @property
    def is_gone(self) -> bool:
        return self.start is not None and self.slot is None

    @property
    def ends_at(self) -> datetime | None:
        return self.start and self.start + self.length

    @property
    def value(self) -> str:
        return f"{self.start:%Y-%m-%dT%H:%MZ}" if self.start else ""

    @property
    def minutes(self) -> int:
        return int(self.length.total_seconds() // 60)

    @property
    def able(self) -> list[Trainer]:
        """Who could take the call at the time chosen."""
        return who(self.slot, self.trainers) if self.slot else []

    @property
    def trainer(self) -> Trainer | None:
        """Who will take it, if that is clear before it is booked."""
        return self.able[0] if len(self.able) == 1 else None


def fits(topics: Iterable[EditionTopic]) -> list[EditionTopic]:
    """The first of the topics that fill one call at most."""
    chosen: list[EditionTopic] = []
    left = settings.LONGEST_CALL
    for topic in topics:
        if topic.call_length <= left:
            chosen.append(topic)
            left -= topic.call_length
    return chosen


def languages_of(trainers: Iterable[Trainer]) -> list[tuple[str, str]]:
    """The languages that these trainers speak, by code, with their names."""
    codes = {str(code) for trainer in trainers for code in trainer.languages}
    return sorted(
        ((code, language_name(code)) for code in codes), key=lambda one: one[1]
    )


def language_name(code: str) -> str:
    """The name of a language, for a person: "German"."""
    try:
        return str(get_language_info(code)["name_translated"])
    except KeyError:
        return code


def times_page(
    slots: Sequence[Slot],
    zone: ZoneInfo,
    link: Link,
    *,
    day: date | None,
    start: datetime | None,
    other_zone: str = "",
) -> Times:
    """Arrange the times: a week of days from `day` on, else from the first free one.

    `link` makes an address from what changes (`start` or `day`). `other_zone` is the
    other side's, shown beside each time.
    """
    by_day: dict[date, list[Slot]] = defaultdict(list)
    for slot in slots:
        by_day[slot.starts_at.astimezone(zone).date()].append(slot)
    free_days = sorted(by_day)
    first = _first_day(free_days, day, start and start.astimezone(zone).date())

    def line(slot: Slot, *, with_day: bool = False) -> TimeLine:
        at = slot.starts_at
        clock = times.clock(at, zone)
        other = times.clock(at, other_zone) if other_zone else ""
        return TimeLine(
            at=at,
            label=f"{times.day(at, zone)}, {clock}" if with_day else clock,
            url=link(start=at),
            detail=f"{other} ({city(other_zone)})" if other else "",
            selected=at == start,
        )

    shown = [first + timedelta(days=n) for n in range(DAYS_SHOWN)] if first else []
    return Times(
        soonest=[line(slot, with_day=True) for slot in nearest(slots, start, zone)],
        days=[
            _day_lines(one, [line(slot) for slot in by_day[one]], zone)
            for one in shown
            if one in by_day
        ],
        strip=[_strip_day(one, len(by_day.get(one, []))) for one in shown],
        earlier_url=_earlier(free_days, shown, link),
        later_url=_later(free_days, shown, link),
        count=len(slots),
    )


def _day_lines(day: date, lines: list[TimeLine], zone: ZoneInfo) -> DayLines:
    return DayLines(
        id=f"day-{day:%Y-%m-%d}",
        label=date_format(day, "l j F"),
        slots=lines,
        parts=list(_parts(lines, zone)),
    )


def _parts(lines: Iterable[TimeLine], zone: ZoneInfo) -> Iterator[PartLines]:
    """Part the times of a day: morning, afternoon, evening."""

    def part(line: TimeLine) -> int:
        hour = line.at.astimezone(zone).hour
        return (hour >= DAWN) + (hour >= NOON) + (hour >= EVENING)

    words = [_("Night"), _("Morning"), _("Afternoon"), _("Evening")]
    for number, those in groupby(lines, key=part):
        yield PartLines(words[number], list(those))


def nearest(
    slots: Sequence[Slot], start: datetime | None, zone: ZoneInfo
) -> list[Slot]:
    """The soonest three; the three nearest to a time that was wanted and is gone.

    Not those in the reader's night, while there are others: they stay in the list.
    """

    def is_by_day(slot: Slot) -> bool:
        return DAWN <= slot.starts_at.astimezone(zone).hour < NIGHT

    slots = [slot for slot in slots if is_by_day(slot)] or slots
    if start is None or any(slot.starts_at == start for slot in slots):
        return list(slots[:NEAREST])
    by_distance = sorted(slots, key=lambda slot: abs(slot.starts_at - start))
    return sorted(by_distance[:NEAREST])


def who(slot: Slot, trainers: Iterable[Trainer]) -> list[Trainer]:
    """Who could take this time."""
    return [trainer for trainer in trainers if trainer.pk in slot.trainers]


def _first_day(
    free_days: list[date], day: date | None, start: date | None
) -> date | None:
    """The day the list begins with: the one asked for, else so that `start` shows."""
    if not free_days:
        return None
    first = free_days[0]
    if (
        day is None
        and start
        and not first <= start < first + timedelta(days=DAYS_SHOWN)
    ):
        day = start
    return min(max(day or first, first), free_days[-1])


def _strip_day(day: date, count: int) -> StripDay:
    words = ngettext("%(day)s: %(count)d time", "%(day)s: %(count)d times", count)
    return StripDay(
        weekday=date_format(day, "D"),
        number=str(day.day),
        month=date_format(day, "M"),
        words=(words if count else _("%(day)s: no free time"))
        % {"day": date_format(day, "l j F"), "count": count},
        url=f"#day-{day:%Y-%m-%d}" if count else "",
    )


def _earlier(free_days: list[date], shown: list[date], link: Link) -> str:
    before = [day for day in free_days if shown and day < shown[0]]
    if not before:
        return ""
    return link(day=max(before[0], shown[0] - timedelta(days=DAYS_SHOWN)))


def _later(free_days: list[date], shown: list[date], link: Link) -> str:
    after = [day for day in free_days if shown and day > shown[-1]]
    return link(day=after[0]) if after else ""
