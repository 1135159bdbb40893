"""A serial that somebody types, and a name."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from certificates import serials


class SerialForm(forms.Form):
    """Understands lower case, spaces, dashes, O for 0, I and L for 1."""

    serial = forms.CharField(
        label=_("Serial"),
        max_length=60,
        help_text=_("Thirteen letters and digits, such as 8K3Q-Z7MX-P4TD-H."),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "characters"}
        ),
        error_messages={
            "required": _("Type the serial that stands on the certificate.")
        },
    )

    def clean_serial(self) -> str:
        typed = serials.normalise(self.cleaned_data["serial"])
        if not serials.is_well_formed(typed):
            raise forms.ValidationError(
                _(
                    "A serial has thirteen letters and digits, without U. "
                    "Please compare it with the certificate."
                )
            )
        if not serials.is_valid(typed):
            raise forms.ValidationError(
                _(
                    "Its last symbol, which checks the others, does not match: "
                    "something is mistyped. Please compare it with the certificate."
                )
            )
        return typed

    def suggestions(self) -> list[str]:
        """Serials one slip away from what was typed, as people read them."""
        typed = str(self.data.get("serial", ""))[:60]
        return [serials.shown(serial) for serial in serials.suggestions(typed)]


class NameForm(forms.Form):
    """A name that a visitor knows, to compare with one that is hidden."""

    name = forms.CharField(
        label=_("The name you expect"),
        max_length=200,
        help_text=_("In full. Capitals, accents and the order do not matter."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": _("Type the name of the person you mean.")},
    )
