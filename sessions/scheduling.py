"""A trainer schedules: a time agreed with somebody who is ready."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext as _

from courses.models import EditionTopic, Enrolment
from lms.errors import Refused
from lms.mail import times
from sessions.access import bookable_by
from sessions.booking import TimeTaken, book_as_agreed, length_of
from sessions.models import Booking, BookingState, Trainer


def schedule_call(
    trainer: Trainer,
    enrolment: Enrolment,
    topics: Sequence[EditionTopic],
    *,
    starts_at: datetime,
    request_key: UUID,
    any_hours: bool = False,
) -> Booking:
    """Book a time agreed with the trainee (Policy 1), `starts_at` in UTC.

    It is said so on the call, and the trainee can refuse it until it starts, never
    late. The trainer's own hours and caps hold, their shortest notice does not; with
    `any_hours` only their caps and calls do. Raises Refused as `book_call` does, and
    for somebody not in their programmes.
    """
    require_own(trainer, enrolment)
    if not Booking.objects.filter(request_key=request_key).exists():
        require_possible(trainer, enrolment, [starts_at], length_of(topics))
    return book_as_agreed(
        trainer,
        enrolment,
        topics,
        starts_at=starts_at,
        request_key=request_key,
        any_hours=any_hours,
    )


def require_own(trainer: Trainer, enrolment: Enrolment) -> None:
    """Refuse somebody who is not in the trainer's programmes."""
    if not bookable_by(trainer).filter(pk=enrolment.pk).exists():
        raise Refused(
            _("You can schedule calls for people in your own programmes only.")
        )


def require_possible(
    trainer: Trainer,
    enrolment: Enrolment,
    starts: Sequence[datetime],
    length: timedelta,
) -> None:
    """Say to the trainer why a time cannot be: over, too far ahead, a call then.

    Whether it is free, the engine says; this only has the better words. One query
    for each time.
    """
    for starts_at in starts:
        written = {"time": times.moment(starts_at, trainer.user.time_zone)}
        if starts_at <= now():
            raise Refused(_("%(time)s is over. Choose a time to come.") % written)
        if starts_at > now() + timedelta(days=trainer.horizon_days):
            raise Refused(
                _(
                    "%(time)s is more than %(days)d days ahead, as far as you take calls."
                )
                % (written | {"days": trainer.horizon_days})
            )
        _require_both_free(trainer, enrolment, starts_at, length, written)


def _require_both_free(
    trainer: Trainer,
    enrolment: Enrolment,
    starts_at: datetime,
    length: timedelta,
    written: dict[str, str],
) -> None:
    ends_at = starts_at + length
    own = Q(trainer=trainer, starts_at__lt=ends_at + trainer.rest)
    own &= Q(busy_until__gt=starts_at)
    theirs = Q(trainee=enrolment.member.user_id)
    theirs &= Q(starts_at__lt=ends_at, ends_at__gt=starts_at)
    clash = (
        Booking.objects.live()
        .exclude(state=BookingState.PROPOSED, proposed_until__lte=now())
        .filter(own | theirs)
        .first()
    )
    if clash is None:
        return
    if clash.trainer_id == trainer.pk:
        words = _("You have another call, or your rest after one, at %(time)s.")
    else:
        words = _("They have another call at %(time)s.")
    raise TimeTaken(f"{words % written} {_('Please choose another time.')}")
