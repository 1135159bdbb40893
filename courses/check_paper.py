"""A check's questions as they are shown once, apart from what is right of them.

A paper is drawn from the topic's page when somebody starts. From then on it stands by
itself: it is shown, answered and scored whatever becomes of the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
        if question["kind"] == "match":
            lefts = {left["id"] for left in question["lefts"]}
            pairs = given.items() if isinstance(given, dict) else ()
            kept[question["id"]] = {
                left: option
                for left, option in pairs
                if left in lefts and option in options
            }
        elif isinstance(given, list):
            kept[question["id"]] = [each for each in given if each in options]
    return kept


def _numbered(texts: Iterable[str]) -> list[Json]:
    """The texts as shown, numbered by their place."""
    return [
        {"id": str(number), "text": text} for number, text in enumerate(texts, start=1)
    ]


def _choice(value: Any, is_shuffled: bool) -> tuple[Json, Json]:
    rows = list(value["options"])
    if is_shuffled:
        dice.shuffle(rows)
    options = _numbered(row["text"] for row in rows)
    right = [
        option["id"]
        for option, row in zip(options, rows, strict=True)
        if row["is_right"]
    ]
    return {"options": options}, {"right": right}


def _true_false(value: Any, is_shuffled: bool) -> tuple[Json, Json]:
    options = _numbered([_("True"), _("False")])
    return {"options": options}, {"right": ["1" if value["is_true"] else "2"]}


def _order(value: Any, is_shuffled: bool) -> tuple[Json, Json]:
    rows = list(enumerate(value["items"]))
    dice.shuffle(rows)
    options = _numbered(text for _place, text in rows)
    places = {
        place: option["id"]
        for option, (place, _text) in zip(options, rows, strict=True)
    }
    return {"options": options}, {"right": [places[each] for each in sorted(places)]}


def _match(value: Any, is_shuffled: bool) -> tuple[Json, Json]:
    pairs = list(enumerate(value["pairs"]))
    if is_shuffled:
        dice.shuffle(pairs)
    partners = list(pairs)
    dice.shuffle(partners)
    lefts = _numbered(pair["left"] for _place, pair in pairs)
    options = _numbered(pair["right"] for _place, pair in partners)
    partner_of = {
        place: option["id"]
        for option, (place, _pair) in zip(options, partners, strict=True)
    }
    right = {
        left["id"]: partner_of[place]
        for left, (place, _pair) in zip(lefts, pairs, strict=True)
    }
    return {"lefts": lefts, "options": options}, {"right": right}


_MAKERS = {
    "single": _choice,
    "several": _choice,
    "true_false": _true_false,
    "order": _order,
    "match": _match,
}
