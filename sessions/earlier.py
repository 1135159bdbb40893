"""An earlier time, for those who asked to be told of one.

A time that a call no longer takes is proposed to the first in line, then to the next;
taking it moves the booked call. Each person in a transaction of their own: nobody
holds the locks of two trainees.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import cast
from uuid import UUID, uuid5

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.timezone import now
from django.utils.translation import gettext as _

from courses.models import EditionTopic, Enrolment
from lms.audit.log import record
from lms.errors import Refused
from lms.people.models import User
from sessions import offer_mails
from sessions.booking import Wish, despite_deadlock, lock_trainer, take_first
from sessions.cancelling import end_run_out, lock_call
from sessions.handing_over import language_of
from sessions.models import (
    Booking,
    BookingState,
    Cause,
    FreedTime,
    Origin,
    Waiting,
    WaitingQuerySet,
)
from sessions.moving import move_call
from sessions.offers import free, is_open, open_proposals, require_offered_to
from sessions.slots import free_slots
from sessions.waiting import ask_the_next, end_waiting

LAST_ANSWER = timedelta(hours=1)  # before it starts
SHORTEST_ANSWER = timedelta(minutes=30)


# --- Waiting -----------------------------------------------------------------------


@transaction.atomic
def wait_for_earlier(booking: Booking, *, by: User) -> Waiting:
    """Tell the trainee of a booked call when an earlier time is free.

    Asking again keeps the place in the line. Raises Refused for anybody else, and
    for a call that is over, cancelled or only proposed.
    """
    booking = lock_call(booking)
    if by.pk != booking.trainee_id:
        raise Refused(_("Only the one who learns can wait for an earlier time."))
    if booking.state != BookingState.BOOKED or booking.starts_at <= now():
        raise Refused(_("Only a call that is still to come can be earlier."))
    waiting, is_new = Waiting.objects.get_or_create(booking=booking, ended_at=None)
    if is_new:
        record(by, "waits_for_earlier", booking, enrolment=booking.enrolment_id)
    return waiting


@transaction.atomic
def stop_waiting(booking: Booking, *, by: User) -> None:
    """Wait no longer, and let go what is proposed; again changes nothing."""
    booking = lock_call(booking)
    if by.pk != booking.trainee_id:
        raise Refused(_("Only the one who waits can stop waiting."))
    if end_waiting(booking, by=by):
        ask_the_next()


def in_line(enrolments: QuerySet[Enrolment]) -> WaitingQuerySet:
    """Who waits with a call of these enrolments, the first in line first; one query."""
    return (
        Waiting.objects.open()
        .filter(
            booking__enrolment__in=enrolments,
            booking__state=BookingState.BOOKED,
            booking__starts_at__gt=now(),
        )
        .select_related("booking__trainee", "booking__trainer__user")
        .select_related(
            "booking__enrolment__edition", "booking__enrolment__member__reseller"
        )
    )


# --- Offering what is free again -----------------------------------------------------


def offer_freed() -> int:
    """Offer each time that is free again to the next in line; return how many.

    One offer of each at a time; it is closed when it is taken, too near, or nobody is
    left. Safe to repeat, and for two to run at once.
    """
    Waiting.objects.open().exclude(
        booking__state=BookingState.BOOKED, booking__starts_at__gt=now()
    ).update(ended_at=now())
    open_times = FreedTime.objects.filter(closed_at=None).select_related("trainer")
    return sum(_offer(freed) for freed in open_times)


def _offer(freed: FreedTime) -> bool:
    """Offer it to the first in line whom it suits; close it if there is none."""
    if _answer_by(freed.starts_at) - now() >= SHORTEST_ANSWER:
        if open_proposals().filter(offer=freed.offer).exists():
            return False
        for waiting in _line(freed):
            try:
                if despite_deadlock(lambda one=waiting: _propose_to(freed, one)):  # type: ignore[misc]
                    return True
            except Refused:  # taken meanwhile, by a booking or by another run of this
                continue
    _close(freed)
    return False


def _answer_by(starts_at: datetime) -> datetime:
    return min(now() + settings.EARLIER_LIFE, starts_at - LAST_ANSWER)


def _line(freed: FreedTime) -> WaitingQuerySet:
    """Who waits and could take it, the first in line first; nobody is asked twice."""
    asked = Booking.objects.filter(offer=freed.offer, replaces__isnull=False)
    return (
        Waiting.objects.open()
        .filter(
            booking__state=BookingState.BOOKED,
            booking__starts_at__gt=freed.starts_at,
            booking__enrolment__programme__in=freed.trainer.programmes.all(),
            booking__trainee__is_active=True,
            booking__enrolment__withdrawn_at=None,
        )
        .exclude(booking__in=asked.values("replaces"))
        .exclude(booking__trainee=freed.trainer.user_id)
        .select_related("booking__enrolment__member")
    )


@transaction.atomic
def _propose_to(freed: FreedTime, waiting: Waiting) -> bool:
    """Propose it to one of them; False when it does not suit their call."""
    booking = lock_call(waiting.booking)
    key = uuid5(freed.offer, str(booking.pk))
    is_asked = Booking.objects.filter(request_key=key).exists()
    if is_asked or not Waiting.objects.open().filter(pk=waiting.pk).exists():
        return False
    end_run_out(Q(trainee=booking.trainee_id))
    starts_at = _first_earlier(freed, booking)
    if starts_at is None:
        return False
    wish = Wish(
        [
            EditionTopic(
                topic_id=row.topic_id, title=row.title, call_minutes=row.minutes
            )
            for row in booking.topics.all()
        ],
        starts_at,
        key,
        freed.trainer.user,
        freed.trainer,
        language_of(booking),
        Origin.TRAINER,
        offer=freed.offer,
        proposed_until=_answer_by(starts_at),
        replaces=booking,
    )
    proposal = take_first(booking.enrolment, wish)
    _require_first(freed, proposal)
    offer_mails.tell_earlier(proposal)
    record(None, "offered_earlier", proposal, enrolment=booking.enrolment_id)
    return True


def _first_earlier(freed: FreedTime, booking: Booking) -> datetime | None:
    """The first start in the freed time that is over before their call begins."""
    length = booking.ends_at - booking.starts_at
    rest = freed.trainer.rest if freed.trainer_id == booking.trainer_id else timedelta()
    slots = free_slots(
        booking.enrolment,
        length,
        trainer=freed.trainer,
        language=language_of(booking),
        ignore=booking,
        any_notice=True,
        after=freed.starts_at,
        before=freed.ends_at,
    )
    return next(
        (
            slot.starts_at
            for slot in slots
            if slot.starts_at + length + rest <= booking.starts_at
        ),
        None,
    )


def _require_first(freed: FreedTime, proposal: Booking) -> None:
    """Look again under the trainer's lock: of two runs one offers it."""
    others = open_proposals().filter(offer=freed.offer).exclude(pk=proposal.pk)
    is_closed = FreedTime.objects.filter(pk=freed.pk, closed_at__isnull=False)
    if others.exists() or is_closed.exists():
        raise Refused(_("Another one was asked just now."))


@transaction.atomic
def _close(freed: FreedTime) -> None:
    lock_trainer(freed.trainer_id)
    if not open_proposals().filter(offer=freed.offer).exists():
        FreedTime.objects.filter(pk=freed.pk, closed_at=None).update(closed_at=now())


# --- The answer --------------------------------------------------------------------


def take_earlier(proposal: Booking, *, by: User) -> Booking:
    """Move the booked call to the earlier time proposed; return it.

    Taking it again returns the call. Never late. Raises Refused once it ran out, or
    the call has changed since.
    """
    return despite_deadlock(lambda: _take(proposal, by))


@transaction.atomic
def _take(proposal: Booking, by: User) -> Booking:
    proposal = lock_call(proposal)
    require_offered_to(proposal, by)
    booking = Booking.objects.get(pk=cast(int, proposal.replaces_id))
    offer = cast(UUID, proposal.offer)
    is_booked = booking.state == BookingState.BOOKED
    if is_booked and booking.starts_at == proposal.starts_at:
        return booking
    if not is_open(proposal) or not is_booked:
        raise Refused(
            _("This earlier time is no longer free. Your call stays as it is.")
        )
    free(Q(pk=proposal.pk), by=by, reason=_("Taken: the call is moved there."))
    offer_mails.take_back(offer)
    FreedTime.objects.filter(offer=offer).update(closed_at=now())
    return move_call(
        booking,
        starts_at=proposal.starts_at,
        by=by,
        trainer=proposal.trainer,
        any_notice=True,
        cause=Cause.BYTEKAST,  # never late: we offered it
    )
