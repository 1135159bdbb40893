"""How trainees found their calls: two questions, counted, never shown singly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

from django.db import models, transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lms.audit.log import record
from lms.errors import Refused
from lms.people.models import User
from sessions.cancelling import lock_call
from sessions.models import Booking, BookingState, CallFeedback

OPEN_FOR = timedelta(days=14)  # after the sign-off
AT_LEAST = 5  # people, before anything is shown of what they said
MISSING_LENGTH = 2000


class Rating(models.IntegerChoices):
    """How it was, in a word."""

    VERY_GOOD = 5, gettext_lazy("Very good")
    GOOD = 4, gettext_lazy("Good")
    FAIR = 3, gettext_lazy("Fair")
    WEAK = 2, gettext_lazy("Not so good")
    POOR = 1, gettext_lazy("Poor")


def is_open(booking: Booking) -> bool:
    """Tell whether the trainee can still say how the call was."""
    signed = booking.signed_off_at
    return (
        booking.state == BookingState.DONE
        and signed is not None
        and now() < signed + OPEN_FOR
    )


@transaction.atomic
def give(booking: Booking, rating: Rating, missing: str, *, by: User) -> CallFeedback:
    """Keep how the trainee found a call; until two weeks after it they may change it.

    The log says that they did, not what. Raises Refused for others, and afterwards.
    """
    booking = lock_call(booking)
    if by.pk != booking.trainee_id:
        raise Refused(_("Only the trainee of a call says how it was."))
    if not is_open(booking):
        raise Refused(
            _("It is too late to say how this call was. Thank you all the same.")
        )
    said, made = CallFeedback.objects.update_or_create(
        booking=booking, defaults={"rating": rating, "missing": missing.strip()}
    )
    if made:
        record(by, "gave_feedback", booking, enrolment=booking.enrolment_id)
    return said


class Said(NamedTuple):
    """One answer, with whom it is from: to count people, never to show."""

    trainee: int
    rating: int
    missing: str


@dataclass
class Group:
    """What was said of calls with one trainer, or on one topic."""

    name: str
    said: list[Said] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self.said)

    @property
    def average(self) -> float:
        return sum(one.rating for one in self.said) / len(self.said)

    @property
    def counts(self) -> list[tuple[str, int]]:
        """How often each word was chosen, the best first."""
        return [
            (str(rating.label), sum(one.rating == rating for one in self.said))
            for rating in Rating
        ]

    @property
    def missing(self) -> list[str]:
        """What was missing, from as many people on; in no order that tells whose."""
        written = [one for one in self.said if one.missing]
        if len({one.trainee for one in written}) < AT_LEAST:
            return []
        return sorted({one.missing for one in written}, key=str.casefold)


def groups(rows: Iterable[tuple[str, int, int, str]]) -> list[Group]:
    """Gather rows of (name, trainee, rating, missing); only what enough people said."""
    by_name: dict[str, list[Said]] = defaultdict(list)
    for name, trainee, rating, missing in rows:
        by_name[name].append(Said(trainee, rating, missing))
    return [
        Group(name, said)
        for name, said in sorted(by_name.items())
        if len({one.trainee for one in said}) >= AT_LEAST
    ]


def by_trainer() -> list[Group]:
    """What was said of each trainer's calls; one query."""
    return groups(
        CallFeedback.objects.values_list(
            "booking__trainer__user__full_name",
            "booking__trainee",
            "rating",
            "missing",
        )
    )


def by_topic() -> list[Group]:
    """What was said of calls on each topic; one query."""
    return groups(
        CallFeedback.objects.values_list(
            "booking__topics__title", "booking__trainee", "rating", "missing"
        )
    )
