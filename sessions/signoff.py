"""The trainer's word on a call: topic by topic, and what it completes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from courses.models import EditionTopic, Evidence, EvidenceKind
from courses.progress import Progress, record_evidence, void_evidence
from lms.audit.log import record
from lms.errors import Refused
from lms.people.models import User
from sessions import mails
from sessions.board import drop_drafts, take_up_again
from sessions.cancelling import SOURCE, lock_call
from sessions.models import (
    BoardTopic,
    Booking,
    BookingState,
    BookingTopic,
    Outcome,
)
from sessions.unsigned import forget_unsigned, is_for_another, may_sign

NOTE_LENGTH = 4000
FROM_RECORD = "attendance and notes"  # of evidence that its trainer did not give


@dataclass(frozen=True)
class TopicWord:
    """What the trainer says of one topic of the call.

    `base` is the version of the board it was typed on, and `writer` the page; None of
    a page that was told of none.
    """

    topic: BookingTopic
    outcome: Outcome
    criteria_met: tuple[str, ...] = ()
    note: str = ""
    private_note: str = ""
    base: UUID | None = None
    writer: UUID | None = None

    def is_said(self, topic: BookingTopic) -> bool:
        """Tell whether exactly this stands there already."""
        return (
            topic.outcome == self.outcome
            and topic.criteria_met == list(self.criteria_met)
            and topic.note == self.note
            and topic.private_note == self.private_note
        )

    def overlooks(self, draft: BoardTopic) -> bool:
        """Tell whether another page wrote something on the board since."""
        return (
            draft.version != self.base
            and (self.writer is None or draft.writer != self.writer)
            and (draft.note, draft.private_note) != (self.note, self.private_note)
        )


class Overlooked(Refused):
    """The board says more than the page that was sent: both have to be read."""


@transaction.atomic
def sign_off(
    booking: Booking,
    words: Sequence[TopicWord],
    *,
    by: User,
    at: datetime | None = None,
) -> Booking:
    """Say what a call covered (Policy 1); "covered" counts as evidence.

    By its trainer from its start on, and by others once it has waited for three days
    (`may_sign`), from attendance, ticks and notes, named as such. A word for every
    topic. `at` of None is now. The same again changes nothing. Raises Refused
    otherwise, saying why.
    """
    booking = lock_call(booking)
    _require_may_sign(booking, by)
    topics = {topic.pk: topic for topic in booking.topics.select_for_update()}
    if {word.topic.pk for word in words} != set(topics) or len(words) != len(topics):
        raise Refused(_("Say of each topic whether it was covered."))
    if booking.state == BookingState.DONE:
        if all(word.is_said(topics[word.topic.pk]) for word in words):
            return booking
        raise Refused(_("This call is signed off already. Undo that first."))
    _require_begun(booking)
    if any(word.outcome == Outcome.PENDING for word in words):
        raise Refused(_("Say of each topic whether it was covered."))
    _require_nothing_overlooked(words)

    booking.state = BookingState.DONE
    booking.signed_off_at = at or now()
    booking.signed_off_by = by
    booking.save(update_fields=["state", "signed_off_at", "signed_off_by"])
    for word in words:
        _say(word, topics[word.topic.pk])
    drop_drafts(booking)
    forget_unsigned(booking)
    if is_for_another(booking, by):
        record(
            by,
            "signed_off_for",
            booking,
            enrolment=booking.enrolment_id,
            trainer=booking.trainer_id,
        )
    else:
        record(by, "signed_off", booking, enrolment=booking.enrolment_id)
    mails.tell_signed_off(booking)
    for word in words:
        if word.outcome == Outcome.COVERED:
            _count(booking, topics[word.topic.pk], by, booking.signed_off_at)
    return booking


def _require_may_sign(booking: Booking, by: User) -> None:
    if by.pk == booking.trainee_id:
        raise Refused(_("Nobody can sign off their own call."), SOURCE)
    if not may_sign(booking, by):
        raise Refused(
            _(
                "Only the trainer of a call can sign it off, until nobody has done so "
                "for three days."
            ),
            SOURCE,
        )


def _require_nothing_overlooked(words: Sequence[TopicWord]) -> None:
    based = {word.topic.pk: word for word in words if word.base}
    drafts = BoardTopic.objects.filter(topic__in=based) if based else ()
    if any(based[draft.topic_id].overlooks(draft) for draft in drafts):
        raise Overlooked(
            _(
                "Something else was written here since you opened this page. Both "
                "texts are below: look at them, then sign off."
            )
        )


def _require_begun(booking: Booking) -> None:
    if booking.state != BookingState.BOOKED:
        raise Refused(_("This call did not take place, so it cannot be signed off."))
    if booking.starts_at > now():
        raise Refused(
            _("The call has not begun yet. You can sign it off from its start on."),
            SOURCE,
        )


def _say(word: TopicWord, topic: BookingTopic) -> None:
    topic.outcome = word.outcome
    topic.criteria_met = list(word.criteria_met)
    topic.note = word.note
    topic.private_note = word.private_note
    topic.booked_for = None
    topic.save(
        update_fields=["outcome", "criteria_met", "note", "private_note", "booked_for"]
    )


def _count(booking: Booking, topic: BookingTopic, by: User, at: datetime) -> None:
    """Count a topic as covered, unless their programme no longer asks for it."""
    if not booking.enrolment.edition.topics.filter(topic=topic.topic_id).exists():
        return
    record_evidence(
        booking.enrolment,
        topic.topic,
        EvidenceKind.CALL,
        by=by,
        detail={
            "booking": booking.pk,
            "trainer": booking.trainer.user_id,
            "starts_at": booking.starts_at.isoformat(),
            "ends_at": booking.ends_at.isoformat(),
            "criteria": topic.criteria_met,
            **({"from": FROM_RECORD} if is_for_another(booking, by) else {}),
        },
        at=at,
    )


def undo_until(booking: Booking) -> datetime | None:
    """Until when a sign-off can be undone; None when it is not signed off."""
    if booking.signed_off_at is None:
        return None
    return booking.signed_off_at + settings.SIGN_OFF_UNDO


@transaction.atomic
def undo_sign_off(booking: Booking, *, by: User) -> Booking:
    """Take a sign-off back within the time set for it: the call waits again.

    All that was said is on its board again, as it was typed. What it completed is no
    longer complete. Undoing again changes nothing. Raises Refused when it is too late.
    """
    booking = lock_call(booking)
    _require_may_sign(booking, by)
    if booking.state == BookingState.BOOKED:
        return booking
    until = undo_until(booking)
    if booking.state != BookingState.DONE or until is None:
        raise Refused(_("This call is not signed off."))
    if now() > until:
        raise Refused(
            _("It is too late to undo this. Ask the training team to correct it.")
        )
    _require_not_booked_again(booking)

    booking.state = BookingState.BOOKED
    booking.signed_off_at = booking.signed_off_by = None
    booking.save(update_fields=["state", "signed_off_at", "signed_off_by"])
    take_up_again(booking)
    booking.topics.update(outcome=Outcome.PENDING, booked_for=booking.enrolment)
    record(by, "undid_sign_off", booking, enrolment=booking.enrolment_id)
    mails.take_back_signed_off(booking)
    counted = Evidence.objects.filter(
        enrolment=booking.enrolment,
        kind=EvidenceKind.CALL,
        voided_at=None,
        detail__booking=booking.pk,
    )
    for evidence in counted:
        void_evidence(evidence, by=by, why=_("The sign-off was undone."))
    booking.refresh_from_db()
    return booking


def _require_not_booked_again(booking: Booking) -> None:
    again = BookingTopic.objects.filter(
        booked_for=booking.enrolment_id, topic__in=booking.topics.values("topic")
    ).first()
    if again is not None:
        raise Refused(
            _("Another call on %(topic)s has been booked since: cancel it first.")
            % {"topic": again.title}
        )


def qualifies(booking: Booking, progress: Progress) -> bool:
    """Tell whether covering all of the call would complete the programme."""
    agenda = {topic.topic_id for topic in booking.topics.all()}
    return booking.enrolment.is_open and all(
        topic.is_complete or (topic.topic.pk in agenda and topic.is_complete_by_call)
        for topic in progress.topics
    )


def asked_of(booking: Booking) -> dict[int, EditionTopic]:
    """What their edition asks for in the call's topics, by topic; one query."""
    return {
        topic.topic_id: topic
        for topic in EditionTopic.objects.filter(
            edition=booking.enrolment.edition_id,
            topic__in=[topic.topic_id for topic in booking.topics.all()],
        )
    }
