"""Free times: computed, never stored. The page and the POST ask the same function.

All in whole minutes since 1970 (`sessions.minutes`); only the edges of hours are
wall-clock time in the trainer's zone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import F, Q
from django.utils.timezone import now
from schedule.models import Event

from courses.models import Enrolment
from sessions.hours import Window, as_window
from sessions.minutes import (
    DAY,
    WEEK,
    Minutes,
    Span,
    down,
    instant,
    local_day,
    meets,
    merged,
    minutes_of,
    up,
    without,
)
from sessions.models import LIVE_STATES, Booking, BookingState, OutsideBusy, Trainer

YEAR = 365 * DAY
STEP = 15  # minutes between two starts, from the start of the hours on


class Slot(NamedTuple):
    """A free time, and who could take it."""

    starts_at: datetime
    trainers: tuple[int, ...]


class Piece(NamedTuple):
    """Open time, and the minute its grid of starts counts from."""

    start: int
    end: int
    anchor: int


@dataclass(frozen=True)
class Search:
    """What is looked for: free starts of a call of this length, for a programme.

    Offered by active trainers qualified for it and speaking `language` ("": any), or
    by `trainer` alone if one of them, where neither they nor the trainee (a person's
    pk; None: nobody in particular) have another call. From `after` (now) to before
    `before` (the trainers' horizon). `ignore` is a call being moved: its own time
    counts as free. `besides` are spans of the trainee's other wishes, taken for both
    sides. A trainer who schedules may waive their own rules: `any_notice`, and with
    `any_hours` their hours, what is off, and their other calendars. `any_horizon`
    looks a year ahead.
    """

    programme: int
    length: timedelta
    trainee: int | None = None
    after: datetime | None = None
    before: datetime | None = None
    trainer: Trainer | None = None
    language: str = ""
    ignore: Booking | None = None
    besides: tuple[tuple[datetime, datetime], ...] = ()
    any_notice: bool = False
    any_hours: bool = False
    any_horizon: bool = False


def search_for(enrolment: Enrolment, length: timedelta, **options: Any) -> Search:
    """Return the search for a call of this enrolment; `options` as in `Search`."""
    return Search(
        programme=enrolment.programme_id,
        length=length,
        trainee=enrolment.member.user_id,
        **options,
    )


def free_slots(enrolment: Enrolment, length: timedelta, **options: Any) -> list[Slot]:
    """List the free starts of a call of this enrolment, in order; four queries.

    `options` are those of `Search`.
    """
    return find(search_for(enrolment, length, **options))


def free_trainers(
    enrolment: Enrolment, length: timedelta, starts_at: datetime, **options: Any
) -> list[int]:
    """Tell who could take a call at exactly this start, by pk; four queries."""
    return free_at(search_for(enrolment, length, **options), starts_at)


def free_at(search: Search, starts_at: datetime) -> list[int]:
    """Tell who could take the call at exactly this start, by pk; four queries."""
    if starts_at.second or starts_at.microsecond:
        return []
    minute = replace(search, after=starts_at, before=starts_at + timedelta(minutes=1))
    return [
        pk
        for slot in find(minute)
        if slot.starts_at == starts_at
        for pk in slot.trainers
    ]


def find(search: Search) -> list[Slot]:
    """List the starts looked for, in order, and who could take each; four queries."""
    at = now()
    trainers = _trainers(search)
    if not trainers:
        return []
    horizons = {
        one.pk: YEAR if search.any_horizon else DAY * one.horizon_days
        for one in trainers
    }
    first = max(up(search.after or at), up(at))
    horizon = down(at) + max(horizons.values())
    last = min(up(search.before), horizon) if search.before else horizon
    if first >= last:
        return []

    minutes = minutes_of(search.length)
    calls = _calls(search, trainers, first, last)
    hours = {} if search.any_hours else _hours(trainers, first, last)
    found: dict[int, list[int]] = defaultdict(list)
    for one in trainers:
        waived = search.any_notice or search.any_hours
        notice = 0 if waived else one.notice_hours * 60
        asked = Asked(
            length=minutes,
            first=max(first, up(at) + notice),
            last=min(last, down(at) + horizons[one.pk] - minutes + 1),
        )
        own = hours.get(one.pk) or _always(asked)
        for start in starts(one, own, calls.of(one, search), asked):
            found[start].append(one.pk)
    return [
        Slot(datetime.fromtimestamp(start * 60, UTC), tuple(found[start]))
        for start in sorted(found)
    ]


@dataclass
class Asked:
    """What is wanted: a length in minutes, starting from `first` to before `last`."""

    length: int
    first: int
    last: int


@dataclass
class Hours:
    """One trainer's calendars, weekly windows and single spans; what else is busy."""

    weekly: dict[str, list[tuple[Window, date, date | None]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    once: dict[str, list[Span]] = field(default_factory=lambda: defaultdict(list))
    busy: list[Span] = field(default_factory=list)


def _always(asked: Asked) -> Hours:
    """Hours that never end: any minute is a start on its own grid."""
    hours = Hours()
    hours.once["extra"].append((asked.first, asked.last + asked.length))
    return hours


@dataclass
class Calls:
    """What blocks: spans until the rest is over, starts for the caps, own calls."""

    busy: list[Span] = field(default_factory=list)
    counted: list[int] = field(default_factory=list)
    elsewhere: list[Span] = field(default_factory=list)


def starts(trainer: Trainer, hours: Hours, calls: Calls, asked: Asked) -> Iterator[int]:
    """Walk one trainer's grid, jumping over what is not free. No query."""
    if asked.first >= asked.last or 0 in (trainer.day_cap, trainer.week_cap):
        return
    zone = trainer.zone
    pieces = open_pieces(zone, hours, asked)
    runs = merged((piece.start, piece.end) for piece in pieces)
    run_starts = [start for start, _end in runs]

    rested = asked.length + trainer.rest_minutes
    forbidden = merged(
        [
            *((start - rested + 1, end) for start, end in calls.busy),
            *(
                (start - asked.length + 1, end)
                for start, end in [*calls.elsewhere, *hours.busy]
            ),
            *_full(trainer, zone, calls.counted),
        ]
    )
    blocks = iter(forbidden)
    block = next(blocks, None)
    covered = asked.first
    for piece in pieces:
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
    """Return (hours - off) and extra, in order, each with its grid's anchor."""
    around = asked.first - 3 * DAY, asked.last + 3 * DAY
    off = merged(_spans(zone, hours, "off", around))
    pieces = [
        Piece(start, end, window[0])
        for window in _spans(zone, hours, "hours", around)
        for start, end in without(window, off)
    ]
    pieces += [
        Piece(start, end, start) for start, end in _spans(zone, hours, "extra", around)
    ]
    return sorted(pieces)


def _spans(zone: ZoneInfo, hours: Hours, kind: str, around: Span) -> list[Span]:
    """Return all spans of one calendar that touch `around`, in order."""
    first, last = (local_day(zone, minute) for minute in around)
    spans = [span for span in hours.once[kind] if meets(span, around)]
    for window, since, until in hours.weekly[kind]:
        day = max(first, since.toordinal())
        day += (window.weekday + 1 - day) % 7  # ordinal 1 was a Monday
        end = min(last, until.toordinal()) if until else last
        spans += [
            (
                instant(zone, one, window.start, is_end=False),
                instant(zone, one, window.end, is_end=True),
            )
            for one in range(day, end + 1, 7)
        ]
    return sorted(spans)


def _full(trainer: Trainer, zone: ZoneInfo, counted: list[int]) -> Iterator[Span]:
    """Return the local days and ISO weeks on which the trainer's cap is reached."""
    days = Counter(local_day(zone, minute) for minute in counted)
    weeks: Counter[int] = Counter()
    for day, calls in days.items():
        weeks[day - (day - 1) % 7] += calls
    for length, cap, counts in (
        (1, trainer.day_cap, days),
        (7, trainer.week_cap, weeks),
    ):
        for day, calls in counts.items():
            if cap is not None and calls >= cap:
                yield (
                    instant(zone, day, 0, is_end=False),
                    instant(zone, day + length, 0, is_end=False),
                )


def _on_grid(minute: int, anchor: int) -> int:
    """Return the first minute of the grid from this one on."""
    return minute + (anchor - minute) % STEP


# --- What the database is asked ------------------------------------------------


def _trainers(search: Search) -> list[Trainer]:
    """Return who may take it: active, qualified, speaking it, and not the trainee."""
    found = Trainer.objects.filter(
        is_active=True, user__is_active=True, programmes=search.programme
    )
    if search.trainee is not None:
        found = found.exclude(user=search.trainee)
    if search.trainer is not None:
        found = found.filter(pk=search.trainer.pk)
    spoken = search.language[:2]
    return [
        one for one in found.order_by("pk") if not spoken or spoken in one.languages
    ]


def _hours(trainers: list[Trainer], first: int, last: int) -> dict[int, Hours]:
    """Return each trainer's calendars, and what their other calendars say is busy."""
    owners = {
        getattr(trainer, f"{kind}_id"): (trainer, kind)
        for trainer in trainers
        for kind in ("hours", "off", "extra")
    }
    hours = {trainer.pk: Hours() for trainer in trainers}
    events = Event.objects.filter(calendar__in=owners).values_list(
        "calendar_id", "start", "end", "rule__frequency", "end_recurring_period"
    )
    for calendar, start, end, frequency, until in events:
        trainer, kind = owners[calendar]
        own = hours[trainer.pk]
        if frequency is None:
            own.once[kind].append((down(start), up(end)))
        else:
            own.weekly[kind].append(
                (
                    as_window(start, end, trainer.zone),
                    start.astimezone(trainer.zone).date(),
                    until and until.astimezone(trainer.zone).date(),
                )
            )
    for pk, start, end in _busy_outside(trainers, first, last):
        hours[pk].busy.append((start, end))
    return hours


def _busy_outside(trainers: list[Trainer], first: int, last: int) -> Any:
    start, end = _instants(first - DAY, last + DAY)
    return OutsideBusy.objects.filter(
        calendar__trainer__in=trainers, ends_at__gt=start, starts_at__lt=end
    ).values_list("calendar__trainer", Minutes("starts_at"), Minutes("ends_at"))


def _instants(*minutes: int) -> list[datetime]:
    return [datetime.fromtimestamp(minute * 60, UTC) for minute in minutes]


class CallsOf:
    """The live calls of these trainers, and of the trainee in either role."""

    def __init__(self, rows: Iterable[tuple[int, int, int, int, int, int]]) -> None:
        self.by_trainer: dict[int, list[Span]] = defaultdict(list)
        self.counted: dict[int, list[int]] = defaultdict(list)
        self.by_user: dict[int, list[Span]] = defaultdict(list)
        for trainer, holder, trainee, start, end, busy_until in rows:
            self.by_trainer[trainer].append((start, busy_until))
            self.counted[trainer].append(start)
            self.by_user[trainee].append((start, end))
            self.by_user[holder].append((start, end))

    def of(self, trainer: Trainer, search: Search) -> Calls:
        """Return what blocks a call of the two: nobody is in two places at once."""
        elsewhere = list(self.by_user[trainer.user_id])
        if search.trainee is not None:
            elsewhere += self.by_user[search.trainee]
        besides = [(down(start), up(end)) for start, end in search.besides]
        rested = [(start, end + trainer.rest_minutes) for start, end in besides]
        return Calls(
            [*self.by_trainer[trainer.pk], *rested],
            [*self.counted[trainer.pk], *(start for start, _end in besides)],
            [*elsewhere, *besides],
        )


def _calls(search: Search, trainers: list[Trainer], first: int, last: int) -> CallsOf:
    start, end = _instants(first - WEEK - DAY, last + WEEK + DAY)  # for the week's cap
    people = {trainer.user_id for trainer in trainers}
    if search.trainee is not None:
        people.add(search.trainee)
    rows = (
        Booking.objects.filter(
            Q(trainer__in=trainers)
            | Q(trainee__in=people)
            | Q(trainer__user=search.trainee),
            state__in=LIVE_STATES,
            busy_until__gt=start,
            starts_at__lt=end,
        )
        .exclude(state=BookingState.PROPOSED, proposed_until__lte=now())
        .order_by()
    )
    if search.ignore is not None:
        rows = rows.exclude(pk=search.ignore.pk)
    return CallsOf(
        rows.values_list(
            "trainer_id",
            F("trainer__user_id"),
            "trainee_id",
            Minutes("starts_at"),
            Minutes("ends_at"),
            Minutes("busy_until"),
        )
    )
