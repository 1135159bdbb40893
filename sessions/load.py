"""How busy trainers are, week by week, and how soon somebody could have a call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Count, Q
from django.utils.timezone import now
from django.utils.translation import gettext as _

from content.contact import channel_team
from courses.models import ProgrammePage
from lms.mail.models import Message
from lms.mail.outbox import queue
from sessions.diaries import busy_of, hours_of
from sessions.grid import Asked, Hours, open_pieces
from sessions.minutes import (
    Minutes,
    MinutesUp,
    Span,
    at_minute,
    instant,
    local_day,
    merged,
    without,
)
from sessions.missing import FADES_AFTER
from sessions.models import (
    Booking,
    BookingQuerySet,
    BookingState,
    Dispute,
    DisputeQuerySet,
    Origin,
    OutsideCalendar,
    Trainer,
)
from sessions.outside import STALE_AFTER
from sessions.slots import Diary, Search, soonest_by_programme

PAST_WEEKS = 4
COMING_WEEKS = 8  # this one is the first of them
NEXT_WEEKS = 4
SOME_CALL = timedelta(minutes=30)


@dataclass
class Week:
    """An ISO week of a trainer, by their own clock; lengths in minutes."""

    monday: date
    cap: int | None
    is_this: bool = False
    calls: int = 0
    proposals: int = 0
    missed: int = 0  # by either side
    taken: int = 0
    offered: int | None = None  # of a past week: not known, hours are not kept

    @property
    def sunday(self) -> date:
        return self.monday + timedelta(days=6)

    @property
    def calls_of_cap(self) -> str:
        """The calls, and how many there may be: "3 of 20"."""
        if self.cap is None:
            return str(self.calls)
        return _("%(calls)d of %(cap)d") % {"calls": self.calls, "cap": self.cap}

    @property
    def is_full(self) -> bool:
        """Whether the week's cap is reached: proposals count, as they do there."""
        return self.cap is not None and self.calls + self.proposals >= self.cap


@dataclass
class Load:
    """What one trainer has to do, and offers."""

    trainer: Trainer
    weeks: list[Week]
    missed: int = 0  # by the trainer, in twelve months
    unsigned: int = 0
    stale: int = 0
    next_free: datetime | None = None

    @property
    def this_week(self) -> Week:
        return self.weeks[PAST_WEEKS]

    @property
    def coming(self) -> list[Week]:
        return self.weeks[PAST_WEEKS : PAST_WEEKS + NEXT_WEEKS]

    @property
    def next_calls(self) -> int:
        return sum(week.calls + week.proposals for week in self.coming)

    @property
    def next_taken(self) -> int:
        return sum(week.taken for week in self.coming)

    @property
    def next_offered(self) -> int:
        return sum(week.offered or 0 for week in self.coming)


def hours(minutes: int) -> str:
    """Write a length: "7 h 30 min"."""
    whole, rest = divmod(minutes, 60)
    if not rest:
        return _("%(hours)d h") % {"hours": whole}
    if not whole:
        return _("%(minutes)d min") % {"minutes": rest}
    return _("%(hours)d h %(minutes)d min") % {"hours": whole, "minutes": rest}


def weeks_of(trainers: Sequence[Trainer]) -> dict[int, list[Week]]:
    """Return each trainer's last four and coming eight weeks; three queries."""
    weeks = {one.pk: _empty_weeks(one) for one in trainers}
    spans = [_span(one, weeks[one.pk]) for one in trainers]
    if not spans:
        return {}
    around = min(start for start, _end in spans), max(end for _start, end in spans)
    _count_calls(trainers, weeks, around)
    calendars, busy = hours_of(trainers, around), busy_of(trainers, around)
    for one in trainers:
        _count_hours(one, weeks[one.pk], calendars[one.pk], busy[one.user_id])
    return {pk: list(own.values()) for pk, own in weeks.items()}


def _empty_weeks(trainer: Trainer) -> dict[int, Week]:
    """The weeks by the ordinal of their Monday."""
    today = now().astimezone(trainer.zone).date().toordinal()
    this = _monday(today)
    return {
        monday: Week(date.fromordinal(monday), trainer.week_cap, is_this=monday == this)
        for monday in range(this - 7 * PAST_WEEKS, this + 7 * COMING_WEEKS, 7)
    }


def _monday(day: int) -> int:
    return day - (day - 1) % 7  # ordinal 1 was a Monday


def _bounds(trainer: Trainer, monday: int) -> Span:
    """A week's first minute and the one after its last, by the trainer's clock."""
    return (
        instant(trainer.zone, monday, 0, is_end=False),
        instant(trainer.zone, monday + 7, 0, is_end=False),
    )


def _span(trainer: Trainer, weeks: Mapping[int, Week]) -> Span:
    """All these weeks, by the trainer's clock."""
    return _bounds(trainer, min(weeks))[0], _bounds(trainer, max(weeks))[1]


def _count_calls(
    trainers: Sequence[Trainer], weeks: Mapping[int, dict[int, Week]], span: Span
) -> None:
    zones = {one.pk: one.zone for one in trainers}
    start, end = (at_minute(minute) for minute in span)
    rows = (
        Booking.objects.filter(
            trainer__in=zones, starts_at__gte=start, starts_at__lt=end
        )
        .exclude(state=BookingState.CANCELLED)
        .exclude(state=BookingState.PROPOSED, proposed_until__lte=now())
        .order_by()
        .values_list("trainer_id", "state", Minutes("starts_at"), MinutesUp("ends_at"))
    )
    for trainer, state, begins, ends in rows:
        week = weeks[trainer].get(_monday(local_day(zones[trainer], begins)))
        if week is None:
            continue
        if state == BookingState.PROPOSED:
            week.proposals += 1
        elif state == BookingState.MISSED:
            week.missed += 1
        else:
            week.calls += 1
            week.taken += ends - begins


def _count_hours(
    trainer: Trainer, weeks: dict[int, Week], hours: Hours, elsewhere: list[Span]
) -> None:
    """Add up open time, without what is off or busy in another calendar."""
    asked = Asked(0, *_span(trainer, weeks))
    runs = merged(
        (piece.start, piece.end) for piece in open_pieces(trainer.zone, hours, asked)
    )
    busy = merged(elsewhere)
    free = [span for run in runs for span in without(run, busy)]
    for monday, week in list(weeks.items())[PAST_WEEKS:]:
        begins, ends = _bounds(trainer, monday)
        week.offered = sum(
            max(0, min(end, ends) - max(start, begins)) for start, end in free
        )


def loads_of(trainers: Sequence[Trainer]) -> list[Load]:
    """Return the load of each, in their order; six queries for any number."""
    if not trainers:
        return []
    weeks = weeks_of(trainers)
    missed = _counts(
        Booking.objects.filter(
            state=BookingState.MISSED,
            missed_by=Origin.TRAINER,
            starts_at__gt=now() - FADES_AFTER,
        ),
        trainers,
    )
    unsigned = _counts(
        Booking.objects.filter(state=BookingState.BOOKED, ends_at__lte=now()), trainers
    )
    unread_since = now() - STALE_AFTER
    stale = Counter(
        OutsideCalendar.objects.filter(
            Q(read_at__lt=unread_since) | Q(read_at=None, created_at__lt=unread_since),
            trainer__in=trainers,
        ).values_list("trainer", flat=True)
    )
    return [
        Load(one, weeks[one.pk], missed[one.pk], unsigned[one.pk], stale[one.pk])
        for one in trainers
    ]


def _counts(rows: BookingQuerySet, trainers: Sequence[Trainer]) -> Counter[int]:
    counted = rows.filter(trainer__in=trainers).order_by().values_list("trainer")
    return Counter(dict(counted.annotate(number=Count("pk"))))


def next_free(trainers: Sequence[Trainer]) -> dict[int, datetime]:
    """When each could next be booked for half an hour, by pk; three queries.

    Who has no free time within their own horizon is left out.
    """
    if not trainers:
        return {}
    search = Search(0, SOME_CALL)
    diary = Diary(trainers, search)
    firsts = {one.pk: next(diary.starts(one, search), None) for one in diary.trainers}
    return {pk: at_minute(first) for pk, first in firsts.items() if first is not None}


# --- How soon a call can be had ------------------------------------------------------


@dataclass(frozen=True)
class Soonest:
    """A programme, the soonest free time of a call in it, and who holds them."""

    programme: ProgrammePage
    starts_at: datetime | None
    trainers: int

    @property
    def is_alarm(self) -> bool:
        """Whether the channel team has to know: too far off, or none in a year."""
        limit = now() + settings.FREE_TIME_ALARM
        return self.starts_at is None or self.starts_at > limit


def soonest() -> list[Soonest]:
    """Say of each programme with calls how soon one can be had; eight queries."""
    slots = soonest_by_programme()
    active = Q(trainers__is_active=True, trainers__user__is_active=True)
    programmes = ProgrammePage.objects.annotate(
        holders=Count("trainers", filter=active)
    ).order_by("path")
    return [
        Soonest(
            programme,
            slot.starts_at if (slot := slots[programme.pk]) else None,
            programme.holders,
        )
        for programme in programmes.filter(pk__in=slots)
    ]


def tell_of_missing_times() -> int:
    """Tell the channel team of programmes without a free time soon; return how many.

    Once per programme and ISO week while it lasts, whoever asks how often.
    """
    alarms = [one for one in soonest() if one.is_alarm]
    if not alarms:
        return 0
    for alarm in alarms:
        for person in channel_team():
            name = person if isinstance(person, str) else person.pk
            queue(
                f"{_alarm_key(alarm.programme.pk)}{name}",
                person,
                "sessions/email/no_times.txt",
                {"alarm": alarm, "days": settings.FREE_TIME_ALARM.days},
            )
    return len(alarms)


def team_was_told(programme_pk: int) -> bool:
    """Whether the channel team was told this week that times are missing; one query."""
    return Message.objects.filter(key__startswith=_alarm_key(programme_pk)).exists()


def _alarm_key(programme_pk: int) -> str:
    week = now().astimezone(ZoneInfo(settings.HOME_TIME_ZONE)).isocalendar()
    return f"no-times:{programme_pk}:{week.year}-W{week.week:02}:"


# --- What waits for the channel team --------------------------------------------------


def open_disputes() -> DisputeQuerySet:
    """What people say did not happen so, and nobody has settled yet."""
    return Dispute.objects.filter(settled_at=None).select_related(
        "by",
        "booking__trainee",
        "booking__trainer__user",
        "booking__enrolment__edition",
    )


def long_unsigned() -> BookingQuerySet:
    """Calls that nobody has signed off for three days, the oldest first."""
    return Booking.objects.left_unsigned().for_agenda().order_by("starts_at", "pk")
