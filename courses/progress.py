"""What people have shown, and how far it takes them.

Nothing here is stored but the evidence itself and what it completed: progress is
asked of the rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Value
from django.utils.timezone import now
from django.utils.translation import gettext as _

from courses.completing import lock, lock_person, settle, steps_asked, suffices
from courses.cycles import begin_again, carry_late, close
from courses.keeping import kept
from courses.models import (
    Attempt,
    EditionTopic,
    Enrolment,
    Evidence,
    EvidenceKind,
    Preparation,
    TopicCompletion,
    TopicPage,
)
from courses.signals import enrolment_closed
from lms.audit.log import record
from lms.errors import Refused
from lms.people.models import User

__all__ = [
    "Progress",
    "Step",
    "TopicProgress",
    "lock",
    "progress_of",
    "record_evidence",
    "topics_for_call",
    "topics_of",
    "untouched",
    "void_evidence",
]


@transaction.atomic
def record_evidence(
    enrolment: Enrolment,
    topic: TopicPage,
    kind: EvidenceKind,
    *,
    by: User | None,
    detail: dict[str, Any] | None = None,
    at: datetime | None = None,
) -> Evidence:
    """Note that a step of a topic was shown to be done, and complete what that does.

    Repeating is safe: the first stands. `at` of None is now. What was withdrawn
    still takes evidence (the call went ahead, and coming back counts it), but never
    becomes complete; it counts in the open cycle that took its place, unless its topic
    has changed since. Raises Refused for a topic that this person's programme does
    not ask for.
    """
    enrolment = lock(enrolment)
    if not enrolment.edition.topics.filter(topic=topic.pk).exists():
        raise Refused(_("This topic is not part of the programme they follow."))
    live = Evidence.objects.filter(enrolment=enrolment, topic=topic, voided_at=None)
    if known := live.filter(kind=kind).first():
        return known

    at = at or now()
    evidence = Evidence.objects.create(
        enrolment=enrolment, topic=topic, kind=kind, at=at, by=by, detail=detail or {}
    )
    record(by, "recorded", evidence, enrolment=enrolment.pk, topic=topic.pk, kind=kind)
    settle(enrolment, at=at, by=by)
    if enrolment.withdrawn_at or enrolment.annulled_at:
        carry_late(evidence, enrolment, at=at, by=by)
    return evidence


@transaction.atomic
def void_evidence(evidence: Evidence, *, by: User | None, why: str) -> None:
    """Take back a mistake, wherever the evidence was carried to or came from.

    The topic is no longer complete. What was completed with it is annulled, and its
    member, unless gone, begins again with the rest. Repeating is safe.
    """
    lock_person(evidence.enrolment.member.user_id)
    family = [each for each in family_of(evidence) if each.voided_at is None]
    enrolments = list(
        Enrolment.objects.select_for_update(of=("self",), no_key=True)
        .select_related("member", "edition", "programme")
        .filter(pk__in={each.enrolment_id for each in family})
        .order_by("pk")
    )
    for each in family:
        each.voided_at, each.voided_by, each.voided_why = now(), by, why[:200]
        each.save(update_fields=["voided_at", "voided_by", "voided_why"])
        record(by, "voided", each, enrolment=each.enrolment_id, topic=each.topic_id)
    undone = [each for each in enrolments if _void_completion(each, evidence.topic_id)]
    annulled = [each for each in undone if each.completed_at and not each.annulled_at]
    for enrolment in annulled:
        close(enrolment, why=why, by=by)
    for enrolment in annulled:
        _go_on_with_the_rest(enrolment, why=why, by=by)


def family_of(evidence: Evidence) -> list[Evidence]:
    """The evidence, what it was carried from, and all that was carried on."""
    while evidence.carried_from is not None:
        evidence = evidence.carried_from
    family = generation = [evidence]
    while generation := list(Evidence.objects.filter(carried_from__in=generation)):
        family = [*family, *generation]
    return family


def _void_completion(enrolment: Enrolment, topic_pk: int) -> bool:
    """Void the topic's completion unless other evidence suffices; tell whether."""
    asked = enrolment.edition.topics.filter(topic=topic_pk).first()
    left = Evidence.objects.filter(
        enrolment=enrolment, topic=topic_pk, voided_at=None
    ).values_list("kind", flat=True)
    if asked is None or suffices(asked, set(left)):
        return False
    completions = TopicCompletion.objects.filter(
        enrolment=enrolment, topic=topic_pk, voided_at=None
    )
    return completions.update(voided_at=now()) > 0


def _go_on_with_the_rest(enrolment: Enrolment, *, why: str, by: User | None) -> None:
    """Begin the annulled cycle again, unless a later one stands or they left."""
    later = Enrolment.objects.filter(
        member=enrolment.member,
        programme=enrolment.programme_id,
        cycle__gt=enrolment.cycle,
    )
    if later.exists() or not enrolment.member.is_live:
        enrolment_closed.send(
            sender=Enrolment, enrolment=enrolment, successor=None, by=by
        )
        return
    edition = enrolment.programme.edition_on() or enrolment.edition
    begin_again(
        enrolment,
        member=enrolment.member,
        edition=edition,
        keep=kept(enrolment, edition),
        why=why,
        by=by,
    )


COMPLETION = "complete"  # these two beside the kinds of evidence, in one query
USED_UP = "used_up"


@dataclass(frozen=True)
class Step:
    """One thing that a topic asks for; `at` of None means that it is still open."""

    kind: EvidenceKind
    at: datetime | None

    @property
    def is_done(self) -> bool:
        return self.at is not None


@dataclass(frozen=True)
class TopicProgress:
    """A topic as its edition asks for it, and how far somebody is in it."""

    asked: EditionTopic
    steps: tuple[Step, ...]
    completed_at: datetime | None
    exempted_at: datetime | None = None
    used_up_at: datetime | None = None

    @property
    def topic(self) -> TopicPage:
        return self.asked.topic

    @property
    def title(self) -> str:
        """As the edition named it, whatever has become of the page."""
        return self.asked.title

    @property
    def is_complete(self) -> bool:
        return self.completed_at is not None

    @property
    def is_begun(self) -> bool:
        return (
            self.is_complete
            or self.used_up_at is not None
            or any(step.is_done for step in self.steps)
        )

    @property
    def is_check_used_up(self) -> bool:
        """Whether its check was failed as often as allowed: a call goes on from there."""
        return self.used_up_at is not None and self.is_missing(EvidenceKind.CHECK)

    @property
    def is_prepared(self) -> bool:
        """Whether all that comes before the call is done, or is for the call to do."""
        return all(
            step.is_done or (step.kind == EvidenceKind.CHECK and self.is_check_used_up)
            for step in self.steps
            if step.kind != EvidenceKind.CALL
        )

    @property
    def wants_call(self) -> bool:
        """Whether a call is what it needs, whatever comes before it."""
        return self.is_missing(EvidenceKind.CALL) or self.is_check_used_up

    @property
    def is_complete_by_call(self) -> bool:
        """Whether a call is all that it still needs."""
        return all(
            step.is_done for step in self.steps if step.kind != EvidenceKind.CALL
        )

    def done_at(self, kind: EvidenceKind) -> datetime | None:
        """When this step was shown to be done; None while it is not."""
        return next((step.at for step in self.steps if step.kind == kind), None)

    def is_done(self, kind: EvidenceKind) -> bool:
        return self.done_at(kind) is not None

    def is_missing(self, kind: EvidenceKind) -> bool:
        """Whether this step still stands between them and the topic's completion."""
        return not self.is_complete and any(
            step.kind == kind and not step.is_done for step in self.steps
        )


@dataclass(frozen=True)
class Progress:
    """How far an enrolment is: its topics in order, asked of the rows."""

    enrolment: Enrolment
    topics: tuple[TopicProgress, ...]

    @property
    def required(self) -> int:
        return len(self.topics)

    @property
    def done(self) -> int:
        return sum(topic.is_complete for topic in self.topics)

    @property
    def is_begun(self) -> bool:
        return any(topic.is_begun for topic in self.topics)

    @property
    def next_topic(self) -> TopicProgress | None:
        """The first with something to read or answer, else the first still open."""
        open_topics = [topic for topic in self.topics if not topic.is_complete]
        unprepared = [topic for topic in open_topics if not topic.is_prepared]
        return next(iter(unprepared or open_topics), None)

    @property
    def for_call(self) -> list[TopicProgress]:
        """Topics that a call may cover now, whether or not one is booked."""
        if not self.enrolment.is_open:
            return []
        first = self.enrolment.edition.preparation == Preparation.FIRST
        return [
            topic
            for topic in self.topics
            if topic.wants_call and (topic.is_prepared or not first)
        ]

    def topic(self, topic_pk: int) -> TopicProgress | None:
        """The progress in one topic; None where the edition does not ask for it."""
        return next((each for each in self.topics if each.topic.pk == topic_pk), None)


def topics_of(editions: Iterable[int]) -> list[EditionTopic]:
    """What the editions, by their keys, ask for, in order; one query."""
    return list(
        EditionTopic.objects.filter(edition__in=set(editions))
        .select_related("topic")
        .defer(*(f"topic__{field}" for field in [*TopicPage.TEXTS, "questions"]))
    )


def progress_of(
    enrolments: Iterable[Enrolment], topics: Iterable[EditionTopic] | None = None
) -> dict[int, Progress]:
    """How far each enrolment is, by its key: two queries, however many there are.

    Bring the enrolments with their edition (`select_related`): it is not asked anew.
    Who knows the `topics` of these editions already brings them: a query less.
    """
    enrolments = list(enrolments)
    keys = [enrolment.pk for enrolment in enrolments]
    asked: dict[int, list[EditionTopic]] = defaultdict(list)
    if topics is None:
        topics = topics_of(each.edition_id for each in enrolments)
    for topic in topics:
        asked[topic.edition_id].append(topic)
    live = {"enrolment__in": keys, "voided_at": None}
    evidence = Evidence.objects.filter(**live).order_by()
    completions = TopicCompletion.objects.filter(**live).order_by()
    columns = ("enrolment", "topic", "kind", "at")
    more = [completions.annotate(kind=Value(COMPLETION)).values_list(*columns)]
    if any(topic.needs_check for topics in asked.values() for topic in topics):
        used_up = Attempt.objects.filter(enrolment__in=keys).used_up()
        more.append(used_up.annotate(kind=Value(USED_UP)).values_list(*columns))
    rows = evidence.values_list(*columns).union(*more, all=True)
    shown = {(enrolment, topic, kind): at for enrolment, topic, kind, at in rows}
    return {
        enrolment.pk: Progress(
            enrolment,
            tuple(
                TopicProgress(
                    asked=topic,
                    steps=tuple(
                        Step(kind, shown.get((enrolment.pk, topic.topic_id, kind)))
                        for kind in steps_asked(topic)
                    ),
                    completed_at=shown.get((enrolment.pk, topic.topic_id, COMPLETION)),
                    exempted_at=shown.get(
                        (enrolment.pk, topic.topic_id, EvidenceKind.EXEMPTION)
                    ),
                    used_up_at=shown.get((enrolment.pk, topic.topic_id, USED_UP)),
                )
                for topic in asked[enrolment.edition_id]
            ),
        )
        for enrolment in enrolments
    }


def untouched(asked: EditionTopic) -> TopicProgress:
    """A topic of which nothing is done, for one who is not in the programme."""
    steps = tuple(Step(kind, None) for kind in steps_asked(asked))
    return TopicProgress(asked=asked, steps=steps, completed_at=None)


def topics_for_call(enrolment: Enrolment) -> list[EditionTopic]:
    """Topics ready for a call, but for what is booked: open, asked, prepared if first.

    Two queries, and the edition's where it did not come along.
    """
    progress = progress_of([enrolment])[enrolment.pk]
    return [topic.asked for topic in progress.for_call]
