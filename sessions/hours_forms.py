"""What a trainer sends about their hours; every field is checked here first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf.locale import LANG_INFO
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from courses.models import ProgrammePage
from lms.errors import Refused
from lms.mail.zones import ZONES
from sessions.forms import InstantField
from sessions.hours import DAYS, RULES, Window, parse_hours
from sessions.minutes import DAY, placed
from sessions.models import RoomKind, Trainer
from sessions.room_links import LONGEST, require_room_url

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


# --- Days that differ ------------------------------------------------------------------


def _date_field(**options: Any) -> forms.DateField:
    return forms.DateField(widget=forms.DateInput(attrs={"type": "date"}), **options)


def _time_field(**options: Any) -> forms.TimeField:
    return forms.TimeField(
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"), **options
    )


class DayHoursForm(forms.Form):
    """Other hours on one date, or extra ones: a date and its times."""

    day = _date_field(label=gettext_lazy("Date"))
    times = TimesField(
        label=gettext_lazy("Times"),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "placeholder": EXAMPLE, "size": 20}
        ),
    )

    def clean_day(self) -> date:
        return _near(self.cleaned_data["day"])

    @property
    def spans(self) -> list[tuple[int, int]]:
        """Minutes from the date's midnight, once the form is valid."""
        return [(one.start, one.end) for one in self.cleaned_data["times"]]


class OtherHoursForm(DayHoursForm):
    """The hours of one date, instead of the week's."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["times"].help_text = _(
            "Instead of your weekly hours. Empty closes the day."
        )


class ExtraForm(DayHoursForm):
    """Hours on one date, beside the week's."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["times"].help_text = _("On top of your weekly hours, this once.")
        self.fields["times"].required = True
        self.fields["times"].error_messages["required"] = _("Say from when to when.")

    def clean_times(self) -> list[Window]:
        windows: list[Window] = self.cleaned_data["times"]
        if not windows:
            raise forms.ValidationError(_("Say from when to when."))
        return windows

    def instants(self, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
        """From when to when, on the zone's clock; once the form is valid."""
        day = self.cleaned_data["day"].toordinal()
        return [placed(zone, day, *span) for span in self.spans]


class TimeOffForm(forms.Form):
    """A time nobody can book: part of a day, a day, or many."""

    first = _date_field(label=gettext_lazy("From"))
    first_time = _time_field(label=gettext_lazy("at"), required=False)
    last = _date_field(label=gettext_lazy("To, this day too"), required=False)
    last_time = _time_field(label=gettext_lazy("at"), required=False)
    title = forms.CharField(
        label=gettext_lazy("What for"),
        required=False,
        max_length=80,
        help_text=gettext_lazy("For yourself: nobody else reads it."),
    )

    def instants(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """From when to when, on the zone's clock; once the form is valid.

        Without a last day it is the first one; without times, whole days.
        """
        words = self.cleaned_data
        first = words["first"].toordinal()
        last = (words["last"] or words["first"]).toordinal()
        start, _end = placed(zone, first, _minute(words["first_time"], 0), DAY)
        if words["last_time"] is None:
            return start, placed(zone, last + 1, 0, 0)[0]
        return start, placed(zone, last, 0, _minute(words["last_time"], 0))[1]

    def clean_first(self) -> date:
        return _near(self.cleaned_data["first"])

    def clean_last(self) -> date | None:
        last = self.cleaned_data["last"]
        return last and _near(last)

    def clean(self) -> dict[str, Any]:
        words = self.cleaned_data
        first, last = words.get("first"), words.get("last")
        if first and last and last < first:
            self.add_error("last", _("The last day is before the first."))
        elif first and first == (last or first):
            start = _minute(words.get("first_time"), 0)
            if start >= _minute(words.get("last_time"), DAY):
                self.add_error("last_time", _("It must end after it starts."))
        return words


def _minute(at: time | None, usual: int) -> int:
    return usual if at is None else at.hour * 60 + at.minute


def _near(day: date) -> date:
    """Let no date through that clocks cannot place: the rule refuses far ones."""
    if not 2000 <= day.year < 2200:
        raise forms.ValidationError(_("Choose a date within two years."))
    return day


class ReopenForm(forms.Form):
    """Time off, extra or other hours to take back, by an event of theirs."""

    event = forms.IntegerField(min_value=1, max_value=2**31 - 1)


class SpanForm(forms.Form):
    """Between when and when: for what a change has hit."""

    start = InstantField(required=False)
    end = InstantField(required=False)


# --- Rules, zone, what people see ----------------------------------------------------

SPOKEN = ["en", "de", "fr", "es", "pt", "it", "nl", "pl", "sv", "da", "no", "fi"]
SPOKEN += ["cs", "el", "tr", "ar", "he", "hi", "ja", "ko"]


def languages(spoken: Iterable[str] = ()) -> list[tuple[str, str]]:
    """Code and name of each language that calls can be held in."""
    codes = [*SPOKEN, *(code for code in spoken if code not in SPOKEN)]
    return [(code, _(LANG_INFO.get(code, {}).get("name", code))) for code in codes]


class RulesForm(forms.Form):
    """Rest, notice, horizon, caps and languages."""

    rest_minutes = forms.IntegerField(
        label=gettext_lazy("Rest after a call, in minutes"), min_value=0, max_value=240
    )
    notice_hours = forms.IntegerField(
        label=gettext_lazy("Shortest notice, in hours"), min_value=0, max_value=8760
    )
    horizon_days = forms.IntegerField(
        label=gettext_lazy("How far ahead, in days"), min_value=1, max_value=365
    )
    day_cap = forms.IntegerField(
        label=gettext_lazy("Most calls a day"),
        min_value=1,
        max_value=200,
        required=False,
    )
    week_cap = forms.IntegerField(
        label=gettext_lazy("Most calls a week"),
        min_value=1,
        max_value=200,
        required=False,
    )
    languages = forms.MultipleChoiceField(
        label=gettext_lazy("Languages you can hold a call in"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose at least one language.")},
    )

    def __init__(self, data: Any = None, *, trainer: Trainer) -> None:
        initial = {name: getattr(trainer, name) for name in [*RULES, "languages"]}
        super().__init__(data, initial=initial)
        self.fields["languages"].choices = languages(trainer.languages)  # type: ignore[attr-defined]  # a ChoiceField

    def clean(self) -> dict[str, Any]:
        words = self.cleaned_data
        notice, horizon = words.get("notice_hours"), words.get("horizon_days")
        if notice is not None and horizon and notice >= horizon * 24:
            self.add_error(
                "notice_hours",
                _("It must be shorter than how far ahead people can book."),
            )
        day, week = words.get("day_cap"), words.get("week_cap")
        if day and week and week < day:
            self.add_error("week_cap", _("It cannot be below that of a day."))
        return words


class LinkField(forms.CharField):
    """An outside link that people may be led to; empty for none."""

    def __init__(self, **options: Any) -> None:
        widget = forms.URLInput(attrs={"autocomplete": "off", "inputmode": "url"})
        usual: dict[str, Any] = {"required": False, "max_length": LONGEST}
        super().__init__(**usual | {"widget": widget} | options)

    def clean(self, value: Any) -> str:
        room_url = str(super().clean(value))
        try:
            require_room_url(room_url)
        except Refused as refusal:
            raise forms.ValidationError(str(refusal)) from None
        return room_url


class RoomForm(forms.Form):
    """Where one holds calls: in the room on this site, or behind an outside link."""

    room_kind = forms.ChoiceField(
        label=gettext_lazy("Your calls are in"),
        choices=[
            (RoomKind.ROOM, gettext_lazy("the room on this site")),
            (RoomKind.LINK, gettext_lazy("an outside link: Zoom, Teams, Meet")),
        ],
        widget=forms.RadioSelect,
    )
    room_url = LinkField(
        label=gettext_lazy("Outside link"),
        help_text=gettext_lazy(
            "With https://. People reach it through their call’s page. With the room "
            "on this site it is the way out when the connection is too bad."
        ),
    )

    def __init__(self, data: Any = None, *, trainer: Trainer) -> None:
        initial = {"room_kind": trainer.room_kind, "room_url": trainer.room_url}
        super().__init__(data, initial=initial, auto_id="room_%s")

    def clean(self) -> dict[str, Any]:
        words = self.cleaned_data
        is_link = words.get("room_kind") == RoomKind.LINK
        if is_link and words.get("room_url") == "":
            self.add_error("room_url", _("Add the link: people are sent there."))
        return words


class ZoneForm(forms.Form):
    """The zone whose clock the hours are on."""

    time_zone = forms.ChoiceField(label=gettext_lazy("Time zone"), choices=ZONES)


LENGTHS = [15, 20, 30, 45, 60, 90]


class PreviewForm(forms.Form):
    """As whom one looks at one's own free times; all in the address."""

    programme = forms.TypedChoiceField(
        label=gettext_lazy("Programme"), coerce=int, required=False
    )
    minutes = forms.TypedChoiceField(
        label=gettext_lazy("Length"),
        choices=[(length, gettext_lazy("%d minutes") % length) for length in LENGTHS],
        coerce=int,
        required=False,
    )
    zone = forms.ChoiceField(
        label=gettext_lazy("Times in"), choices=ZONES, required=False
    )
    day = forms.DateField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any, *, programmes: Iterable[ProgrammePage]) -> None:
        super().__init__(data)
        self.fields["programme"].choices = [(one.pk, one.title) for one in programmes]  # type: ignore[attr-defined]  # a ChoiceField
