"""The file of checks and exercises, read: what `checks.toml` says, as plain objects."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lms.seed.policy import Block

FILE = Path(__file__).with_name("checks.toml")


@dataclass(frozen=True)
class Question:
    """One of a check; which of the fields it has follows from its kind."""

    kind: str
    text: str
    reason: str
    right: Sequence[str] = ()
    wrong: Sequence[str] = ()
    is_true: bool | None = None
    items: Sequence[str] = ()
    pairs: Sequence[tuple[str, str]] = ()
    quote: Sequence[str] = ()

    def block(self) -> Block:
        answers: Mapping[str, dict[str, Any]] = {
            "single": {"options": self._options()},
            "several": {"options": self._options()},
            "true_false": {"is_true": self.is_true},
            "order": {"items": list(self.items)},
            "match": {"pairs": [{"left": a, "right": b} for a, b in self.pairs]},
        }
        value = {"text": self.text, "reason": self.reason}
        return self.kind, value | answers[self.kind]

    def _options(self) -> list[dict[str, Any]]:
        """All answers by the alphabet: their order says nothing."""
        options = [
            *({"text": text, "is_right": True} for text in self.right),
            *({"text": text, "is_right": False} for text in self.wrong),
        ]
        return sorted(options, key=lambda option: str(option["text"]))


@dataclass(frozen=True)
class Choice:
    text: str
    reason: str
    is_right: bool = False


@dataclass(frozen=True)
class Case:
    text: str
    choices: Sequence[Choice]


@dataclass(frozen=True)
class Item:
    text: str
    reason: str


@dataclass(frozen=True)
class Category:
    name: str
    hint: str
    items: Sequence[Item]


@dataclass(frozen=True)
class Exercise:
    """Items to sort, or cases to decide on."""

    kind: str
    title: str
    task: str
    categories: Sequence[Category] = ()
    cases: Sequence[Case] = ()

    def block(self) -> Block:
        value: dict[str, Any] = {"title": self.title, "task": self.task}
        if self.kind == "sort":
            value["categories"] = [
                {
                    "name": category.name,
                    "hint": category.hint,
                    "items": [vars(item) for item in category.items],
                }
                for category in self.categories
            ]
        else:
            value["cases"] = [
                {"text": case.text, "choices": [vars(each) for each in case.choices]}
                for case in self.cases
            ]
        return self.kind, value


@dataclass(frozen=True)
class Check:
    """What a topic asks, and what it lets people practise. Draws all where None."""

    slug: str
    questions: Sequence[Question]
    exercises: Sequence[Exercise] = ()
    draw: int | None = None


def read_checks() -> dict[str, Check]:
    """Read the file: the topics' slugs, each with its check. Unknown keys are loud."""
    data = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {topic["slug"]: _check(topic) for topic in data["topic"]}


def _check(data: dict[str, Any]) -> Check:
    questions = [Question(**question) for question in data.pop("question")]
    exercises = [_exercise(exercise) for exercise in data.pop("exercise", [])]
    return Check(questions=questions, exercises=exercises, **data)


def _exercise(data: dict[str, Any]) -> Exercise:
    categories = [
        Category(items=[Item(**item) for item in category.pop("item")], **category)
        for category in data.pop("category", [])
    ]
    cases = [
        Case(choices=[Choice(**each) for each in case.pop("choice")], **case)
        for case in data.pop("case", [])
    ]
    return Exercise(categories=categories, cases=cases, **data)
