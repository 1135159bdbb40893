"""What somebody completed, as it was then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from courses.bodies import Texts, make_texts
from courses.exercise_blocks import EXERCISE_BLOCKS
from courses.models import (
    EditionTopic,
    Enrolment,
    Evidence,
    TopicCompletion,
    TopicPage,
)
from courses.progress import Progress, TopicProgress, progress_of

_EXERCISES = {name for name, _block in EXERCISE_BLOCKS}


@dataclass(frozen=True)
class PastTopic:
    """A topic as its edition put it, and when somebody completed it."""

    asked: EditionTopic
    completed_at: datetime
    texts: Texts


def topic_then(enrolment: Enrolment, topic_pk: int) -> PastTopic | None:
    """The topic as it was when it was completed; None where no text of then is kept.

    What was carried into the enrolment is shown as in the edition in which it was
    shown to be done.
    """
    completion = TopicCompletion.objects.filter(
        enrolment=enrolment, topic=topic_pk, voided_at=None
    ).first()
    if completion is None:
        return None
    asked = (
        EditionTopic.objects.filter(
            edition=_completed_in(enrolment, topic_pk).edition_id, topic=topic_pk
        )
        .select_related("revision", "topic", "edition__programme")
        .first()
    )
    if asked is None or asked.revision is None:
        return None
    page: TopicPage = asked.revision.as_object()
    page.body = [
        (block.block_type, block.value)
        for block in page.body
        if block.block_type not in _EXERCISES
    ]
    texts = make_texts(page, in_call=asked.needs_call)
    return PastTopic(asked, completion.at, texts)


def _completed_in(enrolment: Enrolment, topic_pk: int) -> Enrolment:
    """The cycle in which the last of the topic's evidence was shown."""
    evidence = (
        Evidence.objects.filter(enrolment=enrolment, topic=topic_pk, voided_at=None)
        .order_by("at", "pk")
        .last()
    )
    while evidence is not None:
        enrolment, evidence = evidence.enrolment, evidence.carried_from
    return enrolment


def earlier_cycles(enrolment: Enrolment | None) -> list[Progress]:
    """What the member completed before this cycle, the newest first.

    Three queries; none where it is the first.
    """
    if enrolment is None or enrolment.cycle == 1:
        return []
    earlier = (
        Enrolment.objects.standing()
        .filter(
            member=enrolment.member_id,
            programme=enrolment.programme_id,
            cycle__lt=enrolment.cycle,
            completed_at__isnull=False,
        )
        .select_related("edition")
        .order_by("-cycle")
    )
    return list(progress_of(earlier).values())


def has_past(topic: TopicProgress, enrolment: Enrolment) -> bool:
    """Whether a link to the text of then leads to another one than today's page."""
    if not topic.is_complete or topic.asked.revision_id is None:
        return False
    is_edited = topic.asked.revision_id != topic.topic.live_revision_id
    return is_edited or enrolment.cycle > 1
