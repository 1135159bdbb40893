"""Calling a call off (Policy 1), and what becomes of calls when something closes."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext as _

from courses.completing import lock
from courses.models import Enrolment
from lms.audit.log import record
from lms.errors import Refused
from lms.people.models import User
from sessions import mails
from sessions.models import (
    NEVER_LATE,
    Booking,
    BookingQuerySet,
    BookingState,
    Cause,
    Origin,
)
from sessions.offer_mails import take_back
from sessions.reminders import forget
from sessions.waiting import end_waiting, note_freed

SOURCE = "Policy 1"
REASON_LENGTH = 300
OPEN = [BookingState.BOOKED, BookingState.PROPOSED]


@transaction.atomic
def cancel_call(
    booking: Booking, *, by: User, reason: str, cause: Cause = Cause.PLANS
) -> Booking:
    """Call off a call that has not begun, and tell both sides (Policy 1).

    By either side or the channel team; past the programme's limit it is marked late
    (`is_late`). Cancelling again changes nothing. Raises Refused once it has begun,
    and without a reason.
    """
    booking = lock_call(booking)
    if booking.state == BookingState.CANCELLED:
        return booking
    if not (booking.has_party(by) or by.may_change_people):
        raise Refused(_("Only the two of a call can cancel it."))
    if booking.state == BookingState.PROPOSED:
        raise Refused(
            _("This time is only proposed: take it, or say that it does not suit.")
        )
    if booking.state != BookingState.BOOKED:
        raise Refused(_("This call is over. There is nothing to cancel."))
    if booking.starts_at <= now():
        raise Refused(
            _("This call has begun, so it can no longer be cancelled."), SOURCE
        )
    require_reason(reason)
    late = is_late(booking, by, cause) or _was_late(booking, by)
    _cancel(booking, by=by, reason=reason, cause=cause, late=late)
    return booking


def require_reason(reason: str) -> None:
    """Refuse to call something off without a word."""
    if not reason.strip():
        raise Refused(_("Please say in a few words why."))


def is_late(booking: Booking, by: User, cause: Cause | str) -> bool:
    """Tell whether calling off or moving a call now is late, for whoever does it.

    Past the programme's limit, by one of the two. Illness, the connection and our
    own fault never count; nor does it for a trainee whom a trainer had booked.
    """
    if booking.state != BookingState.BOOKED or cause in NEVER_LATE:
        return False
    if by.pk == booking.trainee_id and booking.origin == Origin.TRAINER:
        return False
    return booking.has_party(by) and now() > booking.on_time_until


def _was_late(booking: Booking, by: User) -> bool:
    """Whether the trainee had moved it late before: of a booked call it is theirs."""
    return booking.late and by.pk == booking.trainee_id


def lock_call(booking: Booking) -> Booking:
    """Lock the trainee, the enrolment, the call; return the call as it now stands."""
    lock(booking.enrolment)
    return _to_change().get(pk=booking.pk)


def _to_change(*, skip_locked: bool = False) -> BookingQuerySet:
    """Lock calls before they change, and bring what is said of them by mail."""
    return (
        Booking.objects.select_for_update(
            of=("self",), no_key=True, skip_locked=skip_locked
        )
        .select_related(
            "enrolment__member__reseller",
            "enrolment__programme",
            "enrolment__edition",
            "trainee",
            "trainer__user",
        )
        .order_by("pk")
    )


def _cancel(
    booking: Booking,
    *,
    by: User | None,
    reason: str,
    cause: Cause | str = "",
    late: bool = False,
) -> None:
    was_booked = booking.state == BookingState.BOOKED
    end_call(booking, by=by, reason=reason, cause=cause, late=late)
    if not was_booked:
        return
    mails.tell_cancelled(booking)
    if by is None or by.pk != booking.trainer.user_id:  # else they are not there then
        note_freed(booking.trainer, booking.starts_at, booking.ends_at)


def end_call(
    booking: Booking,
    *,
    by: User | None,
    reason: str,
    cause: Cause | str = "",
    late: bool = False,
) -> None:
    """Write that a call is off: its topics can be booked again, reminders are dropped.

    The caller holds its locks, and tells the two.
    """
    was_call = booking.state != BookingState.PROPOSED
    booking.state = BookingState.CANCELLED
    booking.proposed_until = None
    booking.missed_by = ""
    booking.ended_at = now()
    booking.ended_by = by
    booking.reason = reason.strip()[:REASON_LENGTH]
    booking.cause = cause
    booking.late = late
    booking.sequence += was_call  # the row is locked; see `agreed()`
    booking.save(
        update_fields=[
            "state",
            "proposed_until",
            "missed_by",
            "ended_at",
            "ended_by",
            "reason",
            "cause",
            "late",
            "sequence",
        ]
    )
    booking.topics.update(booked_for=None)
    if was_call:
        end_waiting(booking, by=by)
    forget(booking)
    record(by, "cancelled", booking, enrolment=booking.enrolment_id, late=late)


def free_calls(
    enrolment: Enrolment,
    *,
    by: User | None,
    reason: str,
    states: Sequence[BookingState] = OPEN,
) -> int:
    """Cancel what is still to come of an enrolment; return how many.

    In these `states`: booked and proposed, if none are named. The caller holds the enrolment's lock. A call that has begun is left to its
    sign-off.
    """
    coming = _to_change().filter(
        enrolment=enrolment, state__in=states, starts_at__gt=now()
    )
    for booking in coming:
        if booking.offer is not None:
            take_back(booking.offer)
        _cancel(booking, by=by, reason=reason)
    return len(coming)


@transaction.atomic
def cancel_run_out() -> int:
    """Cancel proposals nobody answered in time; return how many. Safe to repeat."""
    return end_run_out(Q())


def end_run_out(whose: Q) -> int:
    """Cancel run-out proposals; one that another transaction holds is left to it."""
    those = Q(whose, state=BookingState.PROPOSED, proposed_until__lte=now())
    if not Booking.objects.filter(those).exists():  # mostly: and it asks little
        return 0
    run_out = _to_change(skip_locked=True).filter(those)
    for booking in run_out:
        _cancel(booking, by=None, reason=_("Not answered in time."))
    return len(run_out)


def follow_successor(enrolment: Enrolment, successor: Enrolment) -> None:
    """Let the enrolment that goes on have the calls that are open or to come.

    The caller holds the locks. A call still to come on nothing that the new one asks
    for is cancelled; topics it no longer asks for are let go.
    """
    asked = set(successor.edition.topics.values_list("topic_id", flat=True))
    open_calls = _to_change().filter(
        enrolment=enrolment, trainee=successor.member.user_id, state__in=OPEN
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
