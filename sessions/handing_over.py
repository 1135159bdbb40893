"""Handing a call to a colleague; or, where nobody is free, asking to choose again."""

from __future__ import annotations

from copy import copy

from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext as _

from lms.audit.log import record
from lms.errors import Refused
from lms.people.models import User
from sessions import mails
from sessions.booking import Taken, despite_deadlock, least_busy_first
from sessions.cancelling import (
    SOURCE,
    end_call,
    end_run_out,
    lock_call,
    require_reason,
)
from sessions.models import Booking, BookingState, Cause, Trainer
from sessions.moving import change_seat, lock_trainers
from sessions.slots import Search, free_at, search_for


def colleagues_free(booking: Booking) -> list[Trainer]:
    """Who could hold a call in its trainer's place, the least busy first.

    Active, qualified, free then within their own hours (their notice, horizon and
    grid are waived), and speaking the trainee's language where the trainer does.
    """
    free = free_at(_search(booking, None), booking.starts_at)
    order = least_busy_first(
        [pk for pk in free if pk != booking.trainer_id], booking.starts_at
    )
    found = Trainer.objects.select_related("user").in_bulk(order)
    return [found[pk] for pk in order]


def language_of(booking: Booking) -> str:
    """The trainee's language where the trainer speaks it, so that it stays so; or ""."""
    language = booking.trainee.language[:2]
    return language if language in booking.trainer.languages else ""


def _search(booking: Booking, trainer: Trainer | None) -> Search:
    return search_for(
        booking.enrolment,
        booking.ends_at - booking.starts_at,
        trainer=trainer,
        language=language_of(booking),
        ignore=booking,
        any_notice=True,
        any_horizon=True,
        any_start=True,
    )


def hand_over(booking: Booking, to: Trainer, *, by: User) -> Booking:
    """Let a colleague hold a call at its time, and tell all three (Policy 1).

    By its trainer or the channel team, until it begins. Handing it to whose it is
    changes nothing. Raises Refused where they cannot take it.
    """
    return despite_deadlock(lambda: _hand_over(booking, to, by))


@transaction.atomic
def _hand_over(booking: Booking, to: Trainer, by: User) -> Booking:
    booking = lock_call(booking)
    if booking.trainer_id == to.pk and booking.state == BookingState.BOOKED:
        return booking
    _require_theirs(booking, by)
    if booking.starts_at <= now():
        raise Refused(
            _("This call has begun, so it can no longer be handed over."), SOURCE
        )
    to = lock_trainers(booking.trainer_id, to.pk)[to.pk]
    end_run_out(Q(trainer=to))
    if not free_at(_search(booking, to), booking.starts_at):
        raise _not_free(to)

    was = copy(booking)
    try:
        change_seat(booking, starts_at=booking.starts_at, trainer=to)
    except Taken:
        raise _not_free(to) from None
    record(
        by,
        "handed_over",
        booking,
        enrolment=booking.enrolment_id,
        trainer=to.pk,
        was=was.trainer_id,
    )
    mails.tell_handed_over(booking, was)
    return booking


@transaction.atomic
def ask_to_choose_again(booking: Booking, *, by: User, reason: str) -> Booking:
    """Call a call off on our side, and offer the trainee the soonest times, once.

    By its trainer or the channel team, until its end as long as the trainer has not
    come. It is nobody's lateness. Asking again changes nothing.
    """
    booking = lock_call(booking)
    if booking.state == BookingState.CANCELLED:
        return booking
    _require_theirs(booking, by)
    if booking.ends_at <= now() or (
        booking.starts_at <= now() and booking.trainer_joined_at
    ):
        raise Refused(
            _("This call has begun, so it can no longer be cancelled."), SOURCE
        )
    require_reason(reason)
    end_call(booking, by=by, reason=reason, cause=Cause.BYTEKAST)
    mails.tell_choose_again(booking)
    return booking


def _require_theirs(booking: Booking, by: User) -> None:
    if by.pk != booking.trainer.user_id and not by.may_change_people:
        raise Refused(_("Only the trainer of a call can hand it over."))
    if by.pk == booking.trainee_id:
        raise Refused(_("You are the trainee of this call: please move or cancel it."))
    if booking.state != BookingState.BOOKED:
        raise Refused(_("This call is not booked, so there is nothing to hand over."))


def _not_free(to: Trainer) -> Refused:
    return Refused(
        _("%(name)s is not free then, or cannot take this programme. Choose another.")
        % {"name": to}
    )
