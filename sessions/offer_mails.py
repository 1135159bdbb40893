"""Mail about times that are proposed: one for the whole offer, each in own zone.

Its links open a page; only a button there decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, cast
from uuid import UUID

from django.conf import settings
from django.urls import reverse

from lms.mail.outbox import drop, queue
from sessions.models import Booking

if TYPE_CHECKING:
    from lms.people.models import User


def offer_url(offer: UUID) -> str:
    """The page on which the offer is answered."""
    return f"{settings.PUBLIC_URL}{reverse('sessions:offer', args=[offer])}"


def tell_proposed(calls: Sequence[Booking]) -> None:
    """Tell the trainee what times they can choose from."""
    _tell(calls, "proposed", calls[0].trainee, expires_at=_last(calls))


def tell_earlier(call: Booking) -> None:
    """Tell the trainee of an earlier time than their call's."""
    _tell([call], "earlier", call.trainee, expires_at=call.proposed_until)


def tell_declined(calls: Sequence[Booking], line: str) -> None:
    """Tell the trainer that none of the times suits, in the trainee's words."""
    _tell(calls, "declined", calls[0].trainer.user, line=line)


def tell_not_needed(calls: Sequence[Booking]) -> None:
    """Tell the trainer that the trainee has another time now."""
    _tell(calls, "not_needed", calls[0].trainer.user)


def tell_withdrawn(calls: Sequence[Booking]) -> None:
    """Tell the trainee that the times are no longer offered."""
    _tell(calls, "withdrawn", calls[0].trainee)


def tell_covered(calls: Sequence[Booking]) -> None:
    """Tell both that no call is needed: its topics are covered."""
    for person in (calls[0].trainee, calls[0].trainer.user):
        _tell(calls, "covered", person)


def take_back(offer: UUID) -> None:
    """Do not send what is not sent yet about an offer that has ended."""
    for what in ("proposed", "earlier"):
        drop(_key(offer, what))


def _tell(
    calls: Sequence[Booking],
    what: str,
    person: User,
    *,
    line: str = "",
    expires_at: datetime | None = None,
) -> None:
    first = calls[0]
    offer = cast("UUID", first.offer)  # a proposal has one
    queue(
        f"{_key(offer, what)}{person.pk}",
        person,
        f"sessions/email/offer_{what}.txt",
        {
            "calls": calls,
            "trainer": first.trainer,
            "trainee": first.trainee,
            "enrolment": first.enrolment,
            "topics": list(first.topics.all()),
            "replaces": first.replaces,
            "line": line,
            "offer_url": offer_url(offer),
        },
        expires_at=expires_at,
    )


def _last(calls: Sequence[Booking]) -> datetime:
    return max(call.proposed_until for call in calls if call.proposed_until)


def _key(offer: UUID, what: str) -> str:
    return f"offer:{offer}:{what}:"
