"""Times that are free again, for those who wait for an earlier one.

Who calls a call off or moves it notes the time here; `sessions.earlier` offers it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext as _

from lms.people.models import User
from sessions.models import Booking, FreedTime, Trainer, Waiting
from sessions.offers import free

WORTH_OFFERING = timedelta(hours=3)  # before it starts: who is asked needs to answer


def note_freed(
    trainer: Trainer, starts_at: datetime, ends_at: datetime
) -> FreedTime | None:
    """Note a time that a call no longer takes; None if it is too near to offer.

    In the caller's transaction and under its locks; those who wait are asked after
    the commit.
    """
    if starts_at - now() <= WORTH_OFFERING:
        return None
    freed = FreedTime.objects.create(
        trainer=trainer, starts_at=starts_at, ends_at=ends_at
    )
    ask_the_next()
    return freed


def ask_the_next() -> None:
    """Let the worker offer what is free to those who wait, after the commit."""
    from sessions.tasks import offer_freed  # noqa: PLC0415  # the task calls back

    transaction.on_commit(lambda: offer_freed.enqueue() and None)


def end_waiting(booking: Booking, *, by: User | None) -> bool:
    """Wait no longer for an earlier time: the call is moved, cancelled, or kept.

    The caller holds the trainee's and the enrolment's locks. Returns whether a time
    proposed is free again by it.
    """
    Waiting.objects.open().filter(booking=booking).update(ended_at=now())
    return bool(free(Q(replaces=booking), by=by, reason=_("No longer needed.")))
