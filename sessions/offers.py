"""Offers: times proposed together, or an earlier time for a booked call.

What is open of them, and how one ends. Taking one is in `sessions.proposals`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext as _

from courses.models import EditionTopic, Enrolment
from lms.audit.log import record
from lms.errors import Refused
from lms.people.models import User
from sessions import offer_mails
from sessions.models import Booking, BookingQuerySet, BookingState

REASON_LENGTH = 300


@dataclass(frozen=True)
class Offer:
    """The proposals made to one person together, in order; at least one."""

    calls: Sequence[Booking]

    @property
    def pk(self) -> UUID:
        return cast(UUID, self.calls[0].offer)  # a proposal has one

    @property
    def is_earlier(self) -> bool:
        """Whether it is an earlier time for a call that is booked."""
        return self.calls[0].replaces_id is not None

    @property
    def open(self) -> list[Booking]:
        """Those that can still be taken."""
        return [call for call in self.calls if is_open(call)]

    @property
    def taken(self) -> Booking | None:
        """The call that came of it."""
        if self.is_earlier:
            replaced = self.calls[0].replaces
            moved = replaced is not None and any(
                replaced.starts_at == call.starts_at for call in self.calls
            )
            return replaced if moved else None
        return next((call for call in self.calls if was_agreed(call)), None)

    @property
    def until(self) -> datetime | None:
        """When the first of those still open runs out."""
        return min(
            (call.proposed_until for call in self.open if call.proposed_until),
            default=None,
        )

    @property
    def ended_by(self) -> User | None:
        """Who ended it: None for nobody, when it ran out."""
        return max(self.calls, key=lambda call: call.ended_at or now()).ended_by


def is_open(call: Booking) -> bool:
    """Whether it is a proposal that can still be taken."""
    return (
        call.state == BookingState.PROPOSED
        and call.proposed_until is not None
        and call.proposed_until > now()
    )


def was_agreed(call: Booking) -> bool:
    """Whether it is, or was, a call and not only a proposal: see `agreed()`."""
    if call.state == BookingState.PROPOSED:
        return False
    return not (call.state == BookingState.CANCELLED and call.sequence == 0)


def require_offered_to(proposal: Booking, by: User) -> None:
    """Refuse anybody but the one whom the time was offered to."""
    if proposal.trainee_id != by.pk:
        raise Refused(_("Only the person to whom it is offered can answer."))


def open_proposals() -> BookingQuerySet:
    """The proposals that can still be taken."""
    return Booking.objects.filter(
        state=BookingState.PROPOSED, proposed_until__gt=now()
    ).order_by("starts_at", "pk")


def open_offers(user: User) -> list[Offer]:
    """What somebody has been offered and not answered, the soonest first; one query."""
    calls = (
        open_proposals()
        .filter(trainee=user)
        .select_related("trainer__user", "enrolment__edition", "replaces")
    )
    return as_offers(calls)


def offers_of(enrolments: Sequence[int]) -> dict[int, Offer]:
    """The open offers in these enrolments, one of each; one query."""
    calls = open_proposals().filter(enrolment__in=enrolments, replaces=None)
    offers = as_offers(calls.select_related("trainer__user"))
    return {offer.calls[0].enrolment_id: offer for offer in offers}


def as_offers(calls: Iterable[Booking]) -> list[Offer]:
    """Put proposals together that were made together, each in its order."""
    by_offer: dict[tuple[UUID | None, int], list[Booking]] = {}
    for call in calls:
        by_offer.setdefault((call.offer, call.trainee_id), []).append(call)
    return [Offer(calls) for calls in by_offer.values()]


def free(whose: Q, *, by: User | None, reason: str) -> list[Booking]:
    """Cancel proposals, so that their times are free again; return them.

    The caller holds the trainee's and the enrolment's locks. Nobody is told.
    """
    proposals = list(
        Booking.objects.select_for_update(of=("self",), no_key=True)
        .select_related("enrolment__edition", "trainee", "trainer__user")
        .filter(whose, state=BookingState.PROPOSED)
        .order_by("pk")
    )
    for proposal in proposals:
        proposal.state = BookingState.CANCELLED
        proposal.proposed_until = None
        proposal.ended_at = now()
        proposal.ended_by = by
        proposal.reason = reason[:REASON_LENGTH]
        proposal.save(
            update_fields=["state", "proposed_until", "ended_at", "ended_by", "reason"]
        )
        record(by, "freed", proposal, enrolment=proposal.enrolment_id)
    return proposals


def free_those_on(
    enrolment: Enrolment, topics: Sequence[EditionTopic], *, by: User
) -> None:
    """End the offers of these topics, which are being booked; their trainers are told.

    The caller holds the enrolment's lock, and no trainer's yet.
    """
    on_them = Booking.objects.filter(
        enrolment=enrolment,
        state=BookingState.PROPOSED,
        replaces=None,
        topics__topic__in=[topic.topic_id for topic in topics],
    )
    pks = list(on_them.values_list("offer", flat=True).distinct())
    if not pks:
        return
    freed = free(
        Q(offer__in=pks, enrolment=enrolment),
        by=by,
        reason=_("Another time is booked."),
    )
    for offer in as_offers(freed):
        offer_mails.take_back(offer.pk)
        if offer.calls[0].trainer.user_id != by.pk:
            offer_mails.tell_not_needed(offer.calls)
