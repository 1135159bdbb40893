"""The page of free times, as people look at it: days, their times, the soonest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from courses.models import EditionTopic
from lms.mail import times
from lms.mail.zones import city
from sessions.models import Trainer
from sessions.slots import Slot

DAYS_SHOWN = 7
NEAREST = 3

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
class DayLines:
    """The free times of one day in the reader's zone."""

    id: str
    label: str
    slots: list[TimeLine]


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


def fits(topics: Iterable[EditionTopic]) -> list[EditionTopic]:
    """The first of the topics that fill one call at most."""
    chosen: list[EditionTopic] = []
    left = settings.LONGEST_CALL
    for topic in topics:
        if topic.call_length <= left:
            chosen.append(topic)
            left -= topic.call_length
    return chosen


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
        soonest=[line(slot, with_day=True) for slot in nearest(slots, start)],
        days=[
            DayLines(
                f"day-{one:%Y-%m-%d}",
                date_format(one, "l j F"),
                [line(slot) for slot in by_day[one]],
            )
            for one in shown
            if one in by_day
        ],
        strip=[_strip_day(one, len(by_day.get(one, []))) for one in shown],
        earlier_url=_earlier(free_days, shown, link),
        later_url=_later(free_days, shown, link),
        count=len(slots),
    )


def nearest(slots: Sequence[Slot], start: datetime | None) -> list[Slot]:
    """The soonest three; the three nearest to a time that was wanted and is gone."""
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
