"""A trainer proposes up to three times; the trainee takes one, or none (Policy 1).

Each blocks both sides until it is answered or runs out. Locks as in booking: the
trainee, the enrolment, the proposals, the trainer.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import cast
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from courses.completing import lock
from courses.models import EditionTopic, Enrolment
from lms.audit.log import record
from lms.errors import Refused
from lms.mail import times
from lms.people.models import User
from sessions import mails, offer_mails
from sessions.asking import close_requests, reopen_request
from sessions.booking import (
    TimeTaken,
    Wish,
    despite_deadlock,
    keys,
    length_of,
    lock_trainer,
    require_ready,
    take_first,
)
from sessions.cancelling import end_run_out, lock_call
from sessions.earlier import take_earlier
from sessions.models import Booking, BookingState, Cause, Origin, Trainer
from sessions.offers import (
    Offer,
    free,
    free_those_on,
    is_open,
    open_proposals,
    require_offered_to,
    was_agreed,
)
from sessions.reminders import remind
from sessions.scheduling import require_own, require_possible
from sessions.waiting import ask_the_next

MOST_TIMES = 3


def propose(
    trainer: Trainer,
    enrolment: Enrolment,
    topics: Sequence[EditionTopic],
    starts: Sequence[datetime],
    *,
    request_key: UUID,
    any_hours: bool = False,
) -> list[Booking]:
    """Propose up to three times for one call, in UTC, all or none (Policy 1).

    The trainer's notice is theirs to waive; with `any_hours` their hours too, never
    another call. The trainee is told once. Asking again with the same `request_key`
    returns the first proposals. Raises Refused in words, TimeTaken when one of the
    times is not free.
    """
    require_own(trainer, enrolment)
    return despite_deadlock(
        lambda: _propose(
            trainer, enrolment, topics, sorted(starts), request_key, any_hours
        )
    )


@transaction.atomic
def _propose(
    trainer: Trainer,
    enrolment: Enrolment,
    topics: Sequence[EditionTopic],
    starts: Sequence[datetime],
    request_key: UUID,
    any_hours: bool,
) -> list[Booking]:
    enrolment = lock(enrolment)
    if made := _made_before(trainer, enrolment, request_key):
        return made
    end_run_out(Q(trainee=enrolment.member.user_id))
    require_ready(enrolment, topics)
    _require_no_other_offer(enrolment, topics)
    length = length_of(topics)
    _require_apart(starts, length, trainer)
    require_possible(trainer, enrolment, starts, length)
    calls = []
    for starts_at, key in zip(starts, keys(request_key), strict=False):
        wish = Wish(
            topics,
            starts_at,
            key,
            trainer.user,
            trainer,
            origin=Origin.TRAINER,
            any_hours=any_hours,
            offer=request_key,
            proposed_until=min(now() + settings.PROPOSAL_LIFE, starts_at),
        )
        calls.append(_take_one(enrolment, wish))
    close_requests(enrolment, calls[0])
    record(trainer.user, "proposed", calls[0], enrolment=enrolment.pk, times=len(calls))
    offer_mails.tell_proposed(calls)
    return calls


def _made_before(
    trainer: Trainer, enrolment: Enrolment, request_key: UUID
) -> list[Booking]:
    made = list(
        Booking.objects.filter(Q(offer=request_key) | Q(request_key=request_key))
    )
    if any(
        call.offer != request_key
        or call.trainer_id != trainer.pk
        or call.trainee_id != enrolment.member.user_id
        for call in made
    ):
        raise Refused(_("This form was used already. Open the page again."))
    return made


def _take_one(enrolment: Enrolment, wish: Wish) -> Booking:
    try:
        return take_first(enrolment, wish)
    except TimeTaken:
        raise TimeTaken(
            _("%(time)s is not free, or no longer. Please choose another.")
            % {"time": times.moment(wish.starts_at, wish.by.time_zone)}
        ) from None


def _require_no_other_offer(
    enrolment: Enrolment, topics: Sequence[EditionTopic]
) -> None:
    """Refuse a second open offer of the same topics: one is waiting for an answer."""
    other = (
        open_proposals()
        .filter(
            enrolment=enrolment,
            replaces=None,
            topics__topic__in=[topic.topic_id for topic in topics],
        )
        .select_related("trainer__user")
        .first()
    )
    if other is not None:
        raise Refused(
            _(
                "%(trainer)s has proposed times for this already, and they wait for an "
                "answer. Once that is answered, withdrawn or run out, propose others."
            )
            % {"trainer": other.trainer}
        )


def _require_apart(
    starts: Sequence[datetime], length: timedelta, trainer: Trainer
) -> None:
    if not starts:
        raise Refused(_("Choose at least one time."))
    if len(starts) > MOST_TIMES:
        raise Refused(
            ngettext(
                "Propose at most %(most)d time.",
                "Propose at most %(most)d times.",
                MOST_TIMES,
            )
            % {"most": MOST_TIMES}
        )
    for one, next_one in pairwise(starts):
        if next_one < one + length + trainer.rest:
            raise Refused(
                _(
                    "The times must not overlap, your rest after a call included: "
                    "choose others than %(one)s and %(other)s."
                )
                % {
                    "one": times.moment(one, trainer.user.time_zone),
                    "other": times.moment(next_one, trainer.user.time_zone),
                }
            )


# --- The answer --------------------------------------------------------------------


def take(proposal: Booking, *, by: User) -> Booking:
    """Take one of the times proposed: it is booked, and the others are free again.

    Of an earlier time: the booked call is moved there. Taking it again returns the
    call. Raises Refused once it was answered, withdrawn, or ran out.
    """
    if proposal.replaces_id is not None:
        return take_earlier(proposal, by=by)
    return despite_deadlock(lambda: _take(proposal, by))


@transaction.atomic
def _take(proposal: Booking, by: User) -> Booking:
    proposal = lock_call(proposal)
    require_offered_to(proposal, by)
    if proposal.state in (BookingState.BOOKED, BookingState.DONE, BookingState.MISSED):
        return proposal
    if not is_open(proposal):
        raise Refused(_why_not(proposal))
    topics = _agenda(proposal)
    require_ready(proposal.enrolment, topics)
    _require_still_there(lock_trainer(proposal.trainer_id), proposal)
    proposal.state = BookingState.BOOKED
    proposal.proposed_until = None
    proposal.sequence += 1  # from now on it is a call: see `agreed()`
    proposal.save(update_fields=["state", "proposed_until", "sequence"])
    proposal.topics.update(booked_for=proposal.enrolment)
    _end_the_others(proposal, topics, by)
    record(
        by,
        "booked",
        proposal,
        enrolment=proposal.enrolment_id,
        trainer=proposal.trainer_id,
    )
    mails.tell_booked(proposal)
    remind(proposal)
    return proposal


def _end_the_others(
    proposal: Booking, topics: Sequence[EditionTopic], by: User
) -> None:
    free(
        Q(offer=proposal.offer, trainee=proposal.trainee_id),
        by=by,
        reason=_("Another of the times was taken."),
    )
    offer_mails.take_back(cast(UUID, proposal.offer))
    free_those_on(proposal.enrolment, topics, by=by)
    close_requests(proposal.enrolment)


def _agenda(proposal: Booking) -> list[EditionTopic]:
    """What the edition asks for in the proposal's topics."""
    wanted = [row.topic_id for row in proposal.topics.all()]
    asked = {row.topic_id: row for row in proposal.enrolment.edition.topics.all()}
    return [asked[pk] for pk in wanted if pk in asked]


def _require_still_there(trainer: Trainer, proposal: Booking) -> None:
    programmes = trainer.programmes.filter(pk=proposal.enrolment.programme_id)
    if not (trainer.is_active and trainer.user.is_active and programmes.exists()):
        raise Refused(
            _("%(trainer)s no longer holds these calls. Please choose another time.")
            % {"trainer": trainer}
        )


def _why_not(proposal: Booking) -> str:
    """Say why a proposal can no longer be taken."""
    calls = Booking.objects.filter(offer=proposal.offer, trainee=proposal.trainee_id)
    offer = Offer(list(calls.select_related("ended_by")))
    taken = offer.taken
    if taken is not None and taken.state != BookingState.CANCELLED:
        return _("You took another of these times: %(time)s.") % {
            "time": times.moment(taken.starts_at, proposal.trainee.time_zone)
        }
    if proposal.cause == Cause.BYTEKAST:
        return _("The topics are covered: you need no call on them.")
    if proposal.state == BookingState.PROPOSED or proposal.ended_by_id is None:
        return _("This time was offered for a while, and that has run out.")
    if was_agreed(proposal):
        return _("The call at this time was cancelled.")
    if proposal.ended_by_id == proposal.trainee_id:
        return _("You said that this time does not suit, or booked another.")
    return _("This time was withdrawn.")


@transaction.atomic
def decline(offer: UUID, *, by: User, line: str = "") -> None:
    """Say that none of the times suits: all are free at once, the trainer is told.

    `line` is the trainee's own words, "" for none. Declining again changes nothing.
    Raises Refused once one was taken, or they were withdrawn or ran out.
    """
    calls = _lock_offer(Q(offer=offer, trainee=by))
    if not any(call.state == BookingState.PROPOSED for call in calls):
        if all(call.ended_by_id == by.pk and not was_agreed(call) for call in calls):
            return
        raise Refused(_("These times are no longer open: there is nothing to answer."))
    freed = free(Q(offer=offer, trainee=by), by=by, reason=line or _("Does not suit."))
    offer_mails.take_back(offer)
    reopen_request(freed[0].enrolment)
    if freed[0].replaces_id is None:
        offer_mails.tell_declined(freed, line)
    else:
        ask_the_next()


@transaction.atomic
def withdraw(offer: UUID, *, by: User) -> None:
    """Take back what is still open of an offer, as its trainer; the trainee is told.

    Withdrawing again changes nothing. Raises Refused once a time was taken.
    """
    calls = _lock_offer(Q(offer=offer, trainer__user=by, replaces=None))
    if any(was_agreed(call) for call in calls):
        raise Refused(
            _("One of the times was taken already. You can cancel that call.")
        )
    freed = free(Q(offer=offer), by=by, reason=_("Withdrawn."))
    offer_mails.take_back(offer)
    if freed:
        reopen_request(freed[0].enrolment)
        offer_mails.tell_withdrawn(freed)


def _lock_offer(whose: Q) -> list[Booking]:
    """Lock the trainee and the enrolment of an offer; return its proposals."""
    first = Booking.objects.filter(whose).order_by("starts_at").first()
    if first is None:
        raise Refused(_("There is no such offer."))
    lock(first.enrolment)
    return list(Booking.objects.filter(whose).order_by("starts_at"))
