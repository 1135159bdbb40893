"""What a call does when something changes in the rooms below."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.dispatch import receiver
from django.utils.translation import gettext as _

from courses.completing import lock
from courses.leaving import undo_until
from courses.models import Enrolment
from courses.signals import enrolment_closed, programme_completed
from lms.mail.forgetting import forget_mail
from lms.people.models import Member, User
from lms.people.signals import (
    account_disabled,
    membership_changed,
    person_erased,
    signed_out,
)
from sessions import asking
from sessions.cancelling import OPEN, follow_successor, free_calls
from sessions.feeds import end_feed
from sessions.models import (
    BoardTopic,
    Booking,
    BookingState,
    BookingTopic,
    CallBoard,
    CallFeedback,
    CallMessage,
    Dispute,
    OutsideCalendar,
    Signal,
    TeamFeed,
    TimeRequest,
    Trainer,
)
from sessions.outside import remove_calendar
from sessions.presence import end_signed_out


@receiver(enrolment_closed)
def follow_or_free(
    *,
    enrolment: Enrolment,
    successor: Enrolment | None,
    by: User | None,
    **_more: Any,
) -> None:
    """Calls go on for the enrolment that takes its place; without one they end.

    Who is still there keeps what is booked for a day: `left.free_left` ends it then.
    """
    why = enrolment.closed_why or _("The programme was closed.")
    if successor is not None:
        follow_successor(enrolment, successor)
        asking.follow(enrolment, successor)
    elif undo_until(enrolment):
        free_calls(enrolment, by=by, reason=why, states=[BookingState.PROPOSED])
    else:
        asking.close_requests(enrolment)
        free_calls(enrolment, by=by, reason=why)


@receiver(programme_completed)
def free_what_is_not_needed(
    *, enrolment: Enrolment, by: User | None, **_more: Any
) -> None:
    """A call still to come has nothing left to cover."""
    asking.close_requests(enrolment)
    free_calls(enrolment, by=by, reason=_("The programme is complete."))


@receiver(account_disabled)
def free_calls_of_person(*, user: User, by: User | None, **_more: Any) -> None:
    """Who cannot sign in cannot come, answer what is proposed, or ask on.

    A trainer's own calls the clock sees to: see `absence.see_to_closed_accounts`.
    """
    enrolments = Enrolment.objects.filter(
        Q(bookings__in=user.bookings.filter(state__in=OPEN))
        | Q(time_requests__in=TimeRequest.objects.open(), member__user=user)
    )
    for enrolment in enrolments.distinct().order_by("pk"):
        enrolment = lock(enrolment)
        asking.close_requests(enrolment)
        free_calls(enrolment, by=by, reason=_("The account was closed."))


@receiver([account_disabled, person_erased])
def end_feed_of_person(*, user: User, by: User | None, **_more: Any) -> None:
    """Nor can their calendar app read on."""
    end_feed(user, by=by)


@receiver(signed_out)
def leave_rooms_signed_out_of(*, user: User, sign_ins: list[int], **_more: Any) -> None:
    """Who signs out in another tab is gone from the room too: the other side sees it."""
    end_signed_out(user, sign_ins)


@receiver(membership_changed)
def end_feed_of_who_left(*, member: Member, by: User | None, **_more: Any) -> None:
    """Nor can the calendar app of somebody with no company left, and no calls to hold."""
    if member.is_live or Member.objects.live().filter(user=member.user_id).exists():
        return
    if not Trainer.objects.filter(user=member.user_id, is_active=True).exists():
        end_feed(member.user, by=by)


@receiver(person_erased)
def forget_other_calendars(*, user: User, by: User | None, **_more: Any) -> None:
    """The addresses of a trainer's other calendars are theirs, and open by themselves."""
    for calendar in OutsideCalendar.objects.filter(trainer__user=user):
        remove_calendar(calendar, by=by)


@receiver(person_erased)
def forget_words_of_person(*, user: User, **_more: Any) -> None:
    """Notes, reasons and mail on their calls go; times and outcomes stay."""
    calls = Booking.objects.filter(trainee=user)
    calls.update(reason="")
    held = Booking.objects.filter(Q(trainee=user) | Q(trainer__user=user))
    held.exclude(room_url="", guest_name="").update(
        room_url="", guest_name="", guest_role=""
    )
    BookingTopic.objects.filter(booking__in=calls).update(note="", private_note="")
    BoardTopic.objects.filter(topic__booking__in=calls).delete()
    CallBoard.objects.filter(booking__in=calls).update(question="")
    CallFeedback.objects.filter(booking__in=calls).update(missing="")
    Dispute.objects.filter(Q(by=user) | Q(booking__in=calls)).update(text="", answer="")
    TimeRequest.objects.filter(enrolment__member__user=user).update(note="")
    CallMessage.objects.filter(Q(by=user) | Q(to=user)).update(text="")
    Signal.objects.filter(Q(by__user=user) | Q(to__user=user)).delete()
    Trainer.objects.filter(user=user).update(room_url="")
    of_calls = Q(pk=None)
    for pk in calls.values_list("pk", flat=True):
        of_calls |= Q(key__startswith=f"call:{pk}:")
    forget_mail(of_calls)
    TeamFeed.objects.filter(member__user=user).delete()
