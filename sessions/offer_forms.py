"""What people send us about offers and times they ask for."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django import forms
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from lms.mail.zones import ZONES
from sessions.asking import NOTE_LENGTH
from sessions.models import PartOfDay
from sessions.offers import REASON_LENGTH

NO_ANSWER = {"invalid": _("Choose one of the times, or none of them.")}
MONDAY = date(2024, 1, 1)


class AnswerForm(forms.Form):
    """The answer to an offer: one of its times, none of them, or its withdrawal."""

    take = forms.SlugField(
        required=False,
        max_length=16,
        widget=forms.HiddenInput,
        error_messages=NO_ANSWER,
    )
    answer = forms.ChoiceField(
        choices=[("none", "none"), ("withdraw", "withdraw")],
        required=False,
        widget=forms.HiddenInput,
        error_messages=NO_ANSWER | {"invalid_choice": NO_ANSWER["invalid"]},
    )
    line = forms.CharField(
        label=_("What would suit you?"),
        required=False,
        max_length=REASON_LENGTH,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("A line for your trainer, such as “mornings, from next week on”."),
    )

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or self.cleaned_data
        if not (said.get("take") or said.get("answer") or self.errors):
            raise forms.ValidationError(NO_ANSWER["invalid"])
        return said


def weekday(number: int) -> str:
    """The name of a day of the week; Monday is 0."""
    return date_format(MONDAY + timedelta(days=number), "l")


def weekdays() -> list[tuple[int, str]]:
    """The days of the week, Monday first."""
    return [(number, weekday(number)) for number in range(7)]


class AskForm(forms.Form):
    """Days and parts of the day that would suit, in one's own zone."""

    weekdays = forms.TypedMultipleChoiceField(
        label=_("Days that suit you"),
        choices=weekdays,
        coerce=int,
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "required": _("Choose at least one day of the week."),
            "invalid_choice": _("That is no day of the week."),
        },
    )
    parts = forms.MultipleChoiceField(
        label=_("Parts of the day"),
        choices=PartOfDay.choices,
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "required": _("Choose at least one part of the day."),
            "invalid_choice": _("That is no part of the day."),
        },
    )
    zone = forms.ChoiceField(
        label=_("By the clock of"),
        choices=ZONES,
        widget=forms.Select(attrs={"data-offer-zone": _("Use {zone}")}),
        error_messages={
            "invalid_choice": _(
                "We do not know that time zone. Choose one of the list."
            )
        },
    )
    note = forms.CharField(
        label=_("Anything else?"),
        required=False,
        max_length=NOTE_LENGTH,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("The trainers of your programme read it."),
    )
