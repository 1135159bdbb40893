"""What the records say of trainers' time, in whole minutes: hours, calls, busy.

Three queries for any number of trainers; the database turns instants into minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet
from django.utils.timezone import now
from schedule.models import Event

from sessions.grid import Calls, Hours, Said, Weekly
from sessions.hours import as_window
from sessions.minutes import DAY, WEEK, Minutes, MinutesUp, Span, at_minute, down, up
from sessions.models import Booking, BookingState, OutsideBusy, Trainer

if TYPE_CHECKING:
    from sessions.slots import Search


def hours_of(trainers: Sequence[Trainer], around: Span) -> dict[int, Hours]:
    """Return each trainer's calendars, and when their other calendars are busy."""
    hours = {trainer.pk: Hours() for trainer in trainers}
    owners = {
        getattr(trainer, f"{kind}_id"): (hours[trainer.pk], kind, trainer.zone)
        for trainer in trainers
        for kind in ("hours", "off", "extra")
    }
    start, end = at_minute(around[0] - 2 * DAY), at_minute(around[1] + 2 * DAY)
    events = (
        Event.objects.filter(calendar__in=owners)
        .filter(Q(rule__isnull=False) | Q(end__gt=start, start__lt=end))
        .values_list(
            "calendar_id",
            "pk",
            "rule_id",
            Minutes("start"),
            MinutesUp("end"),
            "end_recurring_period",
        )
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
    busy = OutsideBusy.objects.filter(
        calendar__trainer__in=trainers, ends_at__gt=start, starts_at__lt=end
    ).values_list("calendar__trainer", Minutes("starts_at"), MinutesUp("ends_at"))
    for pk, first, last in busy:
        hours[pk].busy.append((first, last))
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
    """Return what blocks a call of each trainer and the trainee, as live calls do."""
    calls = {trainer.pk: Calls() for trainer in trainers}
    attended: dict[int, list[Span]] = {trainer.user_id: [] for trainer in trainers}
    besides = [(down(start), up(end)) for start, end in search.besides]
    trainees = [*besides]
    rows = _live(trainers, search, own, around)
    for holder, trainee, start, end, busy_until in rows:
        if held := calls.get(holder):
            held.held.append((start, busy_until))
        if trainee in attended:
            attended[trainee].append((start, end))
        if trainee == search.trainee or (own and holder == own.pk):
            trainees.append((start, end))
    for trainer in trainers:
        rest = trainer.rest_minutes
        held = calls[trainer.pk]
        held.held += [(start, end + rest) for start, end in besides]
        held.elsewhere = [*attended[trainer.user_id], *trainees]
    return calls


def _live(
    trainers: Sequence[Trainer], search: Search, own: Trainer | None, around: Span
) -> QuerySet[Booking, tuple[int, int, int, int, int]]:
    """Return the live calls that these trainers hold, or that they or the trainee have.

    As the trainer's pk, the trainee's, and the minutes of start, end, and rest's end.
    """
    margin = WEEK + DAY  # for the week's cap
    start, end = at_minute(around[0] - margin), at_minute(around[1] + margin)
    holders = [*trainers, own] if own else trainers
    people = [search.trainee, *(trainer.user_id for trainer in trainers)]
    live = (
        Booking.objects.live()
        .filter(
            Q(trainer__in=holders, busy_until__gt=start)
            | Q(trainee__in=people, ends_at__gt=start),
            starts_at__lt=end,
        )
        .exclude(state=BookingState.PROPOSED, proposed_until__lte=now())
        .order_by()
    )
    if search.ignore is not None:
        live = live.exclude(pk=search.ignore.pk)
    return live.values_list(
        "trainer_id",
        "trainee_id",
        Minutes("starts_at"),
        MinutesUp("ends_at"),
        MinutesUp("busy_until"),
    )
