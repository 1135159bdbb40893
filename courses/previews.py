"""A topic as somebody would find it: for the editor who previews it.

The reader is made up: nothing is written, and no real person's record is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.http import HttpRequest
from django.utils.timezone import now
from wagtail.models import Page

from courses.checks import CheckState
from courses.completing import steps_asked
from courses.editions import asked_of, edition_of
from courses.models import (
    Attempt,
    AttemptKind,
    Edition,
    EditionTopic,
    Enrolment,
    EvidenceKind,
    Preparation,
    PreviewMode,
    ProgrammePage,
    TopicPage,
)
from courses.progress import Progress, Step, TopicProgress
from courses.reading import TopicReader

NOBODYS = 0  # a key that no row has

# What is done in the topic itself, and whether those before it are complete.
DONE: dict[str, set[EvidenceKind]] = {
    PreviewMode.NEW: set(),
    PreviewMode.BEGUN: {EvidenceKind.READ},
    PreviewMode.LOCKED: set(),
    PreviewMode.USED_UP: {EvidenceKind.READ},
    PreviewMode.DONE: {EvidenceKind.READ, EvidenceKind.CHECK, EvidenceKind.CALL},
}
FIRST_TOPIC_OF_ALL = {PreviewMode.NEW, PreviewMode.LOCKED}


def mode_in(request: HttpRequest | None) -> str:
    """The mode of a preview, new for an unknown one; empty where none is made."""
    if not getattr(request, "is_preview", False):
        return ""
    name = getattr(request, "preview_mode", None)
    return name if name in DONE else PreviewMode.NEW


def reader_in(page: TopicPage, mode: str) -> TopicReader:
    """Somebody in the programme who is as far as the mode says."""
    programme = ProgrammePage.objects.get(path=page.path[: -Page.steplen])
    edition = edition_of(programme)
    edition.pk = NOBODYS
    if mode == PreviewMode.LOCKED:
        edition.preparation = Preparation.FIRST
    enrolment = Enrolment(pk=NOBODYS, programme=programme, edition=edition)
    topics = tuple(_topics_of(programme, edition, page, mode))
    place = next(
        number for number, topic in enumerate(topics) if topic.topic.pk == page.pk
    )
    return TopicReader(
        programme=programme,
        edition=edition,
        enrolment=enrolment,
        progress=Progress(enrolment, topics),
        topics=topics,
        here=topics[place],
        before=topics[place - 1] if place else None,
        after=topics[place + 1] if place + 1 < len(topics) else None,
    )


def check_in(page: TopicPage, reader: TopicReader, mode: str) -> CheckState | None:
    """Where they are with its check; None where it has none."""
    if reader.enrolment is None or not page.questions:
        return None
    attempts: list[Attempt] = []
    if mode == PreviewMode.USED_UP:
        failed = Attempt(
            pk=NOBODYS,
            enrolment=reader.enrolment,
            topic=page,
            kind=AttemptKind.CHECK,
            questions=[],
            key={"questions": {}},
            answers={},
            submitted_at=now(),
            score_percent=0,
            passed=False,
        )
        attempts = [failed] * (page.attempts_allowed or 1)
    is_done = mode == PreviewMode.DONE
    return CheckState(
        enrolment=reader.enrolment,
        topic=page,
        kind=AttemptKind.PRACTICE if is_done else AttemptKind.CHECK,
        attempts=tuple(attempts),
        open_attempt=None,
        practice=None,
        more=0,
        passed_at=now() if is_done else None,
        in_call=None,
    )


def _topics_of(
    programme: ProgrammePage, edition: Edition, page: TopicPage, mode: str
) -> Iterator[TopicProgress]:
    """The published topics, and in its place the one that is previewed."""
    others = programme.topics().live().exclude(pk=page.pk)
    pages = sorted([*others, page], key=lambda each: each.path)
    here = pages.index(page)
    for order, each in enumerate(pages):
        asked = asked_of(each, order)
        asked.edition = edition
        if each is page:
            yield _done_so_far(asked, DONE[mode], mode)
        elif order < here and mode not in FIRST_TOPIC_OF_ALL:
            yield _done_so_far(asked, DONE[PreviewMode.DONE], PreviewMode.DONE)
        else:
            yield _done_so_far(asked, set(), PreviewMode.NEW)


def _done_so_far(
    asked: EditionTopic, kinds: set[EvidenceKind], mode: str
) -> TopicProgress:
    at: datetime = now()
    steps = tuple(
        Step(kind, at if kind in kinds else None) for kind in steps_asked(asked)
    )
    return TopicProgress(
        asked=asked,
        steps=steps,
        completed_at=at if mode == PreviewMode.DONE else None,
        used_up_at=at if mode == PreviewMode.USED_UP else None,
    )
