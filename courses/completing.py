"""What completes a topic, and what completes a programme.

Whatever changes evidence locks first, writes it down, and then asks here.
"""

from __future__ import annotations

from calendar import monthrange
from collections import defaultdict
from collections.abc import Collection
from datetime import date, datetime

from courses.models import (
    EditionTopic,
    Enrolment,
    Evidence,
    EvidenceKind,
    TopicCompletion,
)
from courses.signals import programme_completed
from lms.audit.log import record
from lms.people.models import User


def lock_person(user_pk: int) -> None:
    """Lock the person, who comes first in every rule about their learning."""
    User.objects.select_for_update(no_key=True).values_list("pk").get(pk=user_pk)


def lock(enrolment: Enrolment) -> Enrolment:
    """Lock the trainee, then the enrolment, and return it as it now stands.

    Always in this order, inside the caller's transaction; each trainer comes after.
    """
    lock_person(enrolment.member.user_id)
    return (
        Enrolment.objects.select_for_update(of=("self",), no_key=True)
        .select_related("member__user", "member__reseller", "edition", "programme")
        .get(pk=enrolment.pk)
    )


def steps_asked(topic: EditionTopic) -> list[EvidenceKind]:
    """What the topic asks for, in the order in which people do it."""
    steps = [
        (topic.needs_read, EvidenceKind.READ),
        (topic.needs_check, EvidenceKind.CHECK),
        (topic.needs_call, EvidenceKind.CALL),
    ]
    return [kind for is_needed, kind in steps if is_needed]


def suffices(topic: EditionTopic, shown: Collection[str]) -> bool:
    """Whether what was shown completes the topic: each step, or an exemption."""
    return EvidenceKind.EXEMPTION in shown or set(steps_asked(topic)) <= set(shown)


def settle(enrolment: Enrolment, *, at: datetime, by: User | None) -> None:
    """Write down which topics are now complete, then whether the programme is.

    The caller holds the enrolment's lock. Only an open enrolment becomes complete,
    once; whoever listens to `programme_completed` is in the same transaction.
    """
    asked = list(enrolment.edition.topics.all())
    shown: dict[int, dict[str, datetime]] = defaultdict(dict)
    for evidence in Evidence.objects.filter(enrolment=enrolment, voided_at=None):
        shown[evidence.topic_id][evidence.kind] = evidence.at
    live = TopicCompletion.objects.filter(enrolment=enrolment, voided_at=None)
    complete = set(live.values_list("topic_id", flat=True))

    for topic in asked:
        kinds = shown[topic.topic_id]
        if topic.topic_id not in complete and suffices(topic, kinds):
            TopicCompletion.objects.create(
                enrolment=enrolment, topic_id=topic.topic_id, at=max(kinds.values())
            )
            complete.add(topic.topic_id)

    if enrolment.is_open and complete >= {topic.topic_id for topic in asked}:
        _complete(enrolment, at=at, by=by)


def _complete(enrolment: Enrolment, *, at: datetime, by: User | None) -> None:
    """Complete it; what was carried from a completed one keeps the old expiry."""
    months = enrolment.edition.validity_months
    expiries = [
        *_expiries_carried(enrolment),
        add_months(at.date(), months) if months else None,
    ]
    enrolment.completed_at = at
    enrolment.valid_from = at.date()
    enrolment.valid_until = min(filter(None, expiries), default=None)
    enrolment.save(update_fields=["completed_at", "valid_from", "valid_until"])
    record(by, "completed", enrolment)
    programme_completed.send(sender=Enrolment, enrolment=enrolment, by=by)


def _expiries_carried(enrolment: Enrolment) -> list[date | None]:
    """Until when what was completed with the carried evidence was valid.

    Through cycles that were never completed too: a query for each, one at the least.
    """
    expiries: list[date | None] = []
    rows = Evidence.objects.filter(enrolment=enrolment, voided_at=None)
    while keys := set(rows.values_list("carried_from", flat=True)) - {None}:
        rows = Evidence.objects.filter(pk__in=[key for key in keys if key])
        completed = Enrolment.objects.filter(
            pk__in=rows.values("enrolment"), completed_at__isnull=False
        )
        expiries += completed.values_list("valid_until", flat=True)
    return expiries


def add_months(day: date, months: int) -> date:
    """Return the same day so many months later, or that month's last day."""
    year, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + year, month + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))
