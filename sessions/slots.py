"""Free times: computed, never stored. The page and the POST ask the same function.

Here is what is asked; `sessions.diaries` reads what the records say, `sessions.grid`
finds each trainer's starts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, NamedTuple

from django.db.models import Exists, Min, OuterRef, Q, QuerySet
from django.utils.timezone import now

from courses.enrolling import editions_in_force
from courses.models import EditionTopic, Enrolment
from sessions.diaries import calls_of, hours_of
from sessions.grid import STEP, Asked, Calls, Hours, always, stretches
from sessions.minutes import DAY, at_minute, down, minutes_of, up
from sessions.models import Booking, Trainer

YEAR = 365 * DAY


class Slot(NamedTuple):
    """A free time, and who could take it."""

    starts_at: datetime
    trainers: tuple[int, ...]


@dataclass(frozen=True)
class Search:
    """What is looked for: free starts of a call of this length, for a programme.

    Offered by active trainers qualified for it and speaking `language` ("": any), or
    by `trainer` alone if one of them, where neither they nor the trainee (a person's
    pk; None: nobody in particular) have another call. Of `among` alone (their pks; None:
    of all), as there may be more trainers than anybody looks through. From `after` (now) to before
    `before` (the trainers' horizon). `ignore` is a call being moved: its own time
    counts as free. `besides` are spans of the trainee's other wishes, taken for both
    sides. A trainer who schedules may waive their own rules: `any_notice`, and with
    `any_hours` their hours, what is off, and their other calendars. `any_horizon`
    looks a year ahead; `any_start` asks for no grid, for a call that is booked and
    changes hands.
    """

    programme: int
    length: timedelta
    trainee: int | None = None
    after: datetime | None = None
    before: datetime | None = None
    trainer: Trainer | None = None
    among: frozenset[int] | None = None
    language: str = ""
    ignore: Booking | None = None
    besides: tuple[tuple[datetime, datetime], ...] = ()
    any_notice: bool = False
    any_hours: bool = False
    any_horizon: bool = False
    any_start: bool = False


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


def not_in_call(search: Search, starts_at: datetime) -> list[Trainer]:
    """Tell who of those the search is for has no call then; one query.

    Those whom `free_at` would find, and others: hours, caps and rest are not asked.
    """
    calls = Booking.objects.blocking().filter(
        trainer=OuterRef("pk"),
        starts_at__lt=starts_at + search.length,
        busy_until__gt=starts_at,
    )
    if search.ignore is not None:
        calls = calls.exclude(pk=search.ignore.pk)
    able = _able(search).exclude(user=search.trainee)
    return [one for one in able.exclude(Exists(calls)) if _speaks(one, search)]


def find(search: Search) -> list[Slot]:
    """List the starts looked for, in order, and who could take each; four queries."""
    diary = Diary.of(search)
    found: dict[int, list[int]] = defaultdict(list)
    for trainer in diary.trainers:
        pk = trainer.pk
        for stretch in diary.stretches(trainer, search):
            for start in stretch:
                found[start].append(pk)
    return [Slot(at_minute(start), tuple(found[start])) for start in sorted(found)]


def first_free(search: Search) -> Slot | None:
    """Find the first start within a year, beyond the horizon too; four queries."""
    search = replace(search, any_horizon=True)
    diary = Diary.of(search)
    return diary.first(diary.trainers, search)


def soonest_by_programme() -> dict[int, Slot | None]:
    """Tell each programme's soonest free time, by the programme's pk; seven queries.

    As somebody without other calls would find it for a call on the shortest topic of
    the edition in force. Programmes without calls are left out.
    """
    shortest = (
        EditionTopic.objects.filter(edition__in=editions_in_force(), needs_call=True)
        .order_by()
        .values_list("edition__programme")
        .annotate(Min("call_minutes"))
    )
    searches = [
        Search(programme, timedelta(minutes=length)) for programme, length in shortest
    ]
    if not searches:
        return {}
    trainers = list(_taking_calls().prefetch_related("programmes"))
    diary = Diary(trainers, min(searches, key=lambda search: search.length))
    able: dict[int, list[Trainer]] = defaultdict(list)
    for trainer in trainers:
        for programme in trainer.programmes.all():
            able[programme.pk].append(trainer)
    return {
        search.programme: diary.first(able[search.programme], search)
        for search in searches
    }


class Diary:
    """What the records say of some trainers' time; read in three queries.

    A search of it may differ from the first in programme and length alone.
    """

    def __init__(
        self, trainers: Sequence[Trainer], search: Search, own: Trainer | None = None
    ) -> None:
        """Read what is said of `trainers`; `own` is what the trainee is as a trainer."""
        self.at = now()
        self.trainers = trainers
        self.hours: dict[int, Hours] = {}
        self.calls: dict[int, Calls] = {}
        asked = [self._asked(trainer, search) for trainer in trainers]
        if asked := [each for each in asked if each.first < each.last]:
            around = (
                min(each.first for each in asked),
                max(each.last + each.length for each in asked),
            )
            self.calls = calls_of(trainers, search, own, around)
            self.hours = {} if search.any_hours else hours_of(trainers, around)

    @classmethod
    def of(cls, search: Search) -> Diary:
        """Read what is said of all whom the search is for."""
        own, trainers = None, []
        for one in _trainers(search):
            if one.user_id == search.trainee:
                own = one
            elif _speaks(one, search):
                trainers.append(one)
        return cls(trainers, search, own)

    def stretches(self, trainer: Trainer, search: Search) -> Iterator[range]:
        """Walk one trainer's free starts, in order and by stretches."""
        asked = self._asked(trainer, search)
        if asked.first >= asked.last:  # of none of them anything was read, perhaps
            return iter(())
        hours = always(asked) if search.any_hours else self.hours[trainer.pk]
        return stretches(trainer, hours, self.calls[trainer.pk], asked)

    def starts(self, trainer: Trainer, search: Search) -> Iterator[int]:
        """Walk one trainer's free starts, in order."""
        return chain.from_iterable(self.stretches(trainer, search))

    def first(self, trainers: Sequence[Trainer], search: Search) -> Slot | None:
        """Find the first start of any of these, and all who have it free."""
        firsts = {one.pk: next(self.starts(one, search), None) for one in trainers}
        soonest = min((start for start in firsts.values() if start), default=None)
        if soonest is None:
            return None
        free = tuple(pk for pk, start in firsts.items() if start == soonest)
        return Slot(at_minute(soonest), free)

    def _asked(self, trainer: Trainer, search: Search) -> Asked:
        """Return what one trainer's notice and horizon leave of what is looked for."""
        length = minutes_of(search.length)
        waived = search.any_notice or search.any_hours
        first = up(self.at) + (0 if waived else trainer.notice_hours * 60)
        if search.after:
            first = max(first, up(search.after))
        horizon = YEAR if search.any_horizon else trainer.horizon_days * DAY
        last = down(self.at) + horizon - length + 1
        if search.before:
            last = min(last, up(search.before))
        return Asked(length, first, last, 1 if search.any_start else STEP)


# --- What the database is asked ------------------------------------------------


def _taking_calls() -> QuerySet[Trainer]:
    return Trainer.objects.filter(is_active=True, user__is_active=True).order_by("pk")


def _able(search: Search) -> QuerySet[Trainer]:
    """Return who may take it; the languages are asked of each (`_speaks`)."""
    able = _taking_calls().filter(programmes=search.programme)
    if search.among is not None:
        able = able.filter(pk__in=search.among)
    return able if search.trainer is None else able.filter(pk=search.trainer.pk)


def _speaks(trainer: Trainer, search: Search) -> bool:
    return not search.language or search.language[:2] in trainer.languages


def _trainers(search: Search) -> QuerySet[Trainer]:
    """Return who may take it, and what the trainee is as a trainer."""
    able = _able(search)
    if search.trainee is None:
        return able
    return Trainer.objects.filter(
        Q(pk__in=able.values("pk")) | Q(user=search.trainee)
    ).order_by("pk")
