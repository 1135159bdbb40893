"""What people send us about absences, a trainer who leaves, and disputes."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from lms.walls import unscoped
from sessions.cancelling import REASON_LENGTH
from sessions.models import Booking, BookingQuerySet, Trainer

LONGEST_DAYS = 365


def day_field(label: Any) -> forms.DateField:
    return forms.DateField(
        label=label,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        input_formats=["%Y-%m-%d"],
        error_messages={
            "required": _("Choose a day."),
            "invalid": _("That is not a day we can read: write 2026-11-24."),
        },
    )


class DaysForm(forms.Form):
    """Whole days, from the first to the last, both from `today` on."""

    first = day_field(_("From"))
    last = day_field(_("To, this day included"))

    def __init__(self, *args: Any, today: date, **more: Any) -> None:
        super().__init__(*args, **more)
        self.today = today
        for name in ("first", "last"):
            self.fields[name].widget.attrs["min"] = today.isoformat()

    def clean_first(self) -> date:
        first: date = self.cleaned_data["first"]
        if first < self.today:
            raise forms.ValidationError(_("That day is over. Choose today or later."))
        return first

    def clean(self) -> None:
        super().clean()
        first, last = self.cleaned_data.get("first"), self.cleaned_data.get("last")
        if not first or not last:
            return
        if last < first:
            self.add_error("last", _("The last day is before the first."))
        elif last - self.today > timedelta(days=LONGEST_DAYS):
            self.add_error("last", _("That is more than a year ahead."))


class CannotWorkForm(DaysForm):
    """Those days, and why."""

    reason = forms.CharField(
        label=_("What the trainees are told"),
        max_length=REASON_LENGTH,
        error_messages={"required": _("Say why, in a few words.")},
        help_text=_("A few words. You need not say what you have."),
    )

    def __init__(self, *args: Any, today: date, **more: Any) -> None:
        super().__init__(*args, today=today, **more)
        for name in ("first", "last"):
            self.fields[name].widget = forms.HiddenInput()


class LeavingForm(forms.Form):
    """What to do about the calls of a trainer who leaves, or about one of them."""

    ACTS = SPREAD, HAND, ASK, WITHDRAW, LET_GO = (
        "spread", "hand", "ask", "withdraw", "let_go",
    )  # fmt: skip
    act = forms.ChoiceField(choices=[(act, act) for act in ACTS])
    call = forms.ModelChoiceField(
        queryset=Booking.objects.none(), to_field_name="ref", required=False
    )
    to = forms.ModelChoiceField(
        queryset=unscoped(
            Trainer.objects, "trainers and the channel team hand calls to any colleague"
        ).filter(is_active=True, user__is_active=True),
        required=False,
    )

    def __init__(self, *args: Any, calls: BookingQuerySet, **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["call"].queryset = calls  # type: ignore[attr-defined]  # a ModelChoiceField

    def clean(self) -> None:
        super().clean()
        act = self.cleaned_data.get("act")
        if act in (self.HAND, self.ASK) and not self.cleaned_data.get("call"):
            raise forms.ValidationError(
                _("That call is no longer with this trainer. See what is left below.")
            )
        if act == self.HAND and not self.cleaned_data.get("to"):
            raise forms.ValidationError(_("Choose who takes the call."))


class OutsideForm(LeavingForm):
    """What to do about calls outside the hours: all of them, or one."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["act"].choices = [  # type: ignore[attr-defined]  # a ChoiceField
            (act, act) for act in self.ACTS if act != self.LET_GO
        ]


class SettleForm(forms.Form):
    """What the channel team found."""

    upheld = forms.TypedChoiceField(
        label=_("What happened?"),
        choices=[
            ("yes", _("They are right: take the mark off")),
            ("no", _("The call was missed: the mark stays")),
        ],
        coerce=lambda word: word == "yes",
        empty_value=None,
        widget=forms.RadioSelect,
        error_messages={"required": _("Say what you found.")},
    )
    answer = forms.CharField(
        label=_("Your answer"),
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": _("Say what you found, in a few words.")},
        help_text=_("Both of the call read it."),
    )
