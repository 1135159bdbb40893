"""Booking a one-to-one call (Policy 1).

Locks are always taken in one order: the trainee, the enrolment, each trainer tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from typing import TypeVar
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Count, F, Max, Q, prefetch_related_objects
from django.db.utils import OperationalError
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from courses.completing import as_held, hold
from courses.models import EditionTopic, Enrolment
from courses.progress import topics_for_call
from lms.audit.log import record
from lms.constraints import is_violation
from lms.errors import Refused
from lms.mail import times
from lms.people.models import User
from sessions import mails
from sessions.asking import close_requests
from sessions.cancelling import SOURCE, end_run_out
from sessions.minutes import at_minute, instant
from sessions.models import (
    LIVE_STATES,
    Booking,
    BookingQuerySet,
    BookingState,
    BookingTopic,
    Origin,
    Trainer,
)
from sessions.notice import may_skip_notice
from sessions.offers import free_those_on
from sessions.reminders import remind
from sessions.slots import Search, free_at, not_in_call, search_for

T = TypeVar("T")


class Taken(Exception):
    """The trainer is not free then after all."""


class TimeTaken(Refused):
    """Nobody is free then: the page offers the nearest free times."""


def ready_topics(enrolment: Enrolment) -> list[EditionTopic]:
    """Topics a call may be booked on now: ready, and no call booked on them.

    Four queries, and the edition's where it did not come along.
    """
    booked = set(
        BookingTopic.objects.filter(booked_for=enrolment).values_list(
            "topic_id", flat=True
        )
    )
    return [
        topic for topic in topics_for_call(enrolment) if topic.topic_id not in booked
    ]


def length_of(topics: Sequence[EditionTopic]) -> timedelta:
    """How long a call on these topics takes."""
    return sum((topic.call_length for topic in topics), timedelta())


@dataclass(frozen=True)
class Wish:
    """A call as it was asked for; the enrolment, locked anew, is kept apart.

    With `proposed_until` it is a proposal: it blocks the time and no topic yet.
    """

    topics: Sequence[EditionTopic]
    starts_at: datetime
    request_key: UUID
    by: User
    trainer: Trainer | None = None
    language: str = ""
    origin: Origin = Origin.TRAINEE
    any_hours: bool = False
    any_notice: bool = False
    offer: UUID | None = None
    proposed_until: datetime | None = None
    replaces: Booking | None = None

    @property
    def length(self) -> timedelta:
        return length_of(self.topics)

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + self.length

    def search(self, enrolment: Enrolment, trainer: Trainer | None) -> Search:
        """What the engine is asked; a trainer's own notice is theirs to waive."""
        return search_for(
            enrolment,
            self.length,
            trainer=trainer,
            language=self.language,
            ignore=self.replaces,
            any_notice=self.any_notice or self.origin == Origin.TRAINER,
            any_hours=self.any_hours,
        )


@dataclass(frozen=True)
class Part:
    """One of the calls that somebody's topics take: at most 90 minutes of them."""

    topics: Sequence[EditionTopic]
    starts_at: datetime


Looked = tuple[Wish, list[int]]  # who was free for it a moment ago


def parts_of(topics: Iterable[EditionTopic]) -> list[list[EditionTopic]]:
    """Part topics, in their order, into calls of at most `LONGEST_CALL` each."""
    parts: list[list[EditionTopic]] = []
    for topic in topics:
        for part in parts:
            if length_of([*part, topic]) <= settings.LONGEST_CALL:
                part.append(topic)
                break
        else:
            parts.append([topic])
    return parts


def book_call(
    enrolment: Enrolment,
    topics: Sequence[EditionTopic],
    *,
    starts_at: datetime,
    request_key: UUID,
    by: User,
    trainer: Trainer | None = None,
    language: str = "",
) -> Booking:
    """Book a one-to-one call on the topics (Policy 1), `starts_at` in UTC.

    `trainer` of None takes the least busy of those free and qualified, who speaks
    `language` ("": any). Asking again with the same `request_key` returns the first
    booking. Raises Refused when a topic is not ready or the call too long, TimeTaken
    when nobody is free then.
    """
    wish = Wish(topics, starts_at, request_key, by, trainer, language)
    return book(enrolment, [wish])[0]


def book_calls(
    enrolment: Enrolment,
    parts: Sequence[Part],
    *,
    request_key: UUID,
    by: User,
    trainer: Trainer | None = None,
    language: str = "",
) -> list[Booking]:
    """Book the calls that the topics take, all or none; else as `book_call`."""
    wishes = [
        Wish(part.topics, part.starts_at, key, by, trainer, language)
        for part, key in zip(parts, keys(request_key), strict=False)
    ]
    return book(enrolment, wishes)


def book_as_agreed(
    trainer: Trainer,
    enrolment: Enrolment,
    topics: Sequence[EditionTopic],
    *,
    starts_at: datetime,
    request_key: UUID,
    any_hours: bool = False,
) -> Booking:
    """Book in the trainer's name, who waives their notice, or `any_hours` at all."""
    wish = Wish(
        topics,
        starts_at,
        request_key,
        trainer.user,
        trainer,
        origin=Origin.TRAINER,
        any_hours=any_hours,
    )
    return book(enrolment, [wish])[0]


def keys(request_key: UUID) -> Iterator[UUID]:
    """Give the keys of the rows that one form makes: its own, then made from it."""
    yield request_key
    for number in count(2):
        yield uuid5(request_key, str(number))


def book(enrolment: Enrolment, wishes: Sequence[Wish]) -> list[Booking]:
    """Book all or none, under the locks; should the database see a deadlock, again.

    Looks before it locks: a time that is gone costs nobody a wait.
    """
    looked = [_look(enrolment, wish) for wish in wishes]
    are_free = all(free for _wish, free in looked)
    if not are_free and not _theirs(enrolment, wishes).exists():
        raise time_taken()
    booked = despite_deadlock(lambda: _attempt(enrolment, looked))
    if not booked:
        raise time_taken()
    return booked


def _look(enrolment: Enrolment, wish: Wish) -> Looked:
    """Tell who may be free for a wish; if nobody, without notice if that is waived.

    One query where all have a call then, or only one of them has none: they are asked
    for the rest under their lock.
    """
    left = not_in_call(wish.search(enrolment, wish.trainer), wish.starts_at)
    if not left or (len(left) == 1 and not _is_short(wish, left[0])):
        return wish, [one.pk for one in left]
    free = free_at(wish.search(enrolment, wish.trainer), wish.starts_at)
    if free or wish.origin == Origin.TRAINER or not may_skip_notice(enrolment):
        return wish, free
    wish = replace(wish, any_notice=True)
    return wish, free_at(wish.search(enrolment, wish.trainer), wish.starts_at)


def _is_short(wish: Wish, trainer: Trainer) -> bool:
    return wish.starts_at < now() + timedelta(hours=trainer.notice_hours)


def _theirs(enrolment: Enrolment, wishes: Sequence[Wish]) -> BookingQuerySet:
    """The trainee's own that may be in the way, or be this very booking.

    What this form booked when it was sent before; their calls at those times; times
    proposed to them, which booking may set free.
    """
    at_these_times = Q(state=BookingState.PROPOSED)
    for wish in wishes:
        at_these_times |= Q(starts_at__lt=wish.ends_at, ends_at__gt=wish.starts_at)
    return Booking.objects.filter(
        Q(request_key__in=[wish.request_key for wish in wishes])
        | Q(at_these_times, trainee=enrolment.member.user_id, state__in=LIVE_STATES)
    )


def despite_deadlock(attempt: Callable[[], T]) -> T:
    """Make an attempt, once more if PostgreSQL ended it for a deadlock."""
    try:
        return attempt()
    except OperationalError as error:
        if connection.in_atomic_block or not is_deadlock(error):
            raise
        return attempt()


@transaction.atomic
def _attempt(enrolment: Enrolment, looked: Sequence[Looked]) -> list[Booking]:
    """Book all; none, that is [], where a time is taken and nothing was written yet."""
    hold(enrolment)
    wishes = [wish for wish, _free in looked]
    theirs = list(_theirs(enrolment, wishes))
    by_key = {booking.request_key: booking for booking in theirs}
    if any(wish.request_key in by_key for wish in wishes):
        return [
            _of_the_same(by_key[wish.request_key], enrolment)
            for wish in wishes
            if wish.request_key in by_key
        ]
    if any(wish.any_notice for wish in wishes) and not may_skip_notice(enrolment):
        wishes = [replace(wish, any_notice=False) for wish in wishes]
    booked: list[Booking] = []
    for wish, (_wish, free) in zip(wishes, looked, strict=True):
        is_first = not (theirs or booked)
        if not is_first:
            enrolment = as_held(enrolment)
            require_ready(enrolment, wish.topics)
            free_those_on(enrolment, wish.topics, by=wish.by)
            trainee = enrolment.member.user
            require_trainee_free(trainee, wish.starts_at, wish.ends_at, by=wish.by)
        booking = _take_any(enrolment, wish, free, is_ready=False)
        if booking is None and is_first:
            return []
        if booking is None:  # what was written is undone
            raise time_taken()
        booked.append(booking)
    close_requests(enrolment)
    return booked


def _of_the_same(booked: Booking, enrolment: Enrolment) -> Booking:
    if booked.trainee_id != enrolment.member.user_id:
        raise Refused(_("This form was used already. Open the page again."))
    return booked


def require_ready(enrolment: Enrolment, topics: Sequence[EditionTopic]) -> None:
    """Refuse what cannot be booked for this enrolment now, saying why."""
    if not enrolment.is_open:
        raise Refused(
            _(
                "This programme is closed for you. Open My learning to see where you are."
            ),
            SOURCE,
        )
    member = enrolment.member
    if not (member.user.is_active and member.is_live):
        raise Refused(
            _("%(name)s is no longer there: there is nobody to book a call for.")
            % {"name": member.user}
        )
    if not topics:
        raise Refused(_("Choose at least one topic for the call."))
    ready = {topic.pk for topic in ready_topics(enrolment)}
    if missing := [topic for topic in topics if topic.pk not in ready]:
        raise Refused(
            _(
                "A call on %(topic)s cannot be booked now: one is booked already, or "
                "there is something to do first. Open the topic to see what."
            )
            % {"topic": missing[0].title},
            SOURCE,
        )
    if len({topic.pk for topic in topics}) < len(topics):
        raise Refused(_("Choose each topic once."))
    if length_of(topics) > settings.LONGEST_CALL:
        most = int(settings.LONGEST_CALL.total_seconds() // 60)
        raise Refused(
            ngettext(
                "A call is at most %(minutes)d minute. Choose fewer topics.",
                "A call is at most %(minutes)d minutes: choose fewer topics, "
                "and book a second call for the others.",
                most,
            )
            % {"minutes": most}
        )


def take_first(enrolment: Enrolment, wish: Wish) -> Booking:
    """Try those who are free in turn; the topics are ready.

    The caller holds the trainee's and the enrolment's locks. Raises TimeTaken.
    """
    booking = _take_any(enrolment, wish, is_ready=True)
    if booking is None:
        raise time_taken()
    return booking


def _take_any(
    enrolment: Enrolment, wish: Wish, free: Sequence[int] = (), *, is_ready: bool
) -> Booking | None:
    """Try those who are free in turn; None when all are taken.

    `free` are those who seemed so a moment ago; empty: look now. Of several, one who
    is taken leaves no lock behind. The only one needs no savepoint, and with a call no
    rollback: at one, psycopg forgets all it had prepared. Unless `is_ready`, the
    enrolment is read here, and whether the topics are ready: so late, who waited for
    the lock in vain has asked little else.
    """
    free = free or free_at(wish.search(enrolment, wish.trainer), wish.starts_at)
    is_only = len(free) == 1
    for one in least_busy_first(free, wish.starts_at):
        try:
            with transaction.atomic(savepoint=not is_only), taken_if_overlapping():
                locked = lock_trainer(one)
                if _has_call(wish, locked):
                    transaction.set_rollback(not is_only)
                    continue
                if not is_ready:
                    enrolment = as_held(enrolment)
                    require_ready(enrolment, wish.topics)
                _require_free(enrolment, wish, locked)
                end_run_out(Q(trainer=locked) | Q(trainee=enrolment.member.user_id))
                return _take(locked, enrolment, wish)
        except Taken:
            continue
    return None


def lock_trainer(pk: int) -> Trainer:
    """Lock a trainer, last in the order of locks: a booking or a new cap waits."""
    return (
        Trainer.objects.select_for_update(of=("self",), no_key=True)
        .select_related("user")
        .get(pk=pk)
    )


def _has_call(wish: Wish, locked: Trainer) -> bool:
    """Look at calls first, by one query: who waited for the lock mostly came too late."""
    calls = Booking.objects.blocking().filter(
        trainer=locked,
        starts_at__lt=wish.ends_at + locked.rest,
        busy_until__gt=wish.starts_at,
    )
    if wish.replaces:
        calls = calls.exclude(pk=wish.replaces.pk)
    return calls.exists()


def _require_free(enrolment: Enrolment, wish: Wish, locked: Trainer) -> None:
    """Look under the trainer's lock: at hours, caps and calls."""
    if not free_at(wish.search(enrolment, locked), wish.starts_at):
        raise Taken


def require_trainee_free(
    trainee: User,
    starts_at: datetime,
    ends_at: datetime,
    *,
    by: User,
    ignore: Booking | None = None,
) -> None:
    """Refuse a time at which the trainee has another call, naming it in `by`'s zone.

    `ignore` is a call that is moved: its own time does not stand in its way.
    """
    calls = Booking.objects.blocking().filter(
        trainee=trainee, starts_at__lt=ends_at, ends_at__gt=starts_at
    )
    if ignore is not None:
        calls = calls.exclude(pk=ignore.pk)
    clash = calls.first()
    if clash is None:
        return
    words = (
        _("You have another call then: %(time)s. Please choose another time.")
        if by.pk == trainee.pk
        else _("They have another call then: %(time)s. Please choose another time.")
    )
    raise TimeTaken(
        words % {"time": times.span(clash.starts_at, clash.ends_at, by.time_zone)}
    )


def time_taken() -> TimeTaken:
    """What is said of a time that nobody has free."""
    return TimeTaken(_("That time is not free, or no longer. Please choose another."))


def least_busy_first(trainers: Sequence[int], starts_at: datetime) -> list[int]:
    """Fewest calls in that ISO week of theirs first, then the longest without one.

    Two queries where there is a choice.
    """
    if len(trainers) < 2:
        return list(trainers)
    candidates = Trainer.objects.filter(pk__in=trainers)
    live = Q(bookings__state__in=LIVE_STATES)
    week = Q()
    for zone in set(candidates.order_by().values_list("time_zone", flat=True)):
        monday, next_monday = _week_of(starts_at, ZoneInfo(zone))
        week |= Q(
            time_zone=zone,
            bookings__starts_at__gte=monday,
            bookings__starts_at__lt=next_monday,
        )
    return list(
        candidates.annotate(
            calls=Count("bookings", filter=live & week),
            last_at=Max(
                "bookings__starts_at",
                filter=live & Q(bookings__starts_at__lt=starts_at),
            ),
        )
        .order_by("calls", F("last_at").asc(nulls_first=True), "pk")
        .values_list("pk", flat=True)
    )


def _week_of(at: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the Monday midnights around an instant, on the zone's clock."""
    day = at.astimezone(zone).toordinal()
    monday = day - (day - 1) % 7  # ordinal 1 was a Monday
    start, end = (instant(zone, one, 0, is_end=False) for one in (monday, monday + 7))
    return at_minute(start), at_minute(end)


def _take(trainer: Trainer, enrolment: Enrolment, wish: Wish) -> Booking:
    booking = Booking.objects.create(
        enrolment=enrolment,
        trainee=enrolment.member.user,
        trainer=trainer,
        starts_at=wish.starts_at,
        ends_at=wish.ends_at,
        busy_until=wish.ends_at + trainer.rest,
        state=BookingState.PROPOSED if wish.proposed_until else BookingState.BOOKED,
        origin=wish.origin,
        offer=wish.offer,
        proposed_until=wish.proposed_until,
        replaces=wish.replaces,
        request_key=wish.request_key,
        created_by=wish.by,
    )
    BookingTopic.objects.bulk_create(
        BookingTopic(
            booking=booking,
            topic_id=topic.topic_id,
            title=topic.title,
            minutes=topic.call_minutes,
            booked_for=None if wish.proposed_until else enrolment,
        )
        for topic in wish.topics
    )
    prefetch_related_objects([booking], "topics")  # each mail lists them
    if wish.proposed_until is None:
        record(wish.by, "booked", booking, enrolment=enrolment.pk, trainer=trainer.pk)
        mails.tell_booked(booking)
        remind(booking)
    return booking


@contextmanager
def taken_if_overlapping() -> Iterator[None]:
    """Turn a refusal of the overlap constraints, and of no other, into Taken."""
    try:
        yield
    except IntegrityError as error:
        if is_violation(
            error, "booking_trainer_no_overlap", "booking_trainee_no_overlap"
        ):
            raise Taken from error
        raise


def is_deadlock(error: OperationalError) -> bool:
    return getattr(error.__cause__, "sqlstate", None) == "40P01"
