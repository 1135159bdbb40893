"""A check's questions as they are shown once, apart from what is right of them.

A paper is drawn from the topic's page when somebody starts. From then on it stands by
itself: it is shown, answered and scored whatever becomes of the page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import SystemRandom
from typing import Any

from django.utils.translation import gettext as _

from courses.models import Attempt, TopicPage

Answer = list[str] | dict[str, str]
Answers = Mapping[str, Answer]
Json = dict[str, Any]

dice = SystemRandom()


@dataclass(frozen=True)
class Paper:
    """What is shown, and the key to it, which is shown to nobody."""

    questions: list[Json]
    key: Json


def draw_paper(topic: TopicPage) -> Paper:
    """Draw the questions of an attempt from the topic's page, shuffled if it says so.

    Questions and answers are numbered by their place, which tells nothing. What is to
    be put in order, and the partners of pairs, are shuffled always.
    """
    blocks = list(topic.questions)
    if topic.draw and topic.draw < len(blocks):
        drawn = sorted(dice.sample(range(len(blocks)), topic.draw))
        blocks = [blocks[place] for place in drawn]
    if topic.is_shuffled:
        dice.shuffle(blocks)
    made = [
        _MAKERS[block.block_type](block.value, topic.is_shuffled) for block in blocks
    ]
    questions, keys = [], {}
    for number, (block, (shown, key)) in enumerate(
        zip(blocks, made, strict=True), start=1
    ):
        head = {
            "id": str(number),
            "kind": block.block_type,
            "text": block.value["text"],
        }
        questions.append(head | shown)
        keys[str(number)] = key | {"block": block.id, "reason": block.value["reason"]}
    return Paper(questions, {"pass_percent": topic.pass_percent, "questions": keys})


def is_paper(attempt: Attempt) -> bool:
    """Whether it is a check's, not an exercise's of the page."""
    return isinstance(attempt.key, dict) and "pass_percent" in attempt.key


def is_right(attempt: Attempt, question: Json, answers: Answers) -> bool:
    """Whether the question was answered as its key says: all of it, or not."""
    right = attempt.key["questions"][question["id"]]["right"]
    given = answers.get(question["id"])
    if question["kind"] in ("single", "several", "true_false"):
        return set(given or ()) == set(right)
    return bool(given == right)


def score_of(attempt: Attempt, answers: Answers) -> int:
    """The share of right answers in percent, rounded down; of no questions, 0."""
    right = sum(is_right(attempt, each, answers) for each in attempt.questions)
    return 100 * right // max(len(attempt.questions), 1)


def known_answers(questions: Sequence[Json], answers: Answers) -> dict[str, Answer]:
    """The answers to what was shown, by what was shown; all else is left out."""
    kept: dict[str, Answer] = {}
    for question in questions:
        given = answers.get(question["id"])
        options = {option["id"] for option in question["options"]}
        if isinstance(given, dict):
            lefts = {left["id"] for left in question.get("lefts", ())}
            kept[question["id"]] = {
                left: option
                for left, option in given.items()
                if left in lefts and option in options
            }
        elif given:
            kept[question["id"]] = [each for each in given if each in options]
    return kept


def _numbered(rows: Sequence[tuple[Any, str]]) -> tuple[list[Json], dict[str, Any]]:
    """The rows as shown, numbered by place; and each number's id on the page."""
    shown = [
        {"id": str(number), "text": text}
        for number, (_id, text) in enumerate(rows, start=1)
    ]
    names = {str(number): row[0] for number, row in enumerate(rows, start=1)}
    return shown, names


def _choice(value: Any, is_shuffled: bool) -> tuple[Json, Json]:
    rows = list(value["options"].bound_blocks)
    if is_shuffled:
        dice.shuffle(rows)
    options, names = _numbered([(row.id, row.value["text"]) for row in rows])
    right = [
        option["id"]
        for option, row in zip(options, rows, strict=True)
        if row.value["is_right"]
    ]
    return {"options": options}, {"right": right, "names": names}


def _true_false(value: Any, is_shuffled: bool) -> tuple[Json, Json]:
    options, names = _numbered([("true", _("True")), ("false", _("False"))])
    right = ["1" if value["is_true"] else "2"]
    return {"options": options}, {"right": right, "names": names}


def _order(value: Any, is_shuffled: bool) -> tuple[Json, Json]:
    rows = list(enumerate(value["items"].bound_blocks))
    dice.shuffle(rows)
    options, names = _numbered([(row.id, row.value) for _place, row in rows])
    places = {
        place: option["id"] for option, (place, _row) in zip(options, rows, strict=True)
    }
    right = [places[place] for place in sorted(places)]
    return {"options": options}, {"right": right, "names": names}


def _match(value: Any, is_shuffled: bool) -> tuple[Json, Json]:
    pairs = list(value["pairs"].bound_blocks)
    if is_shuffled:
        dice.shuffle(pairs)
    partners = list(pairs)
    dice.shuffle(partners)
    lefts, names = _numbered([(pair.id, pair.value["left"]) for pair in pairs])
    options, partner_names = _numbered(
        [(pair.id, pair.value["right"]) for pair in partners]
    )
    right = {
        left["id"]: options[partners.index(pair)]["id"]
        for left, pair in zip(lefts, pairs, strict=True)
    }
    key = {"right": right, "names": partner_names, "left_names": names}
    return {"lefts": lefts, "options": options}, key


_MAKERS = {
    "single": _choice,
    "several": _choice,
    "true_false": _true_false,
    "order": _order,
    "match": _match,
}
