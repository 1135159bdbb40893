"""A sign-off that was a mistake, found late: taken back topic by topic, with a reason."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet
from django.utils.timezone import now
from django.utils.translation import gettext as _

from courses.models import Evidence, EvidenceKind
from courses.progress import void_evidence
from courses.voiding import Consequences, consequences_of
from lms.audit.log import record
from lms.errors import Refused
from lms.people.models import User
from sessions import mails
from sessions.cancelling import lock_call
from sessions.models import Booking, BookingState, BookingTopic
from sessions.signoff import undo_until
from sessions.unsigned import may_take_back

REASON_LENGTH = 200


@dataclass(frozen=True)
class Mistake:
    """A topic whose sign-off can be taken back, and what that would undo."""

    topic: BookingTopic
    evidence: Evidence
    consequences: Consequences


def may_correct(booking: Booking, user: User) -> bool:
    """Tell whether somebody may take back what a call was signed off for, by now."""
    until = undo_until(booking)
    return (
        booking.state == BookingState.DONE
        and may_take_back(booking, user)
        and until is not None
        and now() > until
    )


def mistakes_of(booking: Booking) -> list[Mistake]:
    """What counts of a call, with what taking it back would undo; a few queries each."""
    counted = {each.topic_id: each for each in _counted(booking).filter(voided_at=None)}
    return [
        Mistake(
            topic, counted[topic.topic_id], consequences_of(counted[topic.topic_id])
        )
        for topic in booking.topics.all()
        if topic.topic_id in counted
    ]


def taken_back(booking: Booking) -> dict[int, Evidence]:
    """What was taken back of a call that is signed off, by topic; one query."""
    if booking.signed_off_at is None:
        return {}
    last: dict[int, Evidence] = {}
    for each in _counted(booking).order_by("pk"):
        last[each.topic_id] = each
    return {
        topic: each
        for topic, each in last.items()
        if each.voided_at and each.voided_at >= booking.signed_off_at
    }


def _counted(booking: Booking) -> QuerySet[Evidence]:
    return Evidence.objects.filter(
        enrolment=booking.enrolment_id,
        kind=EvidenceKind.CALL,
        detail__booking=booking.pk,
    ).select_related("enrolment__member", "voided_by")


@transaction.atomic
def take_back(topic: BookingTopic, *, by: User, why: str) -> None:
    """Take back that a call covered a topic, as a mistake; tell the trainee.

    By the trainer or the channel team, once it can no longer be undone. What was
    completed with it is annulled, which withdraws its certificate. Repeating changes
    nothing. Raises Refused otherwise, saying why.
    """
    booking = lock_call(topic.booking)
    if not may_take_back(booking, by):
        raise Refused(_("Only the trainer of a call can take back its sign-off."))
    if not why.strip():
        raise Refused(_("Please say what was wrong: they read it."))
    until = undo_until(booking)
    if booking.state != BookingState.DONE or until is None:
        raise Refused(_("This call is not signed off."))
    if now() <= until:
        raise Refused(_("You can still undo this sign-off: do that instead."))
    counted = _counted(booking).filter(topic=topic.topic_id)
    evidence = counted.filter(voided_at=None).first()
    if evidence is None:
        if counted.exists():
            return
        raise Refused(_("This topic was not counted as covered: nothing to take back."))
    annuls = bool(consequences_of(evidence).annulled)
    void_evidence(evidence, by=by, why=why.strip())
    record(by, "corrected", booking, enrolment=booking.enrolment_id)
    mails.tell_corrected(booking, topic, why=why.strip(), annuls=annuls)
