"""One way to go on: a new edition, a renewal, coming back, a mistake found late."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from django.db import transaction
from django.db.models import Max
from django.utils.timezone import now

from courses.completing import lock, settle
from courses.keeping import topics_changed
from courses.models import Edition, Enrolment, Evidence, EvidenceKind, Source
from courses.signals import enrolment_closed
from lms.audit.log import record
from lms.people.models import Member, User


@transaction.atomic
def begin_again(
    enrolment: Enrolment,
    *,
    member: Member,
    edition: Edition,
    keep: Iterable[Evidence],
    why: str,
    by: User | None,
    source: Source | None = None,
    due_on: date | None = None,
) -> Enrolment:
    """Go on from the enrolment in the member's next cycle, and return that one.

    Closes it if it is open, and what the member has open in the programme. Of `keep`
    it copies what is not voided and what the edition asks for. What was completed
    and not annulled stays as it is; for all else `enrolment_closed` tells of the
    successor. Then asks whether that is already complete. A `source` of None keeps
    the old one; `why` is for people to read.
    """
    enrolment = lock(enrolment)
    opened = Enrolment.objects.open().filter(
        member=member, programme=edition.programme_id
    )
    others = opened.exclude(pk=enrolment.pk).select_for_update(no_key=True)
    left_behind = [enrolment, *others]
    for each in left_behind:
        if each.is_open:
            close(each, why=why, by=by)

    successor = Enrolment.objects.create(
        member=member,
        programme_id=edition.programme_id,
        edition=edition,
        cycle=_last_cycle(member, edition) + 1,
        source=source or enrolment.source,
        enrolled_by=by,
        due_on=due_on,
    )
    _carry(keep, successor)
    record(by, "began_again", successor, enrolment=enrolment.pk)
    for each in left_behind:
        if each.withdrawn_at or each.annulled_at:
            enrolment_closed.send(
                sender=Enrolment, enrolment=each, successor=successor, by=by
            )
    settle(successor, at=now(), by=by)
    return successor


def close(enrolment: Enrolment, *, why: str, by: User | None) -> None:
    """Withdraw what is open, or annul what was completed. The caller holds the lock.

    The caller also says `enrolment_closed`, since it knows whether one goes on.
    """
    field = "annulled_at" if enrolment.completed_at else "withdrawn_at"
    setattr(enrolment, field, now())
    enrolment.closed_why = why[:200]
    enrolment.save(update_fields=[field, "closed_why"])
    record(by, field.removesuffix("_at"), enrolment)


def carry_late(
    evidence: Evidence, enrolment: Enrolment, *, at: datetime, by: User | None
) -> None:
    """Let what reached a closed cycle late count in the open one after it.

    A page that was open, a call held meanwhile. The caller holds the person's lock.
    """
    successor = (
        Enrolment.objects.open()
        .filter(
            member=enrolment.member_id,
            programme=enrolment.programme_id,
            cycle__gt=enrolment.cycle,
        )
        .first()
    )
    if successor is None:
        return
    successor = lock(successor)
    is_changed = evidence.topic_id in topics_changed(
        enrolment.edition, successor.edition
    )
    has_it = Evidence.objects.filter(
        enrolment=successor,
        topic=evidence.topic_id,
        kind=evidence.kind,
        voided_at=None,
    )
    if has_it.exists() or (is_changed and evidence.kind != EvidenceKind.EXEMPTION):
        return
    _carry([evidence], successor)
    settle(successor, at=at, by=by)


def _last_cycle(member: Member, edition: Edition) -> int:
    cycles = Enrolment.objects.filter(member=member, programme=edition.programme_id)
    return cycles.aggregate(last=Max("cycle"))["last"] or 0


def _carry(keep: Iterable[Evidence], successor: Enrolment) -> None:
    """Copy what still counts, each once, saying where it was carried from."""
    asked = set(successor.edition.topics.values_list("topic_id", flat=True))
    counts = {
        (evidence.topic_id, evidence.kind): evidence
        for evidence in keep
        if evidence.voided_at is None and evidence.topic_id in asked
    }
    Evidence.objects.bulk_create(
        Evidence(
            enrolment=successor,
            topic_id=evidence.topic_id,
            kind=evidence.kind,
            at=evidence.at,
            by_id=evidence.by_id,
            detail=evidence.detail,
            carried_from=evidence,
        )
        for evidence in counts.values()
    )
