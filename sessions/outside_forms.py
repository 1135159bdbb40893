"""What a trainer sends us about their other calendars."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _


class OutsideCalendarForm(forms.Form):
    """A name, and an ICS address; whether it is a good one, the rule says."""

    name = forms.CharField(
        label=_("Name"),
        max_length=80,
        help_text=_("Yours alone, such as “Private” or “Work”."),
        error_messages={"required": _("Give it a name, so that you know it again.")},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    url = forms.CharField(
        label=_("ICS address"),
        max_length=2000,
        help_text=_(
            "Also called secret or private address in iCal format. "
            "It begins with https:// or webcal://, and often ends in .ics."
        ),
        error_messages={"required": _("Paste the calendar’s ICS address.")},
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "inputmode": "url", "spellcheck": "false"}
        ),
    )

    def __init__(self, data: Any = None) -> None:
        super().__init__(data, auto_id="calendar-%s")  # one of several on its page
