"""The trend: how many needs were met at the end of each month, as a chart and rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils.translation import gettext as _

from courses.needs import Standing
from lms.mail.times import on_day

MONTHS = 12
_DAY = timedelta(days=1)
_WIDE, _HIGH, _EDGE = 640, 160, 12  # of the drawing, in its own units


def days_up_to(day: date) -> list[date]:
    """The ends of the twelve months before a day, and the day itself."""
    days, first = [day], day.replace(day=1)
    for _number in range(MONTHS):
        if first.toordinal() < 400:  # the calendar begins
            break
        days.append(first - _DAY)
        first = (first - _DAY).replace(day=1)
    return days[::-1]


@dataclass(frozen=True)
class Point:
    """A day: how many needs were met, of those that asked for anybody."""

    on: date
    met: int
    asked: int
    qualified: int
    counted: int
    x: int

    @property
    def y(self) -> int:
        share = self.met / self.asked if self.asked else 0
        return round(_HIGH - _EDGE - share * (_HIGH - 2 * _EDGE))

    @property
    def words(self) -> str:
        if not self.asked:
            return _("Nothing asked for")
        return _("%(met)d of %(asked)d") % {"met": self.met, "asked": self.asked}


@dataclass(frozen=True)
class Trend:
    """A line through the days, for a drawing of `wide` by `high`."""

    points: Sequence[Point]
    wide: int = _WIDE
    high: int = _HIGH
    top: int = _EDGE
    bottom: int = _HIGH - _EDGE

    @property
    def line(self) -> str:
        """The line's points, where anything was asked for."""
        return " ".join(f"{each.x},{each.y}" for each in self.points if each.asked)

    @property
    def words(self) -> str:
        """The first day and the last, for who does not see the line."""
        first, last = self.points[0], self.points[-1]
        return _("%(first)s on %(first_on)s, %(last)s on %(last_on)s") % {
            "first": first.words,
            "first_on": on_day(first.on),
            "last": last.words,
            "last_on": on_day(last.on),
        }

    @property
    def has_any(self) -> bool:
        return any(each.asked for each in self.points)


def trend_of(by_day: Mapping[date, Iterable[Standing]]) -> Trend:
    """The trend of standings, by day."""
    step = (_WIDE - 2 * _EDGE) / max(1, len(by_day) - 1)
    points = []
    for number, (day, standings) in enumerate(sorted(by_day.items())):
        said = [each for each in standings if each.is_met is not None]
        points.append(
            Point(
                day,
                met=sum(bool(each.is_met) for each in said),
                asked=len(said),
                qualified=sum(len(each.qualified) for each in said),
                counted=sum(each.counted for each in said),
                x=round(_EDGE + number * step),
            )
        )
    return Trend(points)
