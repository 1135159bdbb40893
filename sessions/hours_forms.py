"""What a trainer sends about their hours; every field is checked here first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lms.errors import Refused
from sessions.hours import DAYS, Window, parse_hours
from sessions.minutes import DAY

LONGEST_LINE = 200
COPIED_FROM, COPIED_TO = 0, range(1, 5)  # Monday, to Tuesday until Friday
EXAMPLE = "09:00-12:00, 13:00-17:00"

_TIME = re.compile(r"(\d{1,2}?)(?:[:.]?(\d\d))?\s*(am|pm)?\b", re.IGNORECASE)
_COMMA = re.compile(r"[,;+&]|\band\b")
_SPAN = re.compile(r"\d\d:\d\d-\d\d:\d\d$")


def tidy(text: str) -> str:
    """Write one span of time as the rule reads it: "9-12", "1.30pm to 5pm".

    What is no time stays as it is: the rule refuses it.
    """
    text = re.sub(r"\s*(?:[-–—]|\bto\b|\buntil\b)\s*", "-", text.strip())
    return _TIME.sub(_clock, text)


def _clock(found: re.Match[str]) -> str:
    hour, minute, half = int(found[1]), found[2] or "00", (found[3] or "").lower()
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    return f"{hour:02}:{minute}"


def read_day(weekday: int, text: str) -> list[Window]:
    """Read one day's times, which name no day. Raises Refused in words."""
    pieces = [piece for each in _COMMA.split(text) if (piece := each.strip())]
    spans = [tidy(piece) for piece in pieces]
    for piece, span in zip(pieces, spans, strict=True):
        if not _SPAN.match(span):
            raise Refused(
                _("“%(piece)s” cannot be read. Write times like this: %(example)s.")
                % {"piece": piece[:60], "example": EXAMPLE}
            )
    return parse_hours(f"{DAYS[weekday]} {', '.join(spans)}") if spans else []


def write_day(windows: Iterable[Window]) -> str:
    """Write one day's windows as its field shows them."""
    return ", ".join(
        f"{_of_day(window.start)}-{_of_day(window.end)}" for window in sorted(windows)
    )


def _of_day(minute: int) -> str:
    if minute != DAY:
        minute %= DAY
    return f"{minute // 60:02}:{minute % 60:02}"


class TimesField(forms.CharField):
    """The times of one day; its value is a list of windows, none when it is empty."""

    def __init__(self, *, weekday: int = 0, **options: Any) -> None:
        options = {"required": False, "max_length": LONGEST_LINE} | options
        super().__init__(**options)
        self.weekday = weekday

    def clean(self, value: Any) -> list[Window]:
        try:
            return read_day(self.weekday, super().clean(value))
        except Refused as refusal:
            raise forms.ValidationError(str(refusal)) from None

    def prepare_value(self, value: Any) -> Any:
        return write_day(value) if isinstance(value, list) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return str(self.prepare_value(initial or "")) != str(data or "")


class WeekForm(forms.Form):
    """The weekly hours: a line of times for each day."""

    def __init__(self, data: Any = None, *, windows: Iterable[Window] = ()) -> None:
        super().__init__(data)
        windows = list(windows)
        for weekday, name in WEEKDAYS.items():
            self.fields[DAYS[weekday].lower()] = TimesField(
                weekday=weekday,
                label=name,
                initial=[one for one in windows if one.weekday == weekday],
                widget=forms.TextInput(
                    attrs={
                        "autocomplete": "off",
                        "data-day": weekday,
                        "placeholder": gettext_lazy("no hours"),
                    }
                ),
            )

    def clean(self) -> dict[str, Any]:
        """Let no day's hours reach into the next one's."""
        words = self.cleaned_data
        for weekday in range(7):
            one, other = (DAYS[(weekday + n) % 7].lower() for n in range(2))
            days = [*words.get(one, []), *words.get(other, [])]
            try:
                parse_hours("; ".join(str(window) for window in days))
            except Refused as refusal:
                self.add_error(other, str(refusal))
        return words

    @property
    def windows(self) -> list[Window]:
        """All hours of the week, once the form is valid."""
        return [window for day in DAYS for window in self.cleaned_data[day.lower()]]

    def rows(self) -> list[dict[str, Any]]:
        """Each day's field for the page, and what its times mean in words."""
        return [
            {
                "field": self[day.lower()],
                "note": self._note(weekday),
                "weekday": weekday,
            }
            for weekday, day in enumerate(DAYS)
        ]

    def _note(self, weekday: int) -> str:
        """Say in words how far the last of a day's windows reaches over midnight."""
        try:
            windows = read_day(weekday, str(self[DAYS[weekday].lower()].value() or ""))
        except Refused:
            return ""
        for window in windows:
            if window.end > DAY:
                return _("until %(time)s the next day") % {"time": _of_day(window.end)}
        return ""


def copied(data: Mapping[str, Any]) -> dict[str, Any]:
    """Give the words of a week in which Monday's stand on the days until Friday too."""
    words = {day.lower(): data.get(day.lower(), "") for day in DAYS}
    first = words[DAYS[COPIED_FROM].lower()]
    return words | {DAYS[weekday].lower(): first for weekday in COPIED_TO}
