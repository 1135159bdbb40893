"""Booking a one-to-one call (Policy 1), and calling it off.

Locks are always taken in one order: the trainee, the enrolment, each trainer tried.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Count, Max, Q
from django.db.utils import OperationalError
from django.utils.timezone import now
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
from sessions.models import (
    LIVE_STATES,
    Booking,
    BookingState,
    BookingTopic,
    Origin,
    Trainer,
)
from sessions.slots import free_trainers

SOURCE = "Policy 1"
REASON_LENGTH = 300


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
    return _book(
        enrolment,
        topics,
        starts_at=starts_at,
        request_key=request_key,
        by=by,
        trainer=trainer,
        origin=Origin.TRAINEE,
    )


def book_as_agreed(
    trainer: Trainer,
    enrolment: Enrolment,
    topics: Sequence[EditionTopic],
    *,
    starts_at: datetime,
    request_key: UUID,
) -> Booking:
    """Book in the trainer's name, who waives their own shortest notice."""
    return _book(
        enrolment,
        topics,
        starts_at=starts_at,
        request_key=request_key,
        by=trainer.user,
        trainer=trainer,
        origin=Origin.TRAINER,
    )


def _book(
    enrolment: Enrolment,
    topics: Sequence[EditionTopic],
    *,
    starts_at: datetime,
    request_key: UUID,
    by: User,
    trainer: Trainer | None,
    origin: Origin,
) -> Booking:
    """Book under the locks; should the database find a deadlock, once more."""

    def attempt() -> Booking:
        with transaction.atomic():
            locked = lock(enrolment)
            if booked := Booking.objects.filter(request_key=request_key).first():
                return _of_the_same(booked, locked)
            require_ready(locked, topics)
            _end_run_out(Q(trainee=locked.member.user_id))
            _require_trainee_free(locked, starts_at, length_of(topics))
            return _take_first(
                locked, topics, starts_at, request_key, by, trainer, origin
            )

    try:
        return attempt()
    except OperationalError as error:
        if connection.in_atomic_block or not is_deadlock(error):
            raise
        return attempt()


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


def _require_trainee_free(
    enrolment: Enrolment, starts_at: datetime, length: timedelta
) -> None:
    user = enrolment.member.user
    clash = (
        Booking.objects.live()
        .filter(trainee=user, starts_at__lt=starts_at + length, ends_at__gt=starts_at)
        .first()
    )
    if clash is not None:
        raise TimeTaken(
            _("You have another call then: %(time)s. Please choose another time.")
            % {"time": times.span(clash.starts_at, clash.ends_at, user.time_zone)}
        )


def _take_first(
    enrolment: Enrolment,
    topics: Sequence[EditionTopic],
    starts_at: datetime,
    request_key: UUID,
    by: User,
    trainer: Trainer | None,
    origin: Origin,
) -> Booking:
    """Try those who are free in turn; what is not taken leaves no lock behind."""

    def free(wanted: Trainer | None) -> list[int]:
        return free_trainers(
            enrolment,
            length_of(topics),
            starts_at,
            trainer=wanted,
            any_notice=origin == Origin.TRAINER,
        )

    for one in _least_busy_first(free(trainer), starts_at):
        try:
            with transaction.atomic(), taken_if_overlapping():
                locked = Trainer.objects.select_for_update(no_key=True).get(pk=one)
                _end_run_out(Q(trainer=locked))
                _require_still_free(free(locked))
                return _take(
                    locked, enrolment, topics, starts_at, request_key, by, origin
                )
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


def _take(
    trainer: Trainer,
    enrolment: Enrolment,
    topics: Sequence[EditionTopic],
    starts_at: datetime,
    request_key: UUID,
    by: User,
    origin: Origin,
) -> Booking:
    ends_at = starts_at + length_of(topics)
    booking = Booking.objects.create(
        enrolment=enrolment,
        trainee=enrolment.member.user,
        trainer=trainer,
        starts_at=starts_at,
        ends_at=ends_at,
        busy_until=ends_at + trainer.rest,
        origin=origin,
        request_key=request_key,
        created_by=by,
    )
    BookingTopic.objects.bulk_create(
        BookingTopic(
            booking=booking,
            topic_id=topic.topic_id,
            title=topic.title,
            minutes=topic.call_minutes,
            booked_for=enrolment,
        )
        for topic in topics
    )
    record(by, "booked", booking, enrolment=enrolment.pk, trainer=trainer.pk)
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


def cancel_call(booking: Booking, *, by: User, reason: str) -> Booking:
    """Call off a call that has not begun, and tell both sides (Policy 1).

    By either side or the channel team. Late when the trainee does so inside the
    trainer's notice, unless the trainer had booked it. Cancelling again changes
    nothing. Raises Refused once it has begun, and without a reason.
    """
    with transaction.atomic():
        booking = lock_call(booking)
        if booking.state == BookingState.CANCELLED:
            return booking
        if (
            by.pk not in (booking.trainee_id, booking.trainer.user_id)
            and not by.is_staff
        ):
            raise Refused(_("Only the two of a call can cancel it."))
        if booking.state not in (BookingState.BOOKED, BookingState.PROPOSED):
            raise Refused(_("This call is over. There is nothing to cancel."))
        if booking.starts_at <= now():
            raise Refused(
                _("This call has begun, so it can no longer be cancelled."), SOURCE
            )
        if not reason.strip():
            raise Refused(_("Please say in a few words why."))
        _cancel(booking, by=by, reason=reason.strip(), late=_is_late(booking, by))
        return booking


def _is_late(booking: Booking, by: User) -> bool:
    return (
        by.pk == booking.trainee_id
        and booking.origin == Origin.TRAINEE
        and booking.starts_at - now() < booking.trainer.notice
    )


def lock_call(booking: Booking) -> Booking:
    """Lock the trainee, the enrolment, the call; return the call as it now stands."""
    lock(booking.enrolment)
    return (
        Booking.objects.select_for_update(of=("self",), no_key=True)
        .select_related("enrolment__member__reseller", "trainee", "trainer__user")
        .get(pk=booking.pk)
    )


def _cancel(
    booking: Booking, *, by: User | None, reason: str, late: bool = False
) -> None:
    was_booked = booking.state == BookingState.BOOKED
    booking.state = BookingState.CANCELLED
    booking.proposed_until = None
    booking.ended_at = now()
    booking.ended_by = by
    booking.reason = reason[:REASON_LENGTH]
    booking.late = late
    booking.sequence += 1  # the row is locked
    booking.save(
        update_fields=[
            "state",
            "proposed_until",
            "ended_at",
            "ended_by",
            "reason",
            "late",
            "sequence",
        ]
    )
    booking.topics.update(booked_for=None)
    record(by, "cancelled", booking, enrolment=booking.enrolment_id, late=late)
    if was_booked:
        mails.tell_cancelled(booking)


def free_calls(enrolment: Enrolment, *, by: User | None, reason: str) -> int:
    """Cancel what is still to come of an enrolment; return how many.

    The caller holds the enrolment's lock. A call that has begun is left to its
    sign-off.
    """
    coming = (
        Booking.objects.select_for_update(of=("self",), no_key=True)
        .select_related("enrolment__member__reseller", "trainee", "trainer__user")
        .filter(
            enrolment=enrolment,
            state__in=[BookingState.BOOKED, BookingState.PROPOSED],
            starts_at__gt=now(),
        )
        .order_by("pk")
    )
    for booking in coming:
        _cancel(booking, by=by, reason=reason)
    return len(coming)


def cancel_run_out() -> int:
    """Cancel proposals nobody answered in time; return how many. Safe to repeat."""
    with transaction.atomic():
        return _end_run_out(Q())


def _end_run_out(whose: Q) -> int:
    """Cancel run-out proposals; one that another transaction holds is left to it."""
    run_out = (
        Booking.objects.select_for_update(of=("self",), no_key=True, skip_locked=True)
        .select_related("enrolment__member__reseller", "trainee", "trainer__user")
        .filter(whose, state=BookingState.PROPOSED, proposed_until__lte=now())
        .order_by("pk")
    )
    for booking in run_out:
        _cancel(booking, by=None, reason=_("Not answered in time."))
    return len(run_out)


def follow_successor(enrolment: Enrolment, successor: Enrolment) -> None:
    """Let the enrolment that goes on have the calls that are open or to come.

    The caller holds the locks. A call still to come on nothing that the new one asks
    for is cancelled; topics it no longer asks for are let go.
    """
    asked = set(successor.edition.topics.values_list("topic_id", flat=True))
    open_calls = (
        Booking.objects.select_for_update(of=("self",), no_key=True)
        .select_related("enrolment__member__reseller", "trainee", "trainer__user")
        .filter(
            enrolment=enrolment,
            trainee=successor.member.user_id,
            state__in=[BookingState.BOOKED, BookingState.PROPOSED],
        )
        .order_by("pk")
    )
    for booking in open_calls:
        booking.enrolment = successor
        booking.save(update_fields=["enrolment"])
        topics = booking.topics.filter(booked_for=enrolment)
        topics.exclude(topic__in=asked).update(booked_for=None)
        topics.update(booked_for=successor)
        is_empty = not booking.topics.filter(topic__in=asked).exists()
        if is_empty and booking.starts_at > now():
            _cancel(booking, by=None, reason=_("Its topics are no longer asked for."))
