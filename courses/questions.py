"""The questions of a topic's check, as editors write them.

Wagtail indexes the text of blocks: a question gives it none, so that no search finds
an answer or its reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from wagtail import blocks
from wagtail.blocks.list_block import ListBlockValidationError
from wagtail.blocks.struct_block import StructBlockValidationError

LONGEST_QUESTION = 600
LONGEST_OPTION = 300
MOST_OPTIONS = 12
MOST_QUESTIONS = 60


def doubled(texts: Iterable[str]) -> list[int]:
    """Which of them, by place, say the same as one before, but for case and spaces."""
    seen: set[str] = set()
    places = []
    for place, text in enumerate(texts):
        plain = " ".join(text.split()).casefold()
        if plain in seen:
            places.append(place)
        seen.add(plain)
    return places


def at_the_list(name: str, text: str) -> StructBlockValidationError:
    """An error shown above a list of the question."""
    errors = ListBlockValidationError(non_block_errors=[ValidationError(text)])
    return StructBlockValidationError({name: errors})


def at_the_doubled(
    name: str, places: Iterable[int], field: str = ""
) -> StructBlockValidationError:
    """An error shown at each line that another says already."""
    words = ValidationError(_("This says the same as a line above."))
    error = StructBlockValidationError({field: words}) if field else words
    errors = ListBlockValidationError(dict.fromkeys(places, error))
    return StructBlockValidationError({name: errors})


def text_block(words: Any, help_text: Any = "") -> blocks.CharBlock:
    return blocks.CharBlock(label=words, help_text=help_text, max_length=LONGEST_OPTION)


class LinesBlock(blocks.ListBlock):
    """A list that begins with as many lines as it needs at least."""

    def get_default(self) -> Any:
        lines = [self.child_block.get_default() for _line in range(self.meta.min_num)]
        return self.normalize(lines)


def reason_block() -> blocks.TextBlock:
    return blocks.TextBlock(
        label=gettext_lazy("Reason"),
        rows=2,
        max_length=LONGEST_QUESTION,
        help_text=gettext_lazy(
            "Why this is right. Shown to people after they have answered."
        ),
    )


class OptionBlock(blocks.StructBlock):
    """One of the answers to choose from."""

    text = text_block(gettext_lazy("Answer"))
    is_right = blocks.BooleanBlock(label=gettext_lazy("This is right"), required=False)

    class Meta:
        icon = "check"
        label = gettext_lazy("Answer")


class PairBlock(blocks.StructBlock):
    """What belongs together."""

    left = text_block(gettext_lazy("This"))
    right = text_block(gettext_lazy("belongs to"))

    class Meta:
        icon = "link"
        label = gettext_lazy("Pair")


class QuestionBlock(blocks.StructBlock):
    """What each question has. Those below add its answer, and the reason."""

    text = blocks.TextBlock(
        label=gettext_lazy("Question"),
        rows=2,
        max_length=LONGEST_QUESTION,
        help_text=gettext_lazy("One plain question. Ask for one thing."),
    )

    class Meta:
        icon = "help"
        preview_template = "courses/cms/question_preview.html"
        template = "courses/cms/question.html"

    def clean(self, value: Any) -> Any:
        """Also say what would make it a question without an answer.

        A draft may be saved unfinished.
        """
        cleaned = super().clean(value)
        if not self.is_deferred_validation:
            self.check_answer(cleaned)
        return cleaned

    def check_answer(self, value: Any) -> None:
        """Raise StructBlockValidationError where the answer is missing or unclear."""

    def get_searchable_content(self, value: object) -> list[str]:
        return []


class ChoiceBlock(QuestionBlock):
    """Answers to choose from."""

    options = LinesBlock(
        OptionBlock(),
        label=gettext_lazy("Answers"),
        min_num=2,
        max_num=MOST_OPTIONS,
        help_text=gettext_lazy("Two at least. Make the wrong ones likely mistakes."),
    )

    def check_answer(self, value: Any) -> None:
        if places := doubled(option["text"] for option in value["options"]):
            raise at_the_doubled("options", places, "text")
        if not any(option["is_right"] for option in value["options"]):
            raise at_the_list("options", _("Mark the answer that is right."))


class SingleBlock(ChoiceBlock):
    """One of the answers is right."""

    reason = reason_block()

    class Meta:
        icon = "radio-full"
        label = gettext_lazy("Choose one")
        description = gettext_lazy("Several answers, one of them right.")
        preview_value = {
            "text": "Who decides when a ticket is closed?",
            "options": [
                {"text": "The person who opened it", "is_right": True},
                {"text": "Whoever answered last", "is_right": False},
            ],
            "reason": "Only they know whether their problem is solved.",
        }

    def check_answer(self, value: Any) -> None:
        super().check_answer(value)
        right = [option for option in value["options"] if option["is_right"]]
        if len(right) > 1:
            raise at_the_list(
                "options",
                _("Mark one answer as right, or use “Choose all that are right”."),
            )


class SeveralBlock(ChoiceBlock):
    """Any number of the answers is right."""

    reason = reason_block()

    class Meta:
        icon = "tasks"
        label = gettext_lazy("Choose all that are right")
        description = gettext_lazy("Several answers, any number of them right.")
        preview_value = {
            "text": "What belongs in a ticket?",
            "options": [
                {"text": "What the person wanted to do", "is_right": True},
                {"text": "What happened instead", "is_right": True},
                {"text": "Their password", "is_right": False},
            ],
            "reason": "Nobody ever needs somebody else's password.",
        }


class TrueFalseBlock(QuestionBlock):
    """A sentence that is true or not."""

    text = blocks.TextBlock(
        label=gettext_lazy("Sentence"),
        rows=2,
        max_length=LONGEST_QUESTION,
        help_text=gettext_lazy("One plain sentence, true or false. Say one thing."),
    )
    is_true = blocks.BooleanBlock(
        label=gettext_lazy("It is true"),
        required=False,
        help_text=gettext_lazy("Tick it when the sentence above is true."),
    )
    reason = reason_block()

    class Meta:
        icon = "check"
        label = gettext_lazy("True or false")
        description = gettext_lazy("A sentence: people say whether it is true.")
        preview_value = {
            "text": "A ticket may be closed without a word to its person.",
            "is_true": False,
            "reason": "They would wait for an answer that does not come.",
        }


class OrderBlock(QuestionBlock):
    """Steps, kept in their right order."""

    items = LinesBlock(
        text_block(gettext_lazy("Step")),
        label=gettext_lazy("In the right order"),
        min_num=2,
        max_num=MOST_OPTIONS,
        help_text=gettext_lazy(
            "Write them in the right order: people see them shuffled."
        ),
    )
    reason = reason_block()

    class Meta:
        icon = "list-ol"
        label = gettext_lazy("Put in order")
        description = gettext_lazy("Steps that people put in the right order.")
        preview_value = {
            "text": "In which order do you take a ticket?",
            "items": ["Read it", "Sort it into a category", "Answer it"],
            "reason": "The category says who can answer, and how soon.",
        }

    def check_answer(self, value: Any) -> None:
        if places := doubled(value["items"]):
            raise at_the_doubled("items", places)


class MatchBlock(QuestionBlock):
    """Two lists, kept as pairs."""

    pairs = LinesBlock(
        PairBlock(),
        label=gettext_lazy("Pairs"),
        min_num=2,
        max_num=MOST_OPTIONS,
        help_text=gettext_lazy(
            "Each with its partner: people see the partners shuffled."
        ),
    )
    reason = reason_block()

    class Meta:
        icon = "link"
        label = gettext_lazy("Match pairs")
        description = gettext_lazy("Two lists: people say what belongs together.")
        preview_value = {
            "text": "Who helps with what?",
            "pairs": [
                {"left": "A forgotten password", "right": "Support"},
                {"left": "A request for one's data", "right": "Data protection"},
            ],
            "reason": "Whoever can act at once is the right person.",
        }

    def check_answer(self, value: Any) -> None:
        for side in ("left", "right"):
            if places := doubled(pair[side] for pair in value["pairs"]):
                raise at_the_doubled("pairs", places, side)


QUESTION_BLOCKS = [
    ("single", SingleBlock()),
    ("several", SeveralBlock()),
    ("true_false", TrueFalseBlock()),
    ("order", OrderBlock()),
    ("match", MatchBlock()),
]
