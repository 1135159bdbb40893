"""Calls with nothing left to cover: their topics were completed some other way.

By an exemption, say. The clock looks for them, and ends each under its own locks.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils.timezone import now
from django.utils.translation import gettext as _

from courses.models import TopicCompletion
from sessions import mails, offer_mails
from sessions.booking import despite_deadlock
from sessions.cancelling import OPEN, end_call, lock_call
from sessions.models import (
    Booking,
    BookingQuerySet,
    BookingState,
    BookingTopic,
    Cause,
)
from sessions.offers import open_proposals
from sessions.waiting import note_freed


def end_covered(*, ends_before: datetime | None = None) -> int:
    """End what is still to come and has every topic complete; return how many.

    Booked or proposed; both sides are told, and it is nobody's lateness. Safe to
    repeat. One query where there is none. `ends_before` looks at what ends until then
    alone, found by an index, instead of at every call that is open.
    """
    found = _covered().select_related("enrolment__member").order_by("pk")
    if ends_before is not None:
        found = found.filter(ends_at__gt=now(), ends_at__lt=ends_before)
    return sum(despite_deadlock(partial(_end, call)) for call in found)


def _covered() -> BookingQuerySet:
    """Calls to come of which every topic is complete; an earlier time follows its call."""
    topics = BookingTopic.objects.filter(booking=OuterRef("pk"))
    complete = TopicCompletion.objects.filter(
        enrolment=OuterRef("booking__enrolment"),
        topic=OuterRef("topic"),
        voided_at=None,
    )
    return Booking.objects.filter(
        Exists(topics),
        ~Exists(topics.exclude(Exists(complete))),
        state__in=OPEN,
        starts_at__gt=now(),
        replaces=None,
    )


@transaction.atomic
def _end(call: Booking) -> bool:
    """End one; False where it has changed meanwhile."""
    call = lock_call(call)
    if not _covered().filter(pk=call.pk).exists():
        return False
    was_booked = call.state == BookingState.BOOKED
    end_call(call, by=None, reason=_("Its topics are covered."), cause=Cause.BYTEKAST)
    if was_booked:
        mails.tell_cancelled(call, is_covered=True)
        note_freed(call.trainer, call.starts_at, call.ends_at)
    elif call.offer is not None:
        _close_offer(call)
    return True


def _close_offer(call: Booking) -> None:
    """Tell both once none of the times is left, and send no offer any more."""
    offer = Booking.objects.filter(offer=call.offer, trainee=call.trainee_id)
    if call.offer and not open_proposals().filter(pk__in=offer.values("pk")).exists():
        offer_mails.take_back(call.offer)
        offer_mails.tell_covered(list(offer.order_by("starts_at")))
