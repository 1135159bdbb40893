"""Going on for a quarter of an hour, when both are free."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext as _

from lms.audit.log import record
from lms.errors import Refused
from lms.mail import times
from lms.people.models import User
from sessions.board import show
from sessions.booking import (
    Taken,
    despite_deadlock,
    lock_trainer,
    taken_if_overlapping,
)
from sessions.cancelling import end_run_out, lock_call
from sessions.models import Booking, BookingState

STEP = timedelta(minutes=15)
MOST = 2 * STEP  # beyond what was booked: who needs more books another call


def extended_end(booking: Booking) -> datetime | None:
    """Until when the call would go; None while it cannot be extended. No query.

    From its start until it would be over all the same, and not beyond `MOST`. Bring
    its topics with it.
    """
    if booking.state != BookingState.BOOKED or booking.starts_at > now():
        return None
    to = booking.ends_at + STEP
    return to if to > now() and to <= _latest_end(booking) else None


def _latest_end(booking: Booking) -> datetime:
    minutes = sum(topic.minutes for topic in booking.topics.all())
    return booking.starts_at + timedelta(minutes=minutes) + MOST


def extend_call(booking: Booking, *, ends_at: datetime, by: User) -> Booking:
    """Let a call go on until `ends_at`, a quarter of an hour later than it was.

    By its trainer, whose rest moves along. Asking again for the same end changes
    nothing. No mail is sent: both are in the call and see it, and the calendar files
    and feeds say so by their next number. Raises Refused where one of the two has
    another call then, in words that say whose it is.
    """
    return despite_deadlock(lambda: _extend(booking, ends_at, by))


@transaction.atomic
def _extend(booking: Booking, ends_at: datetime, by: User) -> Booking:
    booking = lock_call(booking)
    if by.pk != booking.trainer.user_id:
        raise Refused(_("Only the trainer of a call can extend it."))
    if booking.ends_at == ends_at and booking.state == BookingState.BOOKED:
        return booking
    _require_may_extend(booking, ends_at)
    trainer = lock_trainer(booking.trainer_id)
    end_run_out(Q(trainee=booking.trainee_id) | Q(trainer=trainer))
    busy_until = ends_at + trainer.rest
    _require_both_free(booking, ends_at, busy_until)

    booking.ends_at = ends_at
    booking.busy_until = busy_until
    booking.sequence += 1  # the row is locked
    try:
        with transaction.atomic(), taken_if_overlapping():
            booking.save(update_fields=["ends_at", "busy_until", "sequence"])
    except Taken:
        raise Refused(_no_time()) from None
    show(booking)
    record(by, "extended", booking, enrolment=booking.enrolment_id)
    return booking


def _require_may_extend(booking: Booking, ends_at: datetime) -> None:
    if booking.state != BookingState.BOOKED:
        raise Refused(_("This call is over, so it can no longer be extended."))
    if booking.starts_at > now():
        raise Refused(_("This call has not begun yet."))
    if booking.ends_at + STEP > _latest_end(booking):
        raise Refused(
            _(
                "This call has been extended already. For more time, mark what is left "
                "as not reached: they can then book another call."
            )
        )
    if booking.ends_at + STEP != ends_at or ends_at <= now():
        raise Refused(_("The end of this call has changed. Please look again."))


def _require_both_free(
    booking: Booking, ends_at: datetime, busy_until: datetime
) -> None:
    """Say whose next call is in the way; the database has the last word.

    A trainer may be somebody's trainee too, and a trainee a trainer.
    """
    others = Booking.objects.blocking().exclude(pk=booking.pk)
    others = others.select_related("trainer__user")
    zone = booking.trainer.user.time_zone
    for person, until in (
        (booking.trainer.user, busy_until),
        (booking.trainee, ends_at),
    ):
        clash = (
            others.filter(Q(trainer__user=person) | Q(trainee=person))
            .filter(starts_at__lt=until, busy_until__gt=booking.starts_at)
            .order_by("starts_at")
            .first()
        )
        if clash is None:
            continue
        at = times.clock(clash.starts_at, zone)
        if person.pk == booking.trainee_id:
            words = _(
                "%(name)s has another call at %(time)s, so this one ends in time."
            )
        elif clash.starts_at < ends_at:
            words = _("You have another call at %(time)s, so this one ends in time.")
        else:
            words = _(
                "You have another call at %(time)s, and your rest comes before it."
            )
        raise Refused(words % {"name": person, "time": at})


def _no_time() -> str:
    return _("One of you has another call then, so this one ends in time.")
