"""A trainer schedules: a time agreed with somebody who is ready."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from courses.models import EditionTopic, Enrolment
from lms.errors import Refused
from sessions.access import bookable_by
from sessions.booking import book_as_agreed
from sessions.models import Booking, Trainer


def schedule_call(
    trainer: Trainer,
    enrolment: Enrolment,
    topics: Sequence[EditionTopic],
    *,
    starts_at: datetime,
    request_key: UUID,
) -> Booking:
    """Book a time agreed with the trainee (Policy 1), `starts_at` in UTC.

    It is said so on the call, and the trainee can refuse it until it starts, never
    late. The trainer's own hours and caps hold, their shortest notice does not.
    Raises Refused as `book_call` does, and for somebody not in their programmes.
    """
    if not bookable_by(trainer).filter(pk=enrolment.pk).exists():
        raise Refused(
            _("You can schedule calls for people in your own programmes only.")
        )
    return book_as_agreed(
        trainer, enrolment, topics, starts_at=starts_at, request_key=request_key
    )
