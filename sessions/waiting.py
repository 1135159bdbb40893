"""Times that are free again, for those who wait for an earlier one.

Who calls a call off or moves it notes the time here; `sessions.earlier` offers it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils.timezone import now

from sessions.models import FreedTime, Trainer

WORTH_OFFERING = timedelta(hours=3)  # before it starts: who is asked needs to answer


def note_freed(
    trainer: Trainer, starts_at: datetime, ends_at: datetime
) -> FreedTime | None:
    """Note a time that a call no longer takes; None if it is too near to offer.

    In the caller's transaction and under its locks; those who wait are asked after
    the commit.
    """
    from sessions.tasks import offer_freed  # noqa: PLC0415  # the task calls back

    if starts_at - now() <= WORTH_OFFERING:
        return None
    freed = FreedTime.objects.create(
        trainer=trainer, starts_at=starts_at, ends_at=ends_at
    )
    transaction.on_commit(lambda: offer_freed.enqueue() and None)
    return freed
