"""What the records say of trainers' time, in whole minutes: hours, calls, busy.

Three queries for any number of trainers; the database turns instants into minutes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet
from schedule.models import Event

from sessions.grid import Calls, Hours, Said, Weekly
from sessions.hours import as_window
from sessions.minutes import DAY, WEEK, Minutes, MinutesUp, Span, at_minute, down, up
from sessions.models import Booking, OutsideBusy, Trainer

if TYPE_CHECKING:
    from sessions.slots import Search


def hours_of(trainers: Sequence[Trainer], around: Span) -> dict[int, Hours]:
    """Return what each trainer's calendars say; one query."""
    hours = {trainer.pk: Hours() for trainer in trainers}
    owners = {
        getattr(trainer, f"{kind}_id"): (hours[trainer.pk], kind, trainer.zone)
        for trainer in trainers
        for kind in ("hours", "off", "extra")
    }
    start, end = at_minute(around[0] - 2 * DAY), at_minute(around[1] + 2 * DAY)
    events = Event.objects.filter(
        Q(rule__isnull=False) | Q(end__gt=start, start__lt=end), calendar__in=owners
    ).values_list(
        "calendar_id",
        "pk",
        "rule_id",
        Minutes("start"),
        MinutesUp("end"),
        "end_recurring_period",
    )
    for calendar, pk, rule, first, last, until in events:
        own, kind, zone = owners[calendar]
        time = (first, last) if rule is None else _weekly(zone, first, last, until)
        if kind == "off":
            own.off.append(Said(time, pk))
        elif kind == "extra":
            own.extra.append(Said(time, pk))
        elif isinstance(time, Weekly):
            own.weekly.append(time)
    return hours


@lru_cache(maxsize=16384)
def _weekly(zone: ZoneInfo, first: int, last: int, until: datetime | None) -> Weekly:
    """Read a weekly event as the zone's clock shows it: it comes again each week."""
    start = at_minute(first).astimezone(zone)
    return Weekly(
        as_window(start, at_minute(last), zone),
        start.toordinal(),
        until.astimezone(zone).toordinal() if until else date.max.toordinal(),
    )


def calls_of(
    trainers: Sequence[Trainer], search: Search, own: Trainer | None, around: Span
) -> dict[int, Calls]:
    """Return what blocks a call of each trainer and the trainee; two queries.

    Live calls, and unless `any_hours` what a trainer's other calendars say.
    """
    margin = WEEK + DAY  # for the week's cap
    start, end = at_minute(around[0] - margin), at_minute(around[1] + margin)
    live = Booking.objects.blocking().filter(starts_at__lt=end).order_by()
    if search.ignore is not None:
        live = live.exclude(pk=search.ignore.pk)
    held = _by_first(
        live.filter(
            trainer__in=[*trainers, own] if own else trainers, busy_until__gt=start
        ).values_list("trainer", Minutes("starts_at"), MinutesUp("busy_until"))
    )
    people = [search.trainee, *(trainer.user_id for trainer in trainers)]
    attended = live.filter(trainee__in=people, ends_at__gt=start).values_list(
        "trainee", Minutes("starts_at"), MinutesUp("ends_at")
    )
    elsewhere = _by_first(
        attended
        if search.any_hours
        else attended.union(_busy(trainers, around), all=True)
    )
    besides = [(down(start), up(end)) for start, end in search.besides]
    trainees = [*elsewhere[search.trainee], *besides, *(held[own.pk] if own else [])]
    return {
        one.pk: Calls(
            held[one.pk] + [(start, end + one.rest_minutes) for start, end in besides],
            elsewhere[one.user_id] + trainees,
        )
        for one in trainers
    }


def busy_of(trainers: Sequence[Trainer], around: Span) -> dict[int | None, list[Span]]:
    """Return when trainers' other calendars say busy, by the person's pk; one query."""
    return _by_first(_busy(trainers, around))


def _busy(
    trainers: Sequence[Trainer], around: Span
) -> QuerySet[OutsideBusy, tuple[int, int, int]]:
    start, end = at_minute(around[0]), at_minute(around[1])
    return (
        OutsideBusy.objects.filter(
            calendar__trainer__in=trainers, ends_at__gt=start, starts_at__lt=end
        )
        .order_by()
        .values_list(
            "calendar__trainer__user", Minutes("starts_at"), MinutesUp("ends_at")
        )
    )


def _by_first(rows: Iterable[tuple[int, int, int]]) -> dict[int | None, list[Span]]:
    spans: dict[int | None, list[Span]] = defaultdict(list)
    for who, start, end in rows:
        spans[who].append((start, end))
    return spans
