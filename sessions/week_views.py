"""The trainer's week: a grid drawn on the server, and the same facts day by day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.formats import date_format
from django.utils.timezone import now
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from lms.mail import times
from lms.mail.zones import city
from lms.people.access import MemberRequest
from lms.people.roles import trainer_required
from sessions.access import trainer_of
from sessions.minutes import DAY, Span, at_minute, down, instant
from sessions.week import Kind, Stretch, WeekDay, monday_of, week_of

HOUR = 60
USUAL = 8 * HOUR, 18 * HOUR  # shown at least
HOUR_HEIGHT = 56  # in CSS pixels: a call of 20 minutes has room for a line
TWO_LINES = 40  # minutes
WEEK = timedelta(days=7)


class WeekForm(forms.Form):
    """Any date of the week asked for."""

    day = forms.DateField(required=False)


@dataclass(frozen=True)
class Box:
    """A stretch of time as drawn: per cent of its column."""

    one: Stretch
    y: str
    height: str
    clock: str
    is_tall: bool


@dataclass(frozen=True)
class Tick:
    """A full hour of a column."""

    y: str
    label: str


@dataclass(frozen=True)
class Column:
    """A day of the grid."""

    day: WeekDay
    is_today: bool
    boxes: list[Box]
    strip: list[Box]
    ticks: list[Tick]
    is_usual: bool
    now_y: str
    change: str


@dataclass(frozen=True)
class Grid:
    """Seven days, one scale: where the clock changes, a day is longer or shorter."""

    columns: list[Column]
    axis: list[Tick]
    height: int


@trainer_required
@require_safe
@never_cache
def week(request: MemberRequest) -> HttpResponse:
    """Hours, time off, busy times elsewhere and calls of one week, on one's clock."""
    trainer = trainer_of(request.access)
    this_monday = monday_of(now().astimezone(trainer.zone).date())
    monday = monday_of(_asked(request) or this_monday)
    days = week_of(trainer, monday)
    context: dict[str, Any] = {
        "trainer": trainer,
        "city": city(trainer.time_zone),
        "trainer_zone": trainer.time_zone,
        "grid": draw(days, trainer.zone),
        "title": _title(monday),
        "is_this_week": monday == this_monday,
        "earlier": monday - WEEK,
        "later": monday + WEEK,
        "calls": sum(one.kind == Kind.CALL for day in days for one in day.stretches),
    }
    return render(request, "sessions/week.html", context)


def _asked(request: MemberRequest) -> date | None:
    form = WeekForm(request.GET)
    day = form.cleaned_data["day"] if form.is_valid() else None
    return day if day and 2000 <= day.year < 2200 else None


def _title(monday: date) -> str:
    sunday = monday + timedelta(days=6)
    first = "j" if monday.month == sunday.month else "j F"
    if monday.year != sunday.year:
        first = "j F Y"
    return f"{date_format(monday, first)} – {date_format(sunday, 'j F Y')}"


# --- Drawing -----------------------------------------------------------------------


def draw(days: list[WeekDay], zone: ZoneInfo) -> Grid:
    """Place the days' stretches in columns, from the first hour used to the last."""
    first, last = _shown(days, zone)
    spans = [
        (
            instant(zone, day.on.toordinal(), first, is_end=False),
            instant(zone, day.on.toordinal(), last, is_end=last < DAY),
        )
        for day in days
    ]
    total = max(end - start for start, end in spans)
    columns = [
        _column(day, span, total, zone, is_usual=span[1] - span[0] == last - first)
        for day, span in zip(days, spans, strict=True)
    ]
    axis = next(column.ticks for column in columns if column.is_usual)
    return Grid(columns, axis, round(total * HOUR_HEIGHT / HOUR))


def _shown(days: list[WeekDay], zone: ZoneInfo) -> Span:
    """The first and last minute of the clock worth showing, in full hours."""
    first, last = USUAL
    for day in days:
        for one in day.stretches:
            if one.kind == Kind.OFF:
                continue
            first = min(first, _wall(one.start, zone))
            ends = DAY if one.end == day.end else _wall(one.end - 1, zone) + 1
            last = max(last, ends)
    return first - first % HOUR, last + -last % HOUR


def _wall(minute: int, zone: ZoneInfo) -> int:
    local = at_minute(minute).astimezone(zone)
    return local.hour * HOUR + local.minute


def _column(
    day: WeekDay, span: Span, total: int, zone: ZoneInfo, *, is_usual: bool
) -> Column:
    start, end = span
    at = down(now())
    hours = (day.end - day.start) / HOUR
    return Column(
        day=day,
        is_today=day.start <= at < day.end,
        boxes=[
            _box(one, (start, end), total, zone)
            for one in day.stretches
            if one.start < end and one.end > start
        ],
        strip=[
            _box(one, (day.start, day.end), day.end - day.start, zone)
            for one in day.stretches
        ],
        ticks=[
            Tick(_percent(minute - start, total), hour)
            for minute in range(start, end, HOUR // 2)
            if (hour := _hour(minute, zone))
        ],
        is_usual=is_usual,
        now_y=_percent(at - start, total) if start <= at < end else "",
        change=f"{hours:g}" if hours != DAY / HOUR else "",
    )


def _hour(minute: int, zone: ZoneInfo) -> str:
    """A full hour as the clock shows it; nothing for other minutes."""
    local = at_minute(minute).astimezone(zone)
    return "" if local.minute else f"{local:%H}"


def _box(one: Stretch, span: Span, total: int, zone: ZoneInfo) -> Box:
    start, end = max(one.start, span[0]), min(one.end, span[1])
    return Box(
        one,
        _percent(start - span[0], total),
        _percent(end - start, total),
        times.clock(one.starts_at, zone),
        is_tall=end - start >= TWO_LINES,
    )


def _percent(part: int, whole: int) -> str:
    return f"{part / whole * 100:.3f}%"
