"""What people type about themselves."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.password_validation import (
    validate_password,
)
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from lms.mail.zones import ZONES
from lms.people.models import User
from lms.people.names import one_line


class NameField(forms.CharField):
    """A person's name: one line, nothing invisible."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("label", _("Your full name"))
        options.setdefault("help_text", _("As your certificates will print it."))
        super().__init__(max_length=120, **options)
        self.widget.attrs["autocomplete"] = "name"

    def to_python(self, value: Any) -> Any:
        return one_line(super().to_python(value) or "")


class WelcomeForm(forms.Form):
    """A new login's name, password and time zone.

    The zone is preset by the browser's (`zone.js`), and can be changed.
    """

    full_name = NameField()
    password = forms.CharField(
        label=_("Choose a password"),
        strip=False,
        max_length=128,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("At least 12 characters. Three or four words make a good one."),
    )
    time_zone = forms.ChoiceField(
        label=_("Your time zone"),
        choices=ZONES,
        help_text=_("All times are shown in it. You can change it in your settings."),
        widget=forms.Select(attrs={"data-detect-zone": ""}),
    )

    def __init__(self, *args: Any, email: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self.email = email
        if self.is_bound:  # what was chosen stands
            del self.fields["time_zone"].widget.attrs["data-detect-zone"]

    def clean(self) -> dict[str, Any]:
        words = super().clean() or {}
        if password := words.get("password"):
            person = User(email=self.email, full_name=words.get("full_name", ""))
            try:
                validate_password(password, person)
            except ValidationError as error:
                self.add_error("password", error)
        return words


class SettingsForm(forms.ModelForm[User]):
    full_name = NameField()

    class Meta:
        model = User
        fields = ["full_name", "time_zone", "call_needs"]
        labels = {
            "time_zone": _("Your time zone"),
            "call_needs": _("What you need for calls"),
        }
        help_texts = {
            "time_zone": _("All times are shown in it, and mail writes them in it."),
        }
        widgets = {"call_needs": forms.Textarea(attrs={"rows": 4})}


class SwitchForm(forms.Form):
    """Which membership to act as: one of one's own."""

    member = forms.IntegerField()
