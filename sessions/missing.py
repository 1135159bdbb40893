"""Calls to which one of the two did not come: said, taken back, disputed, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext as _

from lms.audit.log import record
from lms.errors import Refused
from lms.people.models import User
from sessions import mails
from sessions.booking import Taken, lock_trainer, taken_if_overlapping
from sessions.cancelling import SOURCE, end_call, lock_call
from sessions.models import (
    Booking,
    BookingState,
    BookingTopic,
    Cause,
    Dispute,
    Origin,
    Presence,
)
from sessions.offers import free_those_on
from sessions.unsigned import forget_unsigned

PATIENCE = timedelta(minutes=10)  # after the start, before it can be said
FADES_AFTER = timedelta(days=365)
TEXT_LENGTH = 1000


def may_say_missed(booking: Booking, by: User) -> bool:
    """Tell whether one of the two can say now that the other did not come."""
    side = _side(booking, by)
    return (
        booking.state == BookingState.BOOKED
        and side is not None
        and now() >= booking.starts_at + PATIENCE
        and has_come(booking, by)
        and not has_come(booking, _other_of(booking, by))
    )


@transaction.atomic
def say_missed(booking: Booking, *, by: User) -> Booking:
    """Say that the other side did not come (Policy 1): the topics can be booked again.

    By whoever of the two joined, from ten minutes after the start. Saying it again
    changes nothing. Raises Refused otherwise, saying why.
    """
    booking = lock_call(booking)
    side = _side(booking, by)
    if side is None:
        raise Refused(_("Only the two of a call can say that."))
    other = _other(side)
    if booking.state == BookingState.MISSED and booking.missed_by == other:
        return booking
    if booking.state != BookingState.BOOKED:
        raise Refused(_("This call is over already. Open its page again."))
    if now() < booking.starts_at + PATIENCE:
        raise Refused(
            _("Please wait until ten minutes after the start: they may still come."),
            SOURCE,
        )
    if not has_come(booking, by):
        raise Refused(_("Join the call first, so that they find you if they come."))
    if has_come(booking, _other_of(booking, by)):
        raise Refused(_("They came: the call’s page says when. Open it again."))

    booking.state = BookingState.MISSED
    booking.missed_by = other
    booking.ended_at = now()
    booking.ended_by = by
    booking.save(update_fields=["state", "missed_by", "ended_at", "ended_by"])
    booking.topics.update(booked_for=None)
    forget_unsigned(booking)
    record(by, "said_missed", booking, enrolment=booking.enrolment_id, side=other)
    mails.tell_missed(booking)
    return booking


def _side(booking: Booking, user: User) -> Origin | None:
    if user.pk == booking.trainee_id:
        return Origin.TRAINEE
    return Origin.TRAINER if user.pk == booking.trainer.user_id else None


def _other(side: Origin) -> Origin:
    return Origin.TRAINER if side == Origin.TRAINEE else Origin.TRAINEE


def _other_of(booking: Booking, user: User) -> User:
    is_trainee = user.pk == booking.trainee_id
    other: User = booking.trainer.user if is_trainee else booking.trainee
    return other


def has_come(booking: Booking, user: User) -> bool:
    """Tell whether one of the two came to a call, not only before it.

    In our room: was there once it had begun. By a link: went on to it; how long they
    stayed there nobody knows. Whoever pressed Join in its time came to the door. At
    most one query.
    """
    is_trainee = user.pk == booking.trainee_id
    joined = booking.trainee_joined_at if is_trainee else booking.trainer_joined_at
    linked = booking.trainee_linked_at if is_trainee else booking.trainer_linked_at
    if joined is None:
        return False
    if linked is not None or joined >= booking.starts_at:
        return True
    start = booking.starts_at
    stays = Presence.objects.filter(booking=booking, user=user)
    is_after = Q(left_at__gt=start) | Q(left_at=None, seen_at__gt=start)
    return stays.filter(is_after).exists()


# --- Coming after all --------------------------------------------------------------


def may_still_come(booking: Booking, user: User) -> bool:
    """Tell whether somebody said to have missed a call can still come to it.

    Until its end: who comes after that did not come.
    """
    return (
        booking.state == BookingState.MISSED
        and booking.missed_by == _side(booking, user)
        and booking.opens_at <= now() < booking.ends_at
    )


@transaction.atomic
def take_back_missed(booking: Booking, *, by: User) -> Booking:
    """Let a missed call be a booked one again, since the other came after all.

    Raises Refused once the call was to end, or where the time or the topics were
    booked again.
    """
    booking = lock_call(booking)
    if booking.state == BookingState.BOOKED:
        return booking
    if not may_still_come(booking, by):
        raise Refused(_("This room is not open now."))
    again = BookingTopic.objects.filter(
        booked_for=booking.enrolment_id, topic__in=booking.topics.values("topic")
    ).first()
    if again is not None or not booking.enrolment.is_open:
        raise Refused(
            _("A new call on this has been booked since: open Calls to see when.")
        )
    agenda = set(booking.topics.values_list("topic_id", flat=True))
    asked = booking.enrolment.edition.topics.filter(topic__in=agenda)
    free_those_on(booking.enrolment, list(asked), by=by)  # proposed since
    missed_at = booking.ended_at or now()
    waited = booking.trainee if by.pk != booking.trainee_id else booking.trainer.user
    lock_trainer(booking.trainer_id)
    booking.state = BookingState.BOOKED
    booking.missed_by = ""
    booking.ended_at = booking.ended_by = None
    try:
        with transaction.atomic(), taken_if_overlapping():
            booking.save(update_fields=["state", "missed_by", "ended_at", "ended_by"])
    except Taken:
        raise Refused(
            _("This time has been taken by another call since. Choose a new time.")
        ) from None
    booking.topics.update(booked_for=booking.enrolment)
    record(by, "came_after_all", booking, enrolment=booking.enrolment_id)
    mails.tell_came(booking, missed_at, to=waited)
    return booking


# --- "That is not what happened" ---------------------------------------------------


def may_dispute(booking: Booking, by: User) -> bool:
    """Tell whether somebody can say that they did not miss this call."""
    return (
        booking.state == BookingState.MISSED
        and booking.missed_by == _side(booking, by)
        and not Dispute.objects.filter(booking=booking).exists()
    )


@transaction.atomic
def dispute(booking: Booking, *, by: User, text: str) -> Dispute:
    """Say that it is not what happened, once: the channel team looks at it.

    By whoever is said to have missed the call. Saying it again changes nothing.
    """
    booking = lock_call(booking)
    said = Dispute.objects.filter(booking=booking).first()
    if said is not None and said.by_id == by.pk:
        return said
    if booking.state != BookingState.MISSED or booking.missed_by != _side(booking, by):
        raise Refused(_("Nobody says that you missed this call."))
    if not text.strip():
        raise Refused(_("Please say in a few words what happened."))
    said = Dispute.objects.create(
        booking=booking, by=by, text=text.strip()[:TEXT_LENGTH]
    )
    record(by, "disputed", booking, dispute=said.pk)
    mails.tell_disputed(said)
    return said


@transaction.atomic
def settle(dispute: Dispute, *, by: User, upheld: bool, answer: str) -> Dispute:
    """Answer for the channel team; `upheld` takes the mark off the call.

    The call then counts as called off on our side. Both are told. Settling again
    changes nothing.
    """
    booking = lock_call(dispute.booking)
    dispute = Dispute.objects.select_for_update(of=("self",)).get(pk=dispute.pk)
    dispute.booking = booking
    if dispute.settled_at is not None:
        return dispute
    if not by.may_change_people or booking.has_party(by):
        raise Refused(_("Only the channel team settles this, and nobody of the two."))
    if not answer.strip():
        raise Refused(_("Please say in a few words what you found."))
    if upheld and booking.state == BookingState.MISSED:
        end_call(booking, by=by, reason=answer, cause=Cause.BYTEKAST)
    dispute.settled_at = now()
    dispute.settled_by = by
    dispute.answer = answer.strip()[:TEXT_LENGTH]
    dispute.save(update_fields=["settled_at", "settled_by", "answer"])
    record(by, "settled", booking, dispute=dispute.pk, upheld=upheld)
    mails.tell_settled(dispute)
    return dispute


# --- The count ---------------------------------------------------------------------


class MissedCount(NamedTuple):
    """Of the last 12 months: calls missed, and called off or moved late."""

    missed: int = 0
    late: int = 0


def counts_for(users: Iterable[User]) -> dict[int, MissedCount]:
    """Count what each missed and called off late, by pk; one query for all.

    A number without reasons, which blocks nothing. What the channel team took off
    does not count.
    """
    asked = {user.pk for user in users}
    counting = (
        Booking.objects.filter(
            Q(state=BookingState.MISSED) | Q(late=True),
            starts_at__gt=now() - FADES_AFTER,
        )
        .order_by()
        .values_list(
            *("trainee_id", "trainer__user_id", "state", "missed_by", "late"),
            *("ended_by_id", "pk"),  # the key tells calls apart
        )
    )
    # Not one question with OR: no index would answer that.
    rows = counting.filter(trainee__in=asked).union(
        counting.filter(trainer__user__in=asked)
    )
    missed: Counter[int] = Counter()
    late: Counter[int] = Counter()
    for trainee, trainer, state, missed_by, is_late, ended_by, _pk in rows:
        if state == BookingState.MISSED:
            missed[trainee if missed_by == Origin.TRAINEE else trainer] += 1
        if is_late:  # of a call that was not called off: the trainee moved it late
            late[ended_by if state == BookingState.CANCELLED else trainee] += 1
    return {pk: MissedCount(missed[pk], late[pk]) for pk in asked}
