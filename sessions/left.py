"""Calls of those who left a team: they stand for a day, then the clock frees them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils.timezone import now

from courses.completing import lock
from courses.leaving import UNDO_FOR, teams_left, undo_until
from courses.models import Enrolment
from lms.people.models import Member, Reseller, Team
from sessions import asking
from sessions.booking import despite_deadlock
from sessions.cancelling import OPEN, free_calls
from sessions.models import Booking, BookingState, TimeRequest


@dataclass(frozen=True)
class Leaving:
    """What becomes of a call whose trainee is no longer in the programme.

    `freed_at` of None: it begins before it would be freed, so it takes place.
    """

    enrolment: Enrolment
    teams: list[Team]
    freed_at: datetime | None


def leaving_of(call: Booking) -> Leaving | None:
    """What both sides read on the page of a call to come; two queries where it is so."""
    is_coming = call.state == BookingState.BOOKED and call.starts_at > now()
    until = undo_until(call.enrolment) if is_coming else None
    if until is None:
        return None
    return Leaving(
        call.enrolment,
        teams_left(call.enrolment),
        until if until < call.starts_at else None,
    )


def free_left(*, withdrawn_since: datetime | None = None) -> int:
    """Free what is still to come of those who left a day ago; return how many calls.

    At once, where they have left the reseller since. Both sides are told. Safe to
    repeat. One query where there is none. `withdrawn_since` looks at what was withdrawn
    since then alone, found by an index, instead of at all that ever was.
    """
    coming = Booking.objects.filter(
        enrolment=OuterRef("pk"), state__in=OPEN, starts_at__gt=now()
    )
    asked = TimeRequest.objects.open().filter(enrolment=OuterRef("pk"))
    is_over = Q(withdrawn_at__lte=now() - UNDO_FOR)
    found = (
        Enrolment.objects.filter(
            is_over
            | ~Exists(Member.objects.live().filter(pk=OuterRef("member")))
            | ~Q(member__reseller__in=Reseller.objects.live()),
            Exists(coming) | Exists(asked),
            withdrawn_at__isnull=False,
        )
        .select_related("member")
        .order_by("pk")
    )
    if withdrawn_since is not None:
        found = found.filter(withdrawn_at__gte=withdrawn_since)
    return sum(despite_deadlock(partial(_free, enrolment)) for enrolment in found)


@transaction.atomic
def _free(enrolment: Enrolment) -> int:
    """Free those of one; what has followed them back is no longer among them."""
    enrolment = lock(enrolment)
    asking.close_requests(enrolment)
    return free_calls(enrolment, by=None, reason=enrolment.closed_why)
