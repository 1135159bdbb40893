"""What still counts of what somebody has shown, when they go on in a later edition."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from django.db.models import QuerySet

from courses.completing import steps_asked, suffices
from courses.models import (
    Edition,
    EditionTopic,
    Enrolment,
    Evidence,
    EvidenceKind,
    Renewal,
)


def kept(enrolment: Enrolment, edition: Edition) -> QuerySet[Evidence]:
    """What still counts in `edition` of the enrolment's evidence.

    All but what was shown for a topic that an edition since has marked as changed.
    An exemption stays: nothing was shown for it.
    """
    live = Evidence.objects.filter(enrolment=enrolment, voided_at=None)
    changed = topics_changed(enrolment.edition, edition)
    return live.filter(kind=EvidenceKind.EXEMPTION) | live.exclude(topic__in=changed)


def topics_changed(since: Edition, until: Edition) -> set[int]:
    """Topics that an edition after the one marks as changed, up to the other."""
    rows = EditionTopic.objects.filter(
        edition__programme=until.programme_id,
        edition__number__gt=since.number,
        edition__number__lte=until.number,
        is_changed=True,
    )
    return set(rows.values_list("topic_id", flat=True))


def kept_for_renewal(enrolment: Enrolment, edition: Edition) -> list[Evidence]:
    """What a renewal in `edition` keeps, by that edition's own rule.

    Nothing but exemptions where all is done again. Else all but the changed topics,
    and one call is had in any case: where no changed topic asks for one, the first
    topic that does is gone through again. Where that leaves nothing to do, for want of
    calls, the first topic that is not exempt is: nobody is qualified anew for nothing.
    """
    evidence = list(kept(enrolment, edition))
    if edition.renewal == Renewal.ALL:
        return [each for each in evidence if each.kind == EvidenceKind.EXEMPTION]
    exempt = {each.topic_id for each in evidence if each.kind == EvidenceKind.EXEMPTION}
    in_calls = [
        row.topic_id
        for row in edition.topics.all()
        if row.needs_call and row.topic_id not in exempt
    ]
    changed = topics_changed(enrolment.edition, edition)
    if changed.isdisjoint(in_calls):
        again = in_calls[:1]
        evidence = [
            each
            for each in evidence
            if each.kind != EvidenceKind.CALL or each.topic_id not in again
        ]
    if asks_nothing(edition, evidence):
        topics = [row for row in edition.topics.all() if steps_asked(row)]
        again = [row.topic_id for row in topics if row.topic_id not in exempt][:1]
        evidence = [each for each in evidence if each.topic_id not in again]
    return evidence


def asks_nothing(edition: Edition, kept: Iterable[Evidence]) -> bool:
    """Whether what is kept is all that the edition asks for."""
    shown: dict[int, set[str]] = defaultdict(set)
    for each in kept:
        shown[each.topic_id].add(each.kind)
    return all(suffices(row, shown[row.topic_id]) for row in edition.topics.all())
