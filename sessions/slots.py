"""Free times: computed, never stored. The page and the POST ask the same function.

All in whole minutes since 1970 (UTC); only the edges of hours are wall-clock time in
the trainer's zone. An edge inside the gap of a clock change is the jump itself; in
the repeated hour a start is the first of the two, an end the last.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import F, Func, IntegerField, Q
from django.utils.timezone import now
from schedule.models import Event

from courses.models import Enrolment
from sessions.hours import DAY, WEEK, Window, as_window
from sessions.models import LIVE_STATES, Booking, BookingState, Trainer

STEP = 15  # minutes between two starts, from the start of the hours on

Span = tuple[int, int]


class Slot(NamedTuple):
    """A free time, and who could take it."""

    starts_at: datetime
    trainers: tuple[int, ...]


class Piece(NamedTuple):
    """Open time, and the minute its grid of starts counts from."""

    start: int
    end: int
    anchor: int


def free_slots(
    enrolment: Enrolment,
    length: timedelta,
    *,
    after: datetime | None = None,
    before: datetime | None = None,
    trainer: Trainer | None = None,
    ignore: Booking | None = None,
    any_notice: bool = False,
) -> list[Slot]:
    """List the starts of a call of this length, in order; three queries.

    Those from `after` (now) to before `before` (the trainers' horizon). Offered by
    active trainers qualified for the programme, or `trainer` alone if one of them,
    where neither they nor the trainee have another call. `ignore` is a call being
    moved: its own time counts as free. `any_notice` is for the trainer's own
    scheduling: their shortest notice is waived.
    """
    at = now()
    trainers = _trainers(enrolment, trainer)
    if not trainers:
        return []
    first = max(_up(after or at), _up(at))
    horizon = _down(at) + DAY * max(one.horizon_days for one in trainers)
    last = min(_up(before), horizon) if before else horizon
    if first >= last:
        return []

    minutes = _minutes(length)
    calls = _calls(enrolment, trainers, first, last, ignore)
    hours = _hours(trainers)
    found: dict[int, list[int]] = defaultdict(list)
    for one in trainers:
        notice = 0 if any_notice else one.notice_hours * 60
        asked = Asked(
            length=minutes,
            first=max(first, _up(at) + notice),
            last=min(last, _down(at) + DAY * one.horizon_days - minutes + 1),
        )
        person = calls.of(one, enrolment.member.user_id)
        for start in starts(one, hours[one.pk], person, asked):
            found[start].append(one.pk)
    return [
        Slot(datetime.fromtimestamp(start * 60, UTC), tuple(found[start]))
        for start in sorted(found)
    ]


def free_trainers(
    enrolment: Enrolment,
    length: timedelta,
    starts_at: datetime,
    *,
    trainer: Trainer | None = None,
    ignore: Booking | None = None,
    any_notice: bool = False,
) -> list[int]:
    """Tell who could take a call at exactly this start, by pk; three queries."""
    if starts_at.second or starts_at.microsecond:
        return []
    slots = free_slots(
        enrolment,
        length,
        after=starts_at,
        before=starts_at + timedelta(minutes=1),
        trainer=trainer,
        ignore=ignore,
        any_notice=any_notice,
    )
    return [pk for slot in slots if slot.starts_at == starts_at for pk in slot.trainers]


@dataclass
class Asked:
    """What is wanted: a length in minutes, starting from `first` to before `last`."""

    length: int
    first: int
    last: int


@dataclass
class Hours:
    """One trainer's calendars: weekly windows and single spans of each."""

    weekly: dict[str, list[tuple[Window, date, date | None]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    once: dict[str, list[Span]] = field(default_factory=lambda: defaultdict(list))


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
            *((start - asked.length + 1, end) for start, end in calls.elsewhere),
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
        for start, end in _without(window, off)
    ]
    pieces += [
        Piece(start, end, start) for start, end in _spans(zone, hours, "extra", around)
    ]
    return sorted(pieces)


def merged(spans: Iterable[Span]) -> list[Span]:
    """Join spans that overlap or touch; those without length are dropped."""
    joined: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((start, end))
    return joined


@lru_cache(maxsize=65536)
def instant(zone: ZoneInfo, day: int, minute: int, *, is_end: bool) -> int:
    """Place a minute of a local date (its ordinal) on the line of minutes."""
    ahead, minute = divmod(minute, DAY)
    wall = datetime.combine(
        date.fromordinal(day + ahead), time(minute // 60, minute % 60)
    )
    one, other = (
        _down(wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)) for fold in (0, 1)
    )
    if one <= other:  # as always, or told twice
        return other if is_end else one
    return jump(zone, other, one)


def jump(zone: ZoneInfo, low: int, high: int) -> int:
    """Return the first minute with the offset of the later of two minutes.

    For two with at most one change of the clock between them.
    """
    after = _offset(zone, high)
    while low < high:
        middle = (low + high) // 2
        if _offset(zone, middle) == after:
            high = middle
        else:
            low = middle + 1
    return low


def _offset(zone: ZoneInfo, minute: int) -> timedelta | None:
    return datetime.fromtimestamp(minute * 60, zone).utcoffset()


def _spans(zone: ZoneInfo, hours: Hours, kind: str, around: Span) -> list[Span]:
    """Return all spans of one calendar that touch `around`, in order."""
    first, last = (_local_day(zone, minute) for minute in around)
    spans = [span for span in hours.once[kind] if _meets(span, around)]
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
    days = Counter(_local_day(zone, minute) for minute in counted)
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


def _without(window: Span, off: list[Span]) -> Iterator[Span]:
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


def _meets(span: Span, other: Span) -> bool:
    return span[0] < other[1] and other[0] < span[1]


def _on_grid(minute: int, anchor: int) -> int:
    """Return the first minute of the grid from this one on."""
    return minute + (anchor - minute) % STEP


def _local_day(zone: ZoneInfo, minute: int) -> int:
    return datetime.fromtimestamp(minute * 60, zone).toordinal()


def _down(at: datetime) -> int:
    return int(at.timestamp() // 60)


def _up(at: datetime) -> int:
    return int(-(-at.timestamp() // 60))


def _minutes(length: timedelta) -> int:
    return int(-(-length.total_seconds() // 60))


# --- What the database is asked ------------------------------------------------


class Minutes(Func):
    """An instant as whole minutes since 1970: the database counts, not Python."""

    output_field = IntegerField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return super().as_sql(
            compiler,
            connection,
            template="((unixepoch(%(expressions)s) + 59) / 60)",
            **context,
        )

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return super().as_sql(
            compiler,
            connection,
            template="CEIL(EXTRACT(EPOCH FROM %(expressions)s) / 60)::bigint",
            **context,
        )


def _trainers(enrolment: Enrolment, wanted: Trainer | None) -> list[Trainer]:
    """Return who may take it: active, qualified, and not the trainee."""
    found = Trainer.objects.filter(
        is_active=True, user__is_active=True, programmes=enrolment.programme_id
    ).exclude(user=enrolment.member.user_id)
    if wanted is not None:
        found = found.filter(pk=wanted.pk)
    return list(found.order_by("pk"))


def _hours(trainers: list[Trainer]) -> dict[int, Hours]:
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
            own.once[kind].append((_down(start), _up(end)))
        else:
            own.weekly[kind].append(
                (
                    as_window(start, end, trainer.zone),
                    start.astimezone(trainer.zone).date(),
                    until and until.astimezone(trainer.zone).date(),
                )
            )
    return hours


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

    def of(self, trainer: Trainer, trainee: int) -> Calls:
        """Return what blocks a call of the two: nobody is in two places at once."""
        elsewhere = self.by_user[trainee] + self.by_user[trainer.user_id]
        return Calls(self.by_trainer[trainer.pk], self.counted[trainer.pk], elsewhere)


def _calls(
    enrolment: Enrolment,
    trainers: list[Trainer],
    first: int,
    last: int,
    ignore: Booking | None,
) -> CallsOf:
    start, end = (
        datetime.fromtimestamp(minute * 60, UTC)
        for minute in (first - WEEK - DAY, last + WEEK + DAY)  # for the week's cap
    )
    trainee = enrolment.member.user_id
    people = [trainee, *(trainer.user_id for trainer in trainers)]
    rows = (
        Booking.objects.filter(
            Q(trainer__in=trainers) | Q(trainee__in=people) | Q(trainer__user=trainee),
            state__in=LIVE_STATES,
            busy_until__gt=start,
            starts_at__lt=end,
        )
        .exclude(state=BookingState.PROPOSED, proposed_until__lte=now())
        .order_by()
    )
    if ignore is not None:
        rows = rows.exclude(pk=ignore.pk)
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
