"""Moving a call: the same row, at another time, with another trainer where wanted."""

from __future__ import annotations

from copy import copy
from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext as _

from lms.audit.log import record
from lms.errors import Refused
from lms.mail import times
from lms.people.models import User
from sessions import mails
from sessions.board import forget_private_notes
from sessions.booking import (
    Taken,
    despite_deadlock,
    least_busy_first,
    lock_trainer,
    require_trainee_free,
    taken_if_overlapping,
    time_taken,
)
from sessions.cancelling import SOURCE, end_run_out, is_late, lock_call
from sessions.models import Booking, BookingState, Cause, Trainer
from sessions.reminders import forget, remind
from sessions.slots import Search, free_at, search_for
from sessions.waiting import end_waiting, note_freed


def move_call(
    booking: Booking,
    *,
    starts_at: datetime,
    by: User,
    trainer: Trainer | None = None,
    any_hours: bool = False,
    any_notice: bool = False,
    cause: Cause = Cause.PLANS,
) -> Booking:
    """Move a call that has not begun to `starts_at`, and tell both (Policy 1).

    With the same trainer, or `trainer`. Its own time and caps do not stand in its
    way. A trainer waives their own notice, and with `any_hours` their hours, never
    another call; `any_notice` waives the notice for whoever moves it. Past the limit
    a trainee's move is marked late, with the exceptions of a cancel. Raises Refused
    when it cannot be moved or is then already, TimeTaken when that is not free.
    """
    return despite_deadlock(
        lambda: _move(
            booking, starts_at, by, trainer, any_hours, any_notice, cause=cause
        )
    )


@transaction.atomic
def _move(
    booking: Booking,
    starts_at: datetime,
    by: User,
    trainer: Trainer | None,
    any_hours: bool,
    any_notice: bool,
    *,
    cause: Cause,
) -> Booking:
    booking = lock_call(booking)
    require_movable(booking, by)
    wanted = trainer.pk if trainer else booking.trainer_id
    if (starts_at, wanted) == (booking.starts_at, booking.trainer_id):
        raise Refused(
            _("That is when your call is: %(time)s. Choose another time.")
            % {"time": times.moment(booking.starts_at, by.time_zone)}
        )
    end_waiting(booking, by=by)  # frees what was proposed instead of it, too
    to = lock_trainers(booking.trainer_id, wanted)[wanted]
    end_run_out(Q(trainee=booking.trainee_id) | Q(trainer=to))
    ends_at = starts_at + (booking.ends_at - booking.starts_at)
    require_trainee_free(booking.trainee, starts_at, ends_at, by=by, ignore=booking)
    search = search_to_move(booking, by, to, any_hours=any_hours, any_notice=any_notice)
    if not free_at(search, starts_at):
        raise time_taken()

    was = copy(booking)
    booking.late |= by.pk == booking.trainee_id and is_late(booking, by, cause)
    try:
        change_seat(booking, starts_at=starts_at, trainer=to)
    except Taken:
        raise time_taken() from None
    record(
        by,
        "moved",
        booking,
        enrolment=booking.enrolment_id,
        trainer=to.pk,
        late=booking.late,
    )
    mails.tell_moved(booking, was, by=by)
    note_freed(was.trainer, was.starts_at, was.ends_at)
    return booking


def require_movable(booking: Booking, by: User) -> None:
    """Refuse to move what is not booked, has begun, or is somebody else's."""
    if not (booking.has_party(by) or by.may_change_people):
        raise Refused(_("Only the two of a call can move it."))
    if booking.state == BookingState.PROPOSED:
        raise Refused(
            _("This time is only proposed: take it, or say that it does not suit.")
        )
    if booking.state == BookingState.CANCELLED:
        raise Refused(_("This call is cancelled. Book a new one instead."))
    if booking.state != BookingState.BOOKED:
        raise Refused(_("This call is over, so it can no longer be moved."))
    if booking.starts_at <= now():
        raise Refused(_("This call has begun, so it can no longer be moved."), SOURCE)


def search_to_move(
    booking: Booking,
    by: User,
    trainer: Trainer | None,
    *,
    any_hours: bool = False,
    any_notice: bool = False,
) -> Search:
    """What the engine is asked for a move, by the page and the rule alike.

    `trainer` of None looks at all who are qualified.
    """
    is_own = trainer is not None and by.pk == trainer.user_id
    return search_for(
        booking.enrolment,
        booking.ends_at - booking.starts_at,
        trainer=trainer,
        ignore=booking,
        any_notice=is_own or any_notice,
        any_hours=is_own and any_hours,
    )


def any_trainer(booking: Booking, starts_at: datetime, *, by: User) -> Trainer:
    """Who holds a call moved to a time with no trainer named: the same, if free then.

    Else the least busy of those who are; where nobody is, the same, whom `move_call`
    then refuses.
    """
    same: Trainer = booking.trainer
    free = free_at(search_to_move(booking, by, None), starts_at)
    if not free or same.pk in free:
        return same
    return Trainer.objects.get(pk=least_busy_first(free, starts_at)[0])


def lock_trainers(*pks: int) -> dict[int, Trainer]:
    """Lock trainers in the order of their keys, as everybody does."""
    return {pk: lock_trainer(pk) for pk in sorted(set(pks))}


def change_seat(booking: Booking, *, starts_at: datetime, trainer: Trainer) -> None:
    """Write a call's new time or trainer into its row, and remind of it anew.

    The caller holds the locks. Raises Taken where the database sees another call.
    """
    length = booking.ends_at - booking.starts_at
    if starts_at != booking.starts_at:
        booking.trainee_joined_at = booking.trainee_linked_at = None
    booking.trainer_joined_at = booking.trainer_linked_at = None  # came too early
    if trainer.pk != booking.trainer_id:
        booking.room_url = ""  # the other one's
        forget_private_notes(booking)
    booking.trainer = trainer
    booking.starts_at = starts_at
    booking.ends_at = starts_at + length
    booking.busy_until = booking.ends_at + trainer.rest
    booking.sequence += 1  # the row is locked
    with transaction.atomic(), taken_if_overlapping():
        booking.save(
            update_fields=[
                "trainer",
                "starts_at",
                "ends_at",
                "busy_until",
                "sequence",
                "late",
                "room_url",
                "trainee_joined_at",
                "trainer_joined_at",
                "trainee_linked_at",
                "trainer_linked_at",
            ]
        )
    forget(booking)
    remind(booking)
