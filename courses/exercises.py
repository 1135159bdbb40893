"""Practising: what an exercise asks, and what each answer deserves to hear.

It counts for nothing. Anybody who may read the topic may try, again and again; what
somebody in the programme answered is kept, and completes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from courses.exercise_blocks import FIELD, Answered, Ask, Exercise
from courses.models import Attempt, AttemptKind, Enrolment, TopicPage
from lms.errors import Refused


def find_exercise(topic: TopicPage, key: str) -> Exercise | None:
    """The exercise of this key in the topic's published text."""
    for block in topic.body:
        if block.id == key and block.block_type in ("sort", "cases"):
            exercise: Exercise = block.block.exercise(block.value, key=key)
            return exercise
    return None


def answers_in(exercise: Exercise, sent: Mapping[str, str]) -> list[Answered]:
    """What was chosen for each ask; what nobody could choose is left out."""
    answered = []
    for ask in exercise.asks:
        choice = sent.get(ask.field, "")
        known = any(choice == option.key for option in ask.options)
        answered.append(Answered(ask, choice if known else ""))
    return answered


def require_current(exercise: Exercise, sent: Mapping[str, str]) -> None:
    """Raise Refused when something is answered that the exercise does not ask.

    Then an editor has changed it since it was opened, or it never asked that.
    """
    asked = {ask.field: {o.key for o in ask.options} for ask in exercise.asks}
    for field, value in sent.items():
        if not field.startswith(FIELD) or not value:
            continue
        if value not in asked.get(field, ()):
            raise Refused(
                _(
                    "This exercise has changed since you opened it. "
                    "Please go through it once more."
                )
            )


def missing_in(answered: Sequence[Answered]) -> list[Answered]:
    """The same, each that is without an answer marked as missing; [] if none is."""
    if all(each.chosen for each in answered):
        return []
    return [
        Answered(each.ask, each.chosen, is_missing=not each.chosen) for each in answered
    ]


def mark(answered: Sequence[Answered]) -> list[Answered]:
    """The same, told what is right and why."""
    return [Answered(each.ask, each.chosen, is_marked=True) for each in answered]


def keep(
    enrolment: Enrolment,
    topic: TopicPage,
    exercise: Exercise,
    answered: Sequence[Answered],
) -> Attempt:
    """Keep what somebody in the programme answered, scored from itself.

    Written and filled at once: practice is never open, and completes nothing.
    """
    at = now()
    right = sum(each.is_right for each in answered)
    return Attempt.objects.create(
        enrolment=enrolment,
        topic=topic,
        kind=AttemptKind.PRACTICE,
        started_at=at,
        questions=[_as_shown(ask, exercise) for ask in exercise.asks],
        key=[{"key": ask.key, "right": sorted(ask.right)} for ask in exercise.asks],
        order=[ask.key for ask in exercise.asks],
        submitted_at=at,
        answers={each.ask.key: each.chosen for each in answered},
        score_percent=100 * right // len(answered),
        passed=right == len(answered),
    )


def _as_shown(ask: Ask, exercise: Exercise) -> dict[str, Any]:
    return {
        "exercise": exercise.key,
        "kind": exercise.kind,
        "key": ask.key,
        "text": ask.text,
        "options": [{"key": each.key, "text": each.text} for each in ask.options],
    }


def result_in_words(answered: Sequence[Answered]) -> str:
    """How it went, in a sentence; empty before it is marked."""
    if not any(each.is_marked for each in answered):
        return ""
    right, total = sum(each.is_right for each in answered), len(answered)
    if right == total:
        return ngettext(
            "Right. Well done.", "All %(total)d right. Well done.", total
        ) % {"total": total}
    return _("%(right)d of %(total)d right. Read why, and try the others again.") % {
        "right": right,
        "total": total,
    }


def missing_in_words(answered: Sequence[Answered]) -> str:
    """How many are without an answer, in a sentence; empty when none is marked so."""
    count = sum(each.is_missing for each in answered)
    if not count:
        return ""
    return ngettext(
        "One is left: please answer it, then check again.",
        "%(count)d are left: please answer them, then check again.",
        count,
    ) % {"count": count}
