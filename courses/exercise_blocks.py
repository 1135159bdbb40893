"""Exercises among a topic's text: sort items into categories, decide on cases.

What an editor writes; what is right and why never leaves the server before somebody
has answered. Each renders the same for all readers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from wagtail import blocks
from wagtail.blocks.list_block import ListBlockValidationError
from wagtail.blocks.struct_block import StructBlockValidationError
from wagtail.models import Page

from content.blocks import BODY_BLOCKS
from courses.questions import LinesBlock, at_the_doubled, at_the_list, doubled

MOST_CATEGORIES, MOST_ITEMS, MOST_CASES, MOST_CHOICES = 6, 12, 12, 6


FIELD = "answer-"
"""What the name of each of its fields begins with; the ask's key follows."""


@dataclass(frozen=True)
class Option:
    """What one may answer: a category, or a choice."""

    key: str
    text: str
    hint: str = ""


@dataclass(frozen=True)
class Ask:
    """One item to sort, or one case to decide on; with what is right, and why."""

    key: str
    text: str
    options: tuple[Option, ...]
    right: frozenset[str]
    reasons: Mapping[str, str]

    @property
    def field(self) -> str:
        return f"{FIELD}{self.key}"

    @property
    def right_text(self) -> str:
        return _(" or ").join(o.text for o in self.options if o.key in self.right)


@dataclass(frozen=True)
class Exercise:
    """A whole exercise, in the order in which all readers see it."""

    key: str
    kind: str
    title: str
    task: str
    asks: tuple[Ask, ...]

    @property
    def options(self) -> tuple[Option, ...]:
        """The categories of a sorting exercise: the same for each of its items."""
        return self.asks[0].options if self.asks else ()

    @property
    def unanswered(self) -> list[Answered]:
        return [Answered(ask) for ask in self.asks]


@dataclass(frozen=True)
class Answered:
    """An ask with what somebody chose, empty for nothing; told once it is marked."""

    ask: Ask
    chosen: str = ""
    is_marked: bool = False
    is_missing: bool = False

    @property
    def is_right(self) -> bool:
        return self.chosen in self.ask.right

    @property
    def reason(self) -> str:
        return self.ask.reasons.get(self.chosen, "")


def mixed(asks: Sequence[Ask]) -> tuple[Ask, ...]:
    """The asks in an order that says nothing of where they belong.

    It follows from their keys alone: the same for all readers, and on every day.
    """

    def place(ask: Ask) -> bytes:
        return hashlib.sha256(ask.key.encode()).digest()

    return tuple(sorted(asks, key=place))


def address_of(page: Page | None, exercise: Exercise) -> str:
    """Where it is answered; empty while its page has never been saved."""
    if page is None or page.pk is None or not exercise.key:
        return ""
    return reverse("courses:practise", args=[page.pk, exercise.key])


class ExerciseBlock(blocks.StructBlock):
    """What both kinds of exercise have: a title, a task, nothing to be searched."""

    title = blocks.CharBlock(max_length=80)
    task = blocks.TextBlock(
        required=False,
        max_length=500,
        help_text=gettext_lazy("What people do here, in one or two sentences."),
    )

    class Meta:
        template = "courses/blocks/exercise.html"
        group = gettext_lazy("Learning by doing")

    def clean(self, value: Any) -> Any:
        """Also say what would make it an exercise without an answer.

        A draft may be saved unfinished.
        """
        cleaned = super().clean(value)
        if not self.is_deferred_validation:
            self.check_answer(cleaned)
        return cleaned

    def check_answer(self, value: Any) -> None:
        """Raise StructBlockValidationError where it contradicts itself."""

    def get_searchable_content(self, value: object) -> list[str]:
        return []

    def get_context(
        self, value: Any, parent_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        around = dict(parent_context or {})
        context: dict[str, Any] = super().get_context(value, around)
        exercise = self.exercise(value, key=str(around.get("id") or ""))
        page = around.get("page")
        return context | {
            "exercise": exercise,
            "answered": exercise.unanswered,
            "address": address_of(page, exercise),
        }

    def exercise(self, value: Any, *, key: str) -> Exercise:
        """The exercise as the rules know it; `key` is the block's id in its page."""
        raise NotImplementedError


class SortItemBlock(blocks.StructBlock):
    text = blocks.TextBlock(label=gettext_lazy("Item"), max_length=400)
    reason = blocks.TextBlock(
        required=False,
        max_length=400,
        help_text=gettext_lazy("Why it belongs here. Shown once people have answered."),
    )

    class Meta:
        icon = "doc-empty"


class CategoryBlock(blocks.StructBlock):
    name = blocks.CharBlock(label=gettext_lazy("Category"), max_length=60)
    hint = blocks.CharBlock(
        required=False,
        max_length=160,
        help_text=gettext_lazy("What belongs here, in a few words. Shown beforehand."),
    )
    items = blocks.ListBlock(
        SortItemBlock(),
        min_num=1,
        max_num=MOST_ITEMS,
        label=gettext_lazy("What belongs here"),
    )

    class Meta:
        icon = "folder-open-1"
        label_format = "{name}"

    def clean(self, value: Any) -> Any:
        if not len(value["items"]) and not self.is_deferred_validation:
            words = _("Nothing belongs here: add an item, or take the category out.")
            raise at_the_list("items", words)
        return super().clean(value)


class SortBlock(ExerciseBlock):
    categories = LinesBlock(
        CategoryBlock(),
        min_num=2,
        max_num=MOST_CATEGORIES,
        help_text=gettext_lazy(
            "Write each item below the category it belongs to. "
            "People see all items in one mixed list."
        ),
    )

    class Meta:
        icon = "folder-inverse"
        label = gettext_lazy("Exercise: sort")
        description = gettext_lazy(
            "People sort items, such as sample tickets, into categories."
        )
        preview_value = {
            "title": "Sort the requests",
            "task": "What kind of request is each of these?",
            "categories": [
                {
                    "name": "Question",
                    "hint": "Nothing is broken",
                    "items": [{"text": "How do I change my address?", "reason": ""}],
                },
                {
                    "name": "Incident",
                    "hint": "It worked before",
                    "items": [{"text": "Since noon nobody gets in.", "reason": ""}],
                },
            ],
        }

    def check_answer(self, value: Any) -> None:
        if again := doubled(each["name"] for each in value["categories"]):
            raise at_the_doubled("categories", again, "name")
        places = [
            (at, number)
            for at, category in enumerate(value["categories"])
            for number in range(len(category["items"]))
        ]
        texts = (value["categories"][at]["items"][n]["text"] for at, n in places)
        by_category: dict[int, list[int]] = {}
        for again_at in doubled(texts):
            at, number = places[again_at]
            by_category.setdefault(at, []).append(number)
        if by_category:
            errors = {
                at: at_the_doubled("items", numbers, "text")
                for at, numbers in by_category.items()
            }
            listed = ListBlockValidationError(block_errors=errors)
            raise StructBlockValidationError({"categories": listed})

    def exercise(self, value: Any, *, key: str) -> Exercise:
        bound = value["categories"].bound_blocks
        options = tuple(
            Option(each.id, each.value["name"], hint=each.value["hint"])
            for each in bound
        )
        asks = [
            Ask(
                key=item.id,
                text=item.value["text"],
                options=options,
                right=frozenset([category.id]),
                reasons=dict.fromkeys(
                    (option.key for option in options), item.value["reason"]
                ),
            )
            for category in bound
            for item in category.value["items"].bound_blocks
        ]
        return Exercise(
            key=key,
            kind="sort",
            title=value["title"],
            task=value["task"],
            asks=mixed(asks),
        )


class ChoiceBlock(blocks.StructBlock):
    text = blocks.TextBlock(label=gettext_lazy("Choice"), max_length=300)
    is_right = blocks.BooleanBlock(label=gettext_lazy("right"), required=False)
    reason = blocks.TextBlock(
        max_length=400,
        help_text=gettext_lazy(
            "Why, or why not. Shown to those who chose it, once they have answered."
        ),
    )

    class Meta:
        icon = "radio-empty"


class CaseBlock(blocks.StructBlock):
    text = blocks.TextBlock(label=gettext_lazy("Case"), max_length=800)
    choices = LinesBlock(
        ChoiceBlock(),
        min_num=2,
        max_num=MOST_CHOICES,
        help_text=gettext_lazy(
            "In the order in which people see them. More than one may be right."
        ),
    )

    class Meta:
        icon = "doc-full"
        label_format = "{text}"

    def clean(self, value: Any) -> Any:
        cleaned = super().clean(value)
        if self.is_deferred_validation:
            return cleaned
        right = [each["is_right"] for each in cleaned["choices"]]
        if not any(right):
            raise at_the_list("choices", _("No choice is right yet: tick one."))
        if all(right):
            words = _("Every choice is right: then there is nothing to decide.")
            raise at_the_list("choices", words)
        if again := doubled(each["text"] for each in cleaned["choices"]):
            raise at_the_doubled("choices", again, "text")
        return cleaned


class CasesBlock(ExerciseBlock):
    cases = blocks.ListBlock(CaseBlock(), min_num=1, max_num=MOST_CASES)

    class Meta:
        icon = "decimal"
        label = gettext_lazy("Exercise: decide on cases")
        description = gettext_lazy(
            "People decide on each case, such as whether to escalate and to whom."
        )
        preview_value = {
            "title": "What do you do?",
            "task": "Decide on each case.",
            "cases": [
                {
                    "text": "A customer sees another customer's list.",
                    "choices": [
                        {
                            "text": "Pass it on at once",
                            "is_right": True,
                            "reason": "It is about other people's data.",
                        },
                        {
                            "text": "Try it again tomorrow",
                            "is_right": False,
                            "reason": "Time may be running already.",
                        },
                    ],
                }
            ],
        }

    def check_answer(self, value: Any) -> None:
        if again := doubled(each["text"] for each in value["cases"]):
            raise at_the_doubled("cases", again, "text")

    def exercise(self, value: Any, *, key: str) -> Exercise:
        asks = []
        for case in value["cases"].bound_blocks:
            choices = case.value["choices"].bound_blocks
            asks.append(
                Ask(
                    key=case.id,
                    text=case.value["text"],
                    options=tuple(Option(c.id, c.value["text"]) for c in choices),
                    right=frozenset(c.id for c in choices if c.value["is_right"]),
                    reasons={c.id: c.value["reason"] for c in choices},
                )
            )
        return Exercise(
            key=key,
            kind="cases",
            title=value["title"],
            task=value["task"],
            asks=tuple(asks),
        )


EXERCISE_BLOCKS = [("sort", SortBlock()), ("cases", CasesBlock())]
TOPIC_BLOCKS = [*BODY_BLOCKS, *EXERCISE_BLOCKS]
