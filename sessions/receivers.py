"""What a call does when something changes in the rooms below."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver
from django.utils.translation import gettext as _

from courses.models import Enrolment
from courses.signals import enrolment_closed, programme_completed
from lms.people.models import User
from lms.people.signals import account_disabled
from sessions import asking
from sessions.cancelling import follow_successor, free_calls
from sessions.feeds import end_feed


@receiver(enrolment_closed)
def follow_or_free(
    *,
    enrolment: Enrolment,
    successor: Enrolment | None,
    by: User | None,
    **_more: Any,
) -> None:
    """Calls go on for the enrolment that takes its place; without one they end."""
    if successor is not None:
        follow_successor(enrolment, successor)
        asking.follow(enrolment, successor)
    else:
        asking.close_requests(enrolment)
        free_calls(enrolment, by=by, reason=_("The programme was closed."))


@receiver(programme_completed)
def free_what_is_not_needed(
    *, enrolment: Enrolment, by: User | None, **_more: Any
) -> None:
    """A call still to come has nothing left to cover."""
    asking.close_requests(enrolment)
    free_calls(enrolment, by=by, reason=_("The programme is complete."))


@receiver(account_disabled)
def free_calls_of_person(*, user: User, by: User | None, **_more: Any) -> None:
    """Who cannot sign in cannot come."""
    enrolments = Enrolment.objects.filter(
        bookings__trainee=user, bookings__in=user.bookings.coming()
    )
    for enrolment in enrolments.distinct():
        free_calls(enrolment, by=by, reason=_("The account was closed."))


@receiver(account_disabled)
def end_feed_of_person(*, user: User, by: User | None, **_more: Any) -> None:
    """Nor can their calendar app read on."""
    end_feed(user, by=by)
