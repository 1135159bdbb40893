"""None of the free times suits: what would (Policy 1).

It stands on top of the trainers' list until a proposal or a booking answers it, and
again once all that was proposed has come to nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.timezone import now
from django.utils.translation import gettext as _

from courses.completing import lock
from courses.models import Enrolment
from courses.progress import topics_for_call
from lms.audit.log import record
from lms.errors import Refused
from lms.mail import times
from lms.mail.zones import ZONES
from lms.people.models import Member, User
from sessions.models import (
    Booking,
    BookingState,
    PartOfDay,
    TimeRequest,
    TimeRequestQuerySet,
)

NOTE_LENGTH = 300
REMEMBERED = timedelta(days=30)  # far longer than an offer stands
HOURS = {
    PartOfDay.MORNING: (6, 12),
    PartOfDay.AFTERNOON: (12, 18),
    PartOfDay.EVENING: (18, 23),
}


@transaction.atomic
def ask_for_time(
    enrolment: Enrolment,
    *,
    weekdays: Collection[int],
    parts: Collection[str],
    note: str,
    time_zone: str,
    by: User,
) -> TimeRequest:
    """Ask for a call on some weekdays (Monday is 0) and parts of the day.

    Asking again replaces what was asked and keeps the place in the line. Raises
    Refused for a programme that is closed, and for what is no day, part or zone.
    """
    enrolment = lock(enrolment)
    if by.pk != enrolment.member.user_id:
        raise Refused(_("Only the person themselves can ask for a time."))
    if not enrolment.is_open:
        raise Refused(_("This programme is complete or closed for you."))
    if not weekdays or not set(weekdays) <= set(range(7)):
        raise Refused(_("Choose at least one day of the week."))
    if not parts or not set(parts) <= set(PartOfDay.values):
        raise Refused(_("Choose at least one part of the day."))
    if time_zone not in dict(ZONES):
        raise Refused(_("We do not know that time zone. Choose one of the list."))
    asked, is_new = TimeRequest.objects.update_or_create(
        enrolment=enrolment,
        closed_at=None,
        defaults={
            "weekdays": sorted(set(weekdays)),
            "parts": [part for part in PartOfDay.values if part in parts],
            "note": " ".join(note.split())[:NOTE_LENGTH],
            "time_zone": time_zone,
            "asked_by": None,  # their own word now, whoever asked before
        },
    )
    if is_new:
        record(by, "asked_for_time", asked, enrolment=enrolment.pk)
    return asked


def ask_trainers(enrolments: Iterable[Enrolment], *, by: User) -> int:
    """Ask the trainers to propose times to these people, at any time of the week.

    Returns for how many it was asked anew: who has nothing that a call could cover,
    has a call or a proposal, or is asked for already, is left out.
    """
    return sum(_ask_for(enrolment, by) for enrolment in enrolments)


@transaction.atomic
def _ask_for(enrolment: Enrolment, by: User) -> bool:
    enrolment = lock(enrolment)
    scheduled = Booking.objects.blocking().filter(
        enrolment=enrolment, state__in=[BookingState.PROPOSED, BookingState.BOOKED]
    )
    if not enrolment.is_open or scheduled.exists() or not topics_for_call(enrolment):
        return False
    if open_request(enrolment):
        return False
    asked = TimeRequest.objects.create(
        enrolment=enrolment,
        weekdays=list(range(7)),
        parts=list(PartOfDay.values),
        time_zone=enrolment.member.user.time_zone,
        asked_by=by,
    )
    record(by, "asked_trainers", asked, enrolment=enrolment.pk)
    return True


@transaction.atomic
def withdraw_request(enrolment: Enrolment, *, by: User) -> None:
    """Ask no longer; doing so again changes nothing."""
    enrolment = lock(enrolment)
    if by.pk != enrolment.member.user_id:
        raise Refused(_("Only the person themselves can withdraw it."))
    close_requests(enrolment)


def close_requests(enrolment: Enrolment, proposal: Booking | None = None) -> None:
    """Answer what was asked for: a time is proposed or booked, or none is needed.

    It bears the time of the `proposal` that answers it, the first of its offer: that
    is how it is found, should the offer come to nothing. The caller holds the
    enrolment's lock.
    """
    at = proposal.created_at if proposal else now()
    TimeRequest.objects.open().filter(enrolment=enrolment).update(closed_at=at)


def reopen_request(enrolment: Enrolment) -> bool:
    """Ask on, in the old place, once what was proposed has come to nothing.

    Unless they have booked or asked anew since, or are no longer there; tell whether
    it is open again. The caller holds the enrolment's lock.
    """
    asked = unanswered().filter(enrolment=enrolment).last()
    if asked is None:
        return False
    asked.closed_at = None
    asked.save(update_fields=["closed_at"])
    record(None, "asks_on", asked, enrolment=enrolment.pk)
    return True


def reopen_unanswered() -> int:
    """Reopen what offers that ran out had answered; return how many. Safe to repeat.

    One query where there is none.
    """
    enrolments = Enrolment.objects.filter(time_requests__in=unanswered())
    found = enrolments.select_related("member").distinct().order_by("pk")
    return sum(_reopen(enrolment) for enrolment in found)


@transaction.atomic
def _reopen(enrolment: Enrolment) -> bool:
    return reopen_request(lock(enrolment))


def unanswered() -> TimeRequestQuerySet:
    """What an offer answered that has ended, of people who have booked nothing since."""
    theirs = Booking.objects.filter(enrolment=OuterRef("enrolment"), replaces=None)
    answer = theirs.filter(offer__isnull=False, created_at=OuterRef("closed_at"))
    proposed = theirs.filter(state=BookingState.PROPOSED, proposed_until__gt=now())
    booked = theirs.agreed().filter(created_at__gte=OuterRef("closed_at"))
    again = TimeRequest.objects.filter(
        Q(closed_at=None) | Q(created_at__gt=OuterRef("closed_at")),
        enrolment=OuterRef("enrolment"),
    )
    return TimeRequest.objects.filter(
        Exists(answer),
        ~Exists(proposed),
        ~Exists(booked),
        ~Exists(again),
        closed_at__gt=now() - REMEMBERED,
        enrolment__in=Enrolment.objects.open(),
        enrolment__member__in=Member.objects.live(),
        enrolment__member__user__is_active=True,
    )


def follow(enrolment: Enrolment, successor: Enrolment) -> None:
    """Ask on in the enrolment that goes on; the caller holds the locks.

    What a proposal answers goes along with the proposal.
    """
    moved = Booking.objects.filter(enrolment=successor, state=BookingState.PROPOSED)
    TimeRequest.objects.filter(
        Q(closed_at=None) | Q(closed_at__in=moved.values("created_at")),
        enrolment=enrolment,
    ).update(enrolment=successor)


def open_request(enrolment: Enrolment) -> TimeRequest | None:
    """What is asked for now, if anything; one query."""
    return TimeRequest.objects.open().filter(enrolment=enrolment).first()


def asked_for(enrolments: QuerySet[Enrolment]) -> TimeRequestQuerySet:
    """What is asked for in these enrolments, the longest waiting first; one query."""
    return (
        TimeRequest.objects.open()
        .filter(enrolment__in=enrolments)
        .select_related("enrolment__edition", "enrolment__member__user")
        .select_related("enrolment__member__reseller", "asked_by")
    )


def parts_elsewhere(asked: TimeRequest, zone: str) -> list[str]:
    """The parts of the day asked for, by another clock: "22:00–04:00 (London)".

    As on the next day that is asked for; a start on another date there is said.
    """
    own, other = ZoneInfo(asked.time_zone), ZoneInfo(zone)
    day = now().astimezone(own).date() + timedelta(days=1)
    while asked.weekdays and day.weekday() not in asked.weekdays:
        day += timedelta(days=1)
    written = []
    for part in asked.parts:
        first, last = HOURS[PartOfDay(part)]
        start = datetime.combine(day, time(first), own)
        end = datetime.combine(day, time(last), own)
        words = f"{times.clock(start, other)}–{times.clock(end, other)}"
        there = start.astimezone(other).date()
        if there != day:
            words = (
                _("%(times)s, from the day before")
                if there < day
                else _("%(times)s, the day after")
            ) % {"times": words}
        written.append(words)
    return written
