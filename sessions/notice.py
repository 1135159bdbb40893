"""When the trainers' shortest notice is waived for a trainee."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Exists, OuterRef
from django.utils.timezone import now

from courses.models import Enrolment
from sessions.models import Booking, BookingState, Origin

WAIVED_FOR = timedelta(days=7)


def may_skip_notice(enrolment: Enrolment) -> bool:
    """Tell whether the trainers' notice is waived: one did not come, a week ago at most.

    Until a new call is booked. One query.
    """
    booked_since = Booking.objects.filter(
        enrolment=enrolment,
        state__in=[BookingState.BOOKED, BookingState.DONE],
        created_at__gte=OuterRef("ended_at"),
    )
    return (
        Booking.objects.filter(
            enrolment=enrolment,
            state=BookingState.MISSED,
            missed_by=Origin.TRAINER,
            ended_at__gt=now() - WAIVED_FOR,
        )
        .exclude(Exists(booked_since))
        .exists()
    )
