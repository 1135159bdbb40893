"""The form of an attempt: its questions as they were shown, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from courses.check_paper import Answer, Json
from courses.models import Attempt

LINED = ("order", "match")  # kinds with a field for each of their lines
_MATCH_ALL = gettext_lazy("Choose for each line what belongs to it.")


def _lines(question: Json) -> list[Json]:
    lines: list[Json] = question.get("lefts") or question["options"]
    return lines


@dataclass(frozen=True)
class Part:
    """One question with its fields: one, or one for each line of it."""

    number: int
    question: Json
    fields: list[BoundField]

    @property
    def kind(self) -> str:
        return str(self.question["kind"])

    @property
    def text(self) -> str:
        return str(self.question["text"])

    @property
    def element_id(self) -> str:
        """Where the summary of errors leads: the first field's."""
        return self.fields[0].auto_id

    @property
    def lines(self) -> list[tuple[str, BoundField]]:
        """What is put in order or matched, each with its field."""
        texts = [line["text"] for line in _lines(self.question)]
        return list(zip(texts, self.fields, strict=True))

    @property
    def errors(self) -> list[str]:
        """What is wrong with it, each thing once."""
        said = [str(error) for field in self.fields for error in field.errors]
        return list(dict.fromkeys(said))


class CheckForm(forms.Form):
    """Every question wants an answer; which one, only the key knows."""

    def __init__(self, attempt: Attempt, data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.attempt = attempt
        self.names: dict[str, list[str]] = {}
        for question in attempt.questions:
            self.names[question["id"]] = list(self._add(question))

    def _add(self, question: Json) -> Any:
        """Add the fields of a question, and give their names."""
        name = f"q{question['id']}"
        options = [(option["id"], option["text"]) for option in question["options"]]
        if question["kind"] == "several":
            self.fields[name] = forms.MultipleChoiceField(
                label=_("Question %(number)s") % {"number": question["id"]},
                choices=options,
                widget=forms.CheckboxSelectMultiple,
                error_messages={
                    "required": _("Choose at least one answer."),
                    "invalid_choice": _("Choose among the answers shown."),
                },
            )
            yield name
            return
        if question["kind"] not in LINED:
            self.fields[name] = forms.ChoiceField(
                label=_("Question %(number)s") % {"number": question["id"]},
                choices=options,
                widget=forms.RadioSelect,
                error_messages={
                    "required": _("Choose an answer."),
                    "invalid_choice": _("Choose one of the answers shown."),
                },
            )
            yield name
            return

        lines = _lines(question)
        if question["kind"] == "order":
            places = [str(place) for place in range(1, len(lines) + 1)]
            choices = [("", _("Place")), *zip(places, places, strict=True)]
        else:
            choices = [("", _("Choose")), *options]
        for line in lines:
            self.fields[f"{name}-{line['id']}"] = forms.ChoiceField(
                label=_("Question %(number)s") % {"number": question["id"]},
                choices=choices,
                required=False,  # said once for all its lines
                error_messages={"invalid_choice": _("Choose among what is shown.")},
            )
            yield f"{name}-{line['id']}"

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for question in self.attempt.questions:
            names = self.names[question["id"]]
            if question["kind"] not in LINED or not cleaned.keys() >= set(names):
                continue
            given = [cleaned[name] for name in names]
            is_order = question["kind"] == "order"
            if "" in given:
                told = _("Give each line its place.") if is_order else _MATCH_ALL
                self.add_error(names[given.index("")], str(told))
            elif is_order and len(set(given)) < len(given):
                self.add_error(names[0], _("Give each place once."))
        return cleaned

    @property
    def parts(self) -> list[Part]:
        """The questions in their order, each with its fields."""
        return [
            Part(number, question, [self[name] for name in self.names[question["id"]]])
            for number, question in enumerate(self.attempt.questions, start=1)
        ]

    def answers(self) -> dict[str, Answer]:
        """What was answered, by question, once the form is valid."""
        return {
            question["id"]: self._answer(question)
            for question in self.attempt.questions
        }

    def _answer(self, question: Json) -> Answer:
        given = {
            name.rpartition("-")[2]: self.cleaned_data[name]
            for name in self.names[question["id"]]
        }
        if question["kind"] == "match":
            return given
        if question["kind"] == "order":
            return sorted(given, key=lambda option: int(given[option]))
        (answer,) = given.values()
        return list(answer) if question["kind"] == "several" else [answer]


def kept_fields(attempt: Attempt, sent: QueryDict) -> dict[str, Any]:
    """What was chosen so far and makes sense, by field: a list, or one word.

    All else that was sent is left out.
    """
    kept: dict[str, Any] = {}
    for name, field in CheckForm(attempt).fields.items():
        known = {str(value) for value, _label in getattr(field, "choices", ())} - {""}
        values = [value for value in sent.getlist(name) if value in known]
        if values:
            is_list = isinstance(field, forms.MultipleChoiceField)
            kept[name] = values if is_list else values[-1]
    return kept


def as_pairs(fields: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The same, as names and values for hidden inputs and addresses."""
    return [
        (name, value)
        for name, values in fields.items()
        for value in (values if isinstance(values, list) else [values])
    ]
