"""The channel team exempts somebody from topics, for a reason (design: rules)."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction
from django.utils.translation import gettext as _

from courses import telling
from courses.completing import lock
from courses.models import Enrolment, Evidence, EvidenceKind, TopicPage
from courses.progress import progress_of, record_evidence
from lms.errors import Refused
from lms.people.models import User

REASON_LENGTH = 500


@transaction.atomic
def exempt(
    enrolment: Enrolment, topics: Iterable[TopicPage], *, by: User, why: str
) -> list[Evidence]:
    """Let somebody off topics of their programme, and tell them. Repeating is safe.

    What is complete is left as it is. Returns the exemptions written. Raises Refused
    for all but the channel team, without a reason or a topic, for what is not open,
    and for a topic that the programme does not ask for.
    """
    enrolment = lock(enrolment)
    wanted = require_exemptible(enrolment, topics, by=by, why=why)
    if not wanted:
        return []
    detail = {"why": why.strip()[:REASON_LENGTH]}
    written = [
        record_evidence(enrolment, topic, EvidenceKind.EXEMPTION, by=by, detail=detail)
        for topic in wanted
    ]
    telling.tell_exempted(enrolment, written)
    return written


def require_exemptible(
    enrolment: Enrolment, topics: Iterable[TopicPage], *, by: User, why: str
) -> list[TopicPage]:
    """Those of the topics that are not complete yet; Refused as `exempt` says."""
    topics = list(topics)
    if not by.may_change_people:
        raise Refused(_("Only ByteKast can exempt somebody."))
    if not why.strip():
        raise Refused(_("Please say why: it stays with the exemption."))
    if not topics:
        raise Refused(_("Choose at least one topic."))
    progress = progress_of([enrolment])[enrolment.pk]
    done = {each.topic.pk for each in progress.topics if each.is_complete}
    wanted = [topic for topic in topics if topic.pk not in done]
    if wanted and not enrolment.is_open:
        raise Refused(_("They are not in the middle of this programme any more."))
    return wanted
