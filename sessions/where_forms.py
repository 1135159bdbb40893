"""What is said of where a call is held, and of who else comes."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from sessions.hours_forms import LinkField
from sessions.switching import GUEST_LENGTH


class LinkForm(forms.Form):
    """An outside link for one call; empty: the trainer's."""

    room_url = LinkField(
        label=_("Another link, for this call alone"),
        help_text=_("With https://, as Zoom, Teams or Meet give it."),
    )

    @property
    def words(self) -> str:
        """What is wrong, as one text."""
        return " ".join(
            str(error) for errors in self.errors.values() for error in errors
        )


class GuestForm(forms.Form):
    """A third person in a call."""

    name = forms.CharField(
        label=_("Their name"),
        max_length=GUEST_LENGTH,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    role = forms.CharField(
        label=_("What they come for"),
        max_length=GUEST_LENGTH,
        help_text=_("Interpreter, for instance. Both of you read this."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
