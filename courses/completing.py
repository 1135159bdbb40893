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
    EnrolmentQuerySet,
    Evidence,
    EvidenceKind,
    Source,
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
    locked = Enrolment.objects.select_for_update(of=("self",), no_key=True)
    return _whole(locked).get(pk=enrolment.pk)


def hold(enrolment: Enrolment) -> None:
    """Lock as `lock` does, and read nothing: see `as_held`."""
    lock_person(enrolment.member.user_id)
    held = Enrolment.objects.select_for_update(no_key=True)
    held.values_list("pk").get(pk=enrolment.pk)


def as_held(enrolment: Enrolment) -> Enrolment:
    """Return an enrolment that the caller holds as it now stands."""
    return _whole(Enrolment.objects.all()).get(pk=enrolment.pk)


def _whole(enrolments: EnrolmentQuerySet) -> EnrolmentQuerySet:
    return enrolments.select_related(
        "member__user", "member__reseller", "edition", "programme"
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
    """Complete it.

    A renewal starts at the old end, or today where that has passed. Else what was
    carried from a completed cycle keeps the old expiry, while that is to come.
    """
    months = enrolment.edition.validity_months
    begins = at.date()
    expiries: list[date | None] = []
    if _is_renewal(enrolment):
        begins = max(filter(None, [begins, _old_end(enrolment)]))
    else:
        carried = _expiries_carried(enrolment)
        expiries = [until for until in carried if until and until > begins]
    expiries.append(add_months(begins, months) if months else None)
    enrolment.completed_at = at
    enrolment.valid_from = begins
    enrolment.valid_until = min(filter(None, expiries), default=None)
    enrolment.save(update_fields=["completed_at", "valid_from", "valid_until"])
    record(by, "completed", enrolment)
    programme_completed.send(sender=Enrolment, enrolment=enrolment, by=by)


def _cycles_before(enrolment: Enrolment) -> EnrolmentQuerySet:
    return Enrolment.objects.filter(
        member=enrolment.member_id,
        programme=enrolment.programme_id,
        cycle__lt=enrolment.cycle,
    )


def _last_completed(enrolment: Enrolment) -> Enrolment | None:
    """The cycle before it that was completed and stands."""
    completed = _cycles_before(enrolment).standing().filter(completed_at__isnull=False)
    return completed.order_by("cycle").last()


def _is_renewal(enrolment: Enrolment) -> bool:
    """Whether it was begun as a renewal, or goes on from one that is not complete."""
    if enrolment.source == Source.RENEWAL:
        return True
    last = _last_completed(enrolment)
    since = _cycles_before(enrolment).filter(cycle__gt=last.cycle if last else 0)
    return since.filter(source=Source.RENEWAL).exists()


def _old_end(enrolment: Enrolment) -> date | None:
    """When the qualification before it ends; None where that has no end."""
    last = _last_completed(enrolment)
    ends = [last.valid_until, last.counts_until] if last else []
    return min(filter(None, ends), default=None)


def _expiries_carried(enrolment: Enrolment) -> list[date | None]:
    """Until when what was completed with the carried evidence was valid.

    Through cycles that were never completed too: a query for each, one at the least.
    What was carried into a renewal has been renewed.
    """
    expiries: list[date | None] = []
    rows = Evidence.objects.filter(enrolment=enrolment, voided_at=None)
    while keys := set(rows.values_list("carried_from", flat=True)) - {None}:
        rows = Evidence.objects.filter(pk__in=[key for key in keys if key])
        completed = Enrolment.objects.filter(
            pk__in=rows.values("enrolment"), completed_at__isnull=False
        )
        expiries += completed.values_list("valid_until", flat=True)
        rows = rows.exclude(enrolment__source=Source.RENEWAL)
    return expiries


def add_months(day: date, months: int) -> date:
    """Return the same day so many months later, or that month's last day."""
    year, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + year, month + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))
