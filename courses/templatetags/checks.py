"""A topic's check on its page: where the reader is with it, and what was right."""

from __future__ import annotations

from dataclasses import dataclass

from django import template
from django.template import Context
from django.utils.timezone import now

from courses import previews
from courses.check_form import CheckForm
from courses.check_paper import Json, is_right
from courses.checks import CheckState, attempts_left_words, state_for_reader
from courses.models import Attempt, EvidenceKind, MoreAttempts, TopicPage
from courses.reading import TopicReader
from courses.templatetags.programmes import Call
from lms.walls import unscoped

register = template.Library()


@dataclass(frozen=True)
class ShownAnswer:
    """A question with what was answered; the right answer is empty where it waits."""

    number: int
    text: str
    is_right: bool
    given: list[str]
    right: list[str]
    reason: str
    in_order: bool


@register.simple_tag(takes_context=True)
def check_of(
    context: Context, reader: TopicReader, page: TopicPage
) -> CheckState | None:
    """`{% check_of reader page as check %}`: one query, two when it was passed in a call.

    None where there is no check, or the reader does not follow the topic.
    """
    if mode := previews.mode_in(context.get("request")):
        return previews.check_in(page, reader, mode)
    here, enrolment = reader.here, reader.enrolment
    if here is None or enrolment is None:
        return None
    if not page.questions and not here.asked.needs_check:
        return None
    return state_for_reader(
        enrolment,
        page,
        counts=here.is_missing(EvidenceKind.CHECK) and enrolment.is_open,
        passed_at=here.done_at(EvidenceKind.CHECK),
    )


@register.filter
def as_form(attempt: Attempt) -> CheckForm:
    """`{{ attempt|as_form }}`: its questions to answer."""
    return CheckForm(attempt)


@register.filter
def is_over(call: Call) -> bool:
    """`{% if call|is_over %}`: whether it waits for its trainer's word."""
    return call.ends_at <= now()


@register.filter
def left_words(check: CheckState) -> str:
    """`{{ check|left_words }}`: 2 attempts left."""
    return attempts_left_words(check.left)


@register.simple_tag
def given_attempts(check: CheckState) -> MoreAttempts | None:
    """`{% given_attempts check as given %}`: the last ones given; a query if any."""
    if not check.more:
        return None
    return (
        unscoped(MoreAttempts.objects, "of the check that is shown to its reader")
        .filter(enrolment=check.enrolment, topic=check.topic)
        .select_related("by")
        .last()
    )


@register.simple_tag
def shows_right(check: CheckState, attempt: Attempt) -> bool:
    """`{% shows_right check attempt as with_right %}`.

    Whether the right answers may be told: no attempt that counts is still to come."""
    return check.is_practice or bool(attempt.passed)


@register.simple_tag
def answers_of(attempt: Attempt, with_right: bool = True) -> list[ShownAnswer]:
    """`{% answers_of attempt True as answers %}`: each question as it was answered."""
    return [
        ShownAnswer(
            number=number,
            text=question["text"],
            is_right=is_right(attempt, question, attempt.answers or {}),
            given=_in_words(question, (attempt.answers or {}).get(question["id"])),
            right=_in_words(question, _key(attempt, question)["right"])
            if with_right
            else [],
            reason=_key(attempt, question)["reason"],
            in_order=question["kind"] == "order",
        )
        for number, question in enumerate(attempt.questions, start=1)
    ]


def _key(attempt: Attempt, question: Json) -> Json:
    key: Json = attempt.key["questions"][question["id"]]
    return key


def _in_words(question: Json, answer: list[str] | dict[str, str] | None) -> list[str]:
    texts = {option["id"]: option["text"] for option in question["options"]}
    if isinstance(answer, dict):
        lefts = {left["id"]: left["text"] for left in question.get("lefts", ())}
        return [
            f"{lefts[left]} → {texts[option]}"
            for left, option in answer.items()
            if left in lefts and option in texts
        ]
    return [texts[option] for option in answer or () if option in texts]
