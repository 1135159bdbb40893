"""A trainer cannot work, or leaves: every call of theirs is handed over or freed.

Each call is a transaction of its own, which looks again once it holds the locks: two
clicks at once, a crash in the middle and a second run all end alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from schedule.models import Event

from courses.completing import lock
from lms.audit.log import record
from lms.errors import Refused
from lms.people.models import User
from sessions import days, offer_mails
from sessions.asking import reopen_request
from sessions.booking import despite_deadlock, lock_trainer
from sessions.cancelling import lock_call
from sessions.feeds import end_feed
from sessions.handing_over import ask_to_choose_again, colleagues_free, hand_over
from sessions.models import (
    Booking,
    BookingQuerySet,
    BookingState,
    Trainer,
)
from sessions.offers import Offer, as_offers, free, open_proposals

LONGEST_ABSENCE = timedelta(days=366)


class Fate(StrEnum):
    """What becomes of a call whose trainer cannot hold it."""

    HANDED = "handed"
    ASKED = "asked"
    LEFT = "left"  # as it is: the trainer is in it, or nobody can take it
    GONE = "gone"  # somebody else moved, cancelled or handed it over meanwhile


@dataclass
class Outcome:
    """What happened, call by call; each call as it stands now."""

    handed: list[Booking] = field(default_factory=list)
    asked: list[Booking] = field(default_factory=list)
    left: list[Booking] = field(default_factory=list)
    withdrawn: int = 0


def cannot_work(
    trainer: Trainer, start: datetime, end: datetime, *, by: User, reason: str
) -> Outcome:
    """Free a trainer from `start` to before `end` (UTC): nobody is forgotten.

    First the time is closed, so that nothing new is booked, and own proposals there
    are withdrawn. Then each booked call goes to a colleague who is qualified and free
    (the least busy first), or else its trainee is asked once to choose again. A call
    that the trainer is in, or was, is left to its sign-off. Safe to repeat. By the trainer or the channel team; raises
    Refused for all others, without a reason, and for a time `days.close` refuses.
    """
    if by.pk != trainer.user_id and not by.may_change_people:
        raise Refused(_("Only the trainer or the channel team can say this."))
    if not reason.strip():
        raise Refused(_("Please say in a few words why."))
    if end - start > LONGEST_ABSENCE:
        raise Refused(_("That is more than a year. Choose an earlier end."))
    days.close(trainer, start, end, by=by, title=_("Cannot work"))
    record(by, "cannot_work", trainer, start=start.isoformat(), end=end.isoformat())
    outcome = Outcome(withdrawn=withdraw_proposals(trainer, start, end, by=by))
    for call in calls_between(trainer, start, end):
        _note(outcome, *_reseat(call, trainer, (start, end), by=by, reason=reason))
    return outcome


def calls_between(
    trainer: Trainer, start: datetime, end: datetime | None = None
) -> BookingQuerySet:
    """The trainer's booked calls not over yet that take any of this time, in order."""
    calls = Booking.objects.filter(
        trainer=trainer,
        state=BookingState.BOOKED,
        ends_at__gt=max(start, now()),
    ).order_by("starts_at", "pk")
    return calls.filter(starts_at__lt=end) if end else calls


def proposals_between(
    trainer: Trainer, start: datetime, end: datetime | None = None
) -> BookingQuerySet:
    """The trainer's open proposals that take any of this time, in order."""
    proposals = open_proposals().filter(trainer=trainer, ends_at__gt=start)
    return proposals.filter(starts_at__lt=end) if end else proposals


def withdraw_proposals(
    trainer: Trainer, start: datetime, end: datetime | None = None, *, by: User
) -> int:
    """Take back what the trainer proposed for this time; return how many."""
    withdrawn = 0
    found = proposals_between(trainer, start, end).select_related("enrolment__member")
    for offer in as_offers(found):
        withdrawn += despite_deadlock(partial(_withdraw, offer, by))
    return withdrawn


@transaction.atomic
def _withdraw(offer: Offer, by: User) -> int:
    """Free these times of an offer; its trainee is told once none of it is left."""
    enrolment = lock(offer.calls[0].enrolment)
    freed = free(
        Q(pk__in=[call.pk for call in offer.calls], proposed_until__gt=now()),
        by=by,
        reason=_("The trainer cannot come then."),
    )
    left = open_proposals().filter(offer=offer.pk, enrolment=enrolment)
    if freed and not left.exists():
        offer_mails.take_back(offer.pk)
        reopen_request(enrolment)
        if not offer.is_earlier:
            offer_mails.tell_withdrawn(freed)
    return len(freed)


def spread(trainer: Trainer, *, by: User) -> Outcome:
    """Hand every coming call to a colleague who is free, the least busy first.

    Those that nobody can take, and one that has begun, are left. Safe to repeat.
    """
    outcome = Outcome()
    for call in calls_between(trainer, now()):
        _note(outcome, *_reseat(call, trainer, None, by=by, reason=""))
    return outcome


def see_to(
    trainer: Trainer, calls: Iterable[Booking], *, by: User, reason: str
) -> Outcome:
    """Hand each of these calls over, or else ask its trainee once to choose again.

    One that has moved or gone meanwhile is let be. Safe to repeat.
    """
    outcome = Outcome()
    for call in calls:
        span = (call.starts_at, call.ends_at)
        _note(outcome, *_reseat(call, trainer, span, by=by, reason=reason))
    return outcome


def _reseat(
    call: Booking,
    away: Trainer,
    span: tuple[datetime, datetime] | None,
    *,
    by: User,
    reason: str,
) -> tuple[Fate, Booking]:
    return despite_deadlock(partial(_reseat_one, call, away, span, by, reason))


@transaction.atomic
def _reseat_one(
    call: Booking,
    away: Trainer,
    span: tuple[datetime, datetime] | None,
    by: User,
    reason: str,
) -> tuple[Fate, Booking]:
    """Hand one call over, or with a reason ask its trainee to choose again.

    Under the call's locks nobody else can move, cancel or hand it over; a colleague
    who is taken meanwhile leaves the next one.
    """
    call = lock_call(call)
    is_theirs = call.trainer_id == away.pk and call.state == BookingState.BOOKED
    if not is_theirs or (span and not _meets(call, span)):
        return Fate.GONE, call
    if is_on(call):
        return Fate.LEFT, call
    if call.starts_at > now():
        for colleague in colleagues_free(call):
            try:
                with transaction.atomic():  # else its lock would stay
                    return Fate.HANDED, hand_over(call, colleague, by=by)
            except Refused:
                continue
    if not reason:
        return Fate.LEFT, call
    try:
        return Fate.ASKED, ask_to_choose_again(call, by=by, reason=reason)
    except Refused:  # such as one whose trainee it is who says this
        return Fate.LEFT, call


def _meets(call: Booking, span: tuple[datetime, datetime]) -> bool:
    start, end = span
    return call.starts_at < end and start < call.ends_at


def _note(outcome: Outcome, fate: Fate, call: Booking) -> None:
    if fate != Fate.GONE:
        getattr(outcome, fate).append(call)


def see_to_closed_accounts() -> int:
    """Free trainers whose account is closed; return how many calls that changed.

    Who cannot sign in cannot come: each call goes to a colleague who is free, or its
    trainee is asked to choose again, and proposals are withdrawn. Safe to repeat.
    """
    gone = Trainer.objects.filter(
        user__is_active=False,
        bookings__state__in=[BookingState.BOOKED, BookingState.PROPOSED],
        bookings__ends_at__gt=now(),
    ).select_related("user")
    changed = 0
    for trainer in gone.distinct():
        withdrawn = withdraw_proposals(trainer, now(), by=trainer.user)
        calls = calls_between(trainer, now())
        reason = _("Your trainer no longer holds calls.")
        outcome = see_to(trainer, calls, by=trainer.user, reason=reason)
        changed += withdrawn + len(outcome.handed) + len(outcome.asked)
    return changed


def withdraw_not_held() -> int:
    """Withdraw times proposed for what their trainer holds no longer; return how many.

    A programme taken from them in the CMS, or all calls. The trainee is told; a call
    that is booked stays as agreed. Safe to repeat.
    """
    held = Trainer.objects.filter(
        pk=OuterRef("trainer"),
        is_active=True,
        programmes=OuterRef("enrolment__programme"),
    )
    found = open_proposals().exclude(Exists(held))
    offers = as_offers(found.select_related("enrolment__member", "trainer__user"))
    return sum(
        despite_deadlock(partial(_withdraw, offer, offer.calls[0].trainer.user))
        for offer in offers
    )


# --- Before it is done: what would happen -----------------------------------------


@dataclass(frozen=True)
class Prospect:
    """A call that an absence hits, and who could take it, the least busy first."""

    call: Booking
    colleagues: list[Trainer]
    is_on: bool  # it has begun, and the trainer is in it

    @property
    def has_begun(self) -> bool:
        return self.call.starts_at <= now()

    @property
    def colleague(self) -> Trainer | None:
        """Who would take it, if nobody takes them first."""
        return self.colleagues[0] if self.colleagues else None


def prospects(calls: Iterable[Booking]) -> list[Prospect]:
    """Say of each call who could take it now; seven queries at most for each call."""
    return [
        Prospect(
            call,
            [] if call.starts_at <= now() else colleagues_free(call),
            is_on(call),
        )
        for call in calls
    ]


def is_on(call: Booking) -> bool:
    """Whether a call has begun and its trainer came: it is left to its sign-off."""
    return call.starts_at <= now() and call.trainer_joined_at is not None


# --- A trainer leaves ----------------------------------------------------------------


def let_go(trainer: Trainer, *, by: User) -> Trainer:
    """End a trainer's work: no calls, no hours, no feed; programmes stay on record.

    Proposals are withdrawn. The way back is the CMS: "Takes calls". Raises Refused
    while calls are booked, and for all but the channel team. Again changes nothing.
    """
    if not by.may_change_people:
        raise Refused(_("Only the channel team can let a trainer go."))
    withdraw_proposals(trainer, now(), by=by)
    return despite_deadlock(partial(_end_work, trainer, by))


@transaction.atomic
def _end_work(trainer: Trainer, by: User) -> Trainer:
    trainer = lock_trainer(trainer.pk)  # a booking waits, and then finds nobody
    if not trainer.is_active:
        return trainer
    if left := calls_between(trainer, now()).count():
        raise Refused(
            ngettext(
                "%(number)d call is still booked with %(name)s. Hand it over first, "
                "or ask the trainee to choose again.",
                "%(number)d calls are still booked with %(name)s. Hand them over "
                "first, or ask the trainees to choose again.",
                left,
            )
            % {"number": left, "name": trainer.user}
        )
    if proposals_between(trainer, now()).exists():
        raise Refused(_("A time has just been proposed. Please try again."))
    trainer.is_active = False
    trainer.save(update_fields=["is_active"])
    weekly = Event.objects.filter(calendar=trainer.hours_id)
    weekly.update(end_recurring_period=now())
    Event.objects.filter(calendar=trainer.extra_id, start__gt=now()).delete()
    end_feed(trainer.user, by=by)
    trainer.outside_calendars.all().delete()  # each address is a key of theirs
    record(by, "let_go", trainer, user=trainer.user_id)
    return trainer
