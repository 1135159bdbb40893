"""What a trainer sends about times for somebody, and about the list of the ready."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext_lazy as _

from courses.models import EditionTopic, ProgrammePage
from lms.forms import ManyField
from sessions.forms import PickForm, StartsField


class OtherTimeForm(forms.Form):
    """A time that is typed, by the clock of the page; and whether hours count."""

    other_date = forms.DateField(
        label=_("Date"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"invalid": _("Write the date as 2026-11-24.")},
    )
    other_time = forms.TimeField(
        label=_("Time"),
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        error_messages={"invalid": _("Write the time as 14:00.")},
    )
    any_hours = forms.BooleanField(
        label=_("It may be outside my hours and notice"), required=False
    )

    def at(self, zone: ZoneInfo) -> datetime | None:
        """The instant that was typed, in UTC; None for none.

        In the hour that a clock change repeats, its first occurrence. Raises
        ValidationError for half a time, and for one that the clock skips.
        """
        on: date | None = self.cleaned_data.get("other_date")
        clock: time | None = self.cleaned_data.get("other_time")
        if on is None and clock is None:
            return None
        if on is None or clock is None:
            raise forms.ValidationError(_("Give both a date and a time."))
        if not 2000 <= on.year < 2100:
            raise forms.ValidationError(_("That is not a date of this century."))
        typed = datetime.combine(on, clock.replace(second=0, microsecond=0))
        at = typed.replace(tzinfo=zone).astimezone(UTC)
        if at.astimezone(zone).replace(tzinfo=None) != typed:
            raise forms.ValidationError(
                _("The clocks go forward then, and skip that time. Choose another.")
            )
        return at


class ScheduleForm(PickForm):
    """The times chosen, to book as agreed or to propose. The rule has the last word."""

    topics = ManyField(
        queryset=EditionTopic.objects.none(),
        error_messages={
            "required": _("Choose at least one topic for the call."),
            "invalid_choice": _("One of the topics is not part of their programme."),
            "invalid_pk_value": _("One of the topics is not part of their programme."),
        },
    )
    start = StartsField(
        error_messages={
            "required": _("Choose a time."),
            "invalid": _("That is not a time we can read. Choose one below."),
        }
    )
    any_hours = forms.BooleanField(required=False)
    do = forms.ChoiceField(
        choices=[("book", "book"), ("propose", "propose")],
        required=False,
        error_messages={"invalid_choice": _("Book the time, or propose it.")},
    )
    request_key = forms.UUIDField(
        error_messages={
            "required": _("Choose a time below, then confirm it."),
            "invalid": _("Choose a time below, then confirm it."),
        }
    )

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or self.cleaned_data
        said["starts"] = [at for at in said.get("start") or [] if at]
        if said.get("do") != "propose" and len(said["starts"]) > 1:
            raise forms.ValidationError(
                _("Several times can only be proposed. To book one, remove the others.")
            )
        return said


class ReadyFilter(forms.Form):
    """What narrows the list of the ready; a bad value counts as none."""

    q = forms.CharField(required=False, max_length=100)
    programme = forms.TypedChoiceField(required=False, coerce=int, empty_value=None)

    def __init__(self, data: Any, *, programmes: Iterable[ProgrammePage]) -> None:
        super().__init__(data)
        self.fields["programme"].choices = [  # type: ignore[attr-defined]  # a ChoiceField
            ("", ""),
            *((programme.pk, programme.title) for programme in programmes),
        ]
