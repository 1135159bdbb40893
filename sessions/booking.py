"""Booking a one-to-one call (Policy 1).

Locks are always taken in one order: the trainee, the enrolment, each trainer tried.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Count, Max, Q
from django.db.utils import OperationalError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from courses.completing import lock
from courses.models import EditionTopic, Enrolment
from courses.progress import topics_for_call
from lms.audit.log import record
from lms.constraints import is_violation
from lms.errors import Refused
from lms.mail import times
from lms.people.models import User
from sessions import mails
from sessions.cancelling import SOURCE, end_run_out
from sessions.models import (
    LIVE_STATES,
    Booking,
    BookingTopic,
    Origin,
    Trainer,
)
from sessions.slots import free_trainers


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
class _Wish:
    """A call as it was asked for; the enrolment, locked anew, is kept apart."""

    topics: Sequence[EditionTopic]
    starts_at: datetime
    request_key: UUID
    by: User
    trainer: Trainer | None
    origin: Origin

    @property
    def length(self) -> timedelta:
        return length_of(self.topics)

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + self.length


def book_call(
    enrolment: Enrolment,
    topics: Sequence[EditionTopic],
    *,
    starts_at: datetime,
    request_key: UUID,
    by: User,
    trainer: Trainer | None = None,
) -> Booking:
    """Book a one-to-one call on the topics (Policy 1), `starts_at` in UTC.

    `trainer` of None takes the least busy of those free and qualified. Asking again
    with the same `request_key` returns the first booking. Raises Refused when a
    topic is not ready or the call too long, TimeTaken when nobody is free then.
    """
    wish = _Wish(topics, starts_at, request_key, by, trainer, Origin.TRAINEE)
    return _book(enrolment, wish)


def book_as_agreed(
    trainer: Trainer,
    enrolment: Enrolment,
    topics: Sequence[EditionTopic],
    *,
    starts_at: datetime,
    request_key: UUID,
) -> Booking:
    """Book in the trainer's name, who waives their own shortest notice."""
    wish = _Wish(topics, starts_at, request_key, trainer.user, trainer, Origin.TRAINER)
    return _book(enrolment, wish)


def _book(enrolment: Enrolment, wish: _Wish) -> Booking:
    """Book under the locks; should the database find a deadlock, once more."""
    try:
        return _attempt(enrolment, wish)
    except OperationalError as error:
        if connection.in_atomic_block or not is_deadlock(error):
            raise
        return _attempt(enrolment, wish)


@transaction.atomic
def _attempt(enrolment: Enrolment, wish: _Wish) -> Booking:
    enrolment = lock(enrolment)
    if booked := Booking.objects.filter(request_key=wish.request_key).first():
        return _of_the_same(booked, enrolment)
    require_ready(enrolment, wish.topics)
    end_run_out(Q(trainee=enrolment.member.user_id))
    _require_trainee_free(enrolment, wish)
    return _take_first(enrolment, wish)


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


def _require_trainee_free(enrolment: Enrolment, wish: _Wish) -> None:
    user = enrolment.member.user
    clash = (
        Booking.objects.live()
        .filter(trainee=user, starts_at__lt=wish.ends_at, ends_at__gt=wish.starts_at)
        .first()
    )
    if clash is not None:
        raise TimeTaken(
            _("You have another call then: %(time)s. Please choose another time.")
            % {"time": times.span(clash.starts_at, clash.ends_at, user.time_zone)}
        )


def _take_first(enrolment: Enrolment, wish: _Wish) -> Booking:
    """Try those who are free in turn; what is not taken leaves no lock behind."""

    def free(wanted: Trainer | None) -> list[int]:
        return free_trainers(
            enrolment,
            wish.length,
            wish.starts_at,
            trainer=wanted,
            any_notice=wish.origin == Origin.TRAINER,
        )

    for one in _least_busy_first(free(wish.trainer), wish.starts_at):
        try:
            with transaction.atomic(), taken_if_overlapping():
                locked = Trainer.objects.select_for_update(no_key=True).get(pk=one)
                end_run_out(Q(trainer=locked))
                _require_still_free(free(locked))
                return _take(locked, enrolment, wish)
        except Taken:
            continue
    raise TimeTaken(_("That time is not free, or no longer. Please choose another."))


def _require_still_free(free: list[int]) -> None:
    """Look again under the trainer's lock: at hours, caps and calls."""
    if not free:
        raise Taken


def _least_busy_first(trainers: list[int], starts_at: datetime) -> list[int]:
    """Fewest calls in the days around first, then the longest without one."""
    if len(trainers) < 2:
        return trainers
    day = starts_at.date()
    monday = day - timedelta(days=day.weekday())
    live = Q(bookings__state__in=LIVE_STATES)
    week = Q(
        bookings__starts_at__date__gte=monday,
        bookings__starts_at__date__lt=monday + timedelta(days=7),
    )
    return list(
        Trainer.objects.filter(pk__in=trainers)
        .annotate(
            calls=Count("bookings", filter=live & week),
            last_at=Max("bookings__starts_at", filter=live),
        )
        .order_by("calls", "last_at", "pk")
        .values_list("pk", flat=True)
    )


def _take(trainer: Trainer, enrolment: Enrolment, wish: _Wish) -> Booking:
    booking = Booking.objects.create(
        enrolment=enrolment,
        trainee=enrolment.member.user,
        trainer=trainer,
        starts_at=wish.starts_at,
        ends_at=wish.ends_at,
        busy_until=wish.ends_at + trainer.rest,
        origin=wish.origin,
        request_key=wish.request_key,
        created_by=wish.by,
    )
    BookingTopic.objects.bulk_create(
        BookingTopic(
            booking=booking,
            topic_id=topic.topic_id,
            title=topic.title,
            minutes=topic.call_minutes,
            booked_for=enrolment,
        )
        for topic in wish.topics
    )
    record(wish.by, "booked", booking, enrolment=enrolment.pk, trainer=trainer.pk)
    mails.tell_booked(booking)
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
