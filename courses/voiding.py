"""Taking back a mistake: what that would end, said first, and then doing it."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from courses.completing import suffices
from courses.models import EditionTopic, Enrolment, Evidence, TopicCompletion
from courses.progress import family_of, void_evidence
from lms.errors import Refused
from lms.people.models import User


@dataclass(frozen=True)
class Consequences:
    """What voiding would do.

    `undone` are enrolments in which the topic would no longer be complete, `annulled`
    those of them that were completed with it, `goes_on` those that would begin again.
    """

    undone: list[Enrolment]
    annulled: list[Enrolment]
    goes_on: list[Enrolment]


def consequences_of(evidence: Evidence) -> Consequences:
    """What voiding the evidence would end, asked of the rows it would change.

    Wherever it was carried to or came from, as `progress.void_evidence` does it.
    """
    family = [each for each in family_of(evidence) if each.voided_at is None]
    enrolments = Enrolment.objects.select_related("member", "edition").filter(
        pk__in={each.enrolment_id for each in family}
    )
    undone = [each for each in enrolments.order_by("pk") if _undoes(each, evidence)]
    annulled = [each for each in undone if each.completed_at and not each.annulled_at]
    return Consequences(
        undone, annulled, [each for each in annulled if _would_go_on(each)]
    )


def _undoes(enrolment: Enrolment, evidence: Evidence) -> bool:
    asked = EditionTopic.objects.filter(
        edition=enrolment.edition_id, topic=evidence.topic_id
    ).first()
    live = {"enrolment": enrolment, "topic": evidence.topic_id, "voided_at": None}
    left = Evidence.objects.filter(**live).exclude(kind=evidence.kind)
    return (
        asked is not None
        and not suffices(asked, set(left.values_list("kind", flat=True)))
        and TopicCompletion.objects.filter(**live).exists()
    )


def _would_go_on(enrolment: Enrolment) -> bool:
    later = Enrolment.objects.filter(
        member=enrolment.member,
        programme=enrolment.programme_id,
        cycle__gt=enrolment.cycle,
    )
    return enrolment.member.is_live and not later.exists()


@transaction.atomic
def take_back(evidence: Evidence, *, by: User, why: str) -> None:
    """Void evidence as a mistake, for the channel team. Repeating is safe.

    Raises Refused for anybody else, and without a reason.
    """
    if not by.may_change_people:
        raise Refused(_("Only ByteKast can take back what was shown."))
    if not why.strip():
        raise Refused(_("Please say what was wrong: it stays with the record."))
    void_evidence(evidence, by=by, why=why.strip())
