"""What the channel team sends about a certificate; checked here first."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from certificates.correcting import REASONS, WHY_LENGTH
from certificates.models import End
from lms.people.forms import NameField


class FindForm(forms.Form):
    """What to look for among all certificates."""

    q = forms.CharField(
        required=False, max_length=100, label=_("Serial, name or email")
    )


class EndForm(forms.Form):
    """Why a certificate ends; `as_` says how."""

    reason = forms.ChoiceField(
        label=_("Why"),
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose a reason.")},
    )
    why = forms.CharField(
        label=_("In your words"),
        max_length=WHY_LENGTH,
        required=False,
        help_text=_("The channel team reads it, nobody else."),
    )

    def __init__(self, data: Any = None, *, as_: End) -> None:
        super().__init__(data, prefix=as_.value)
        choices: Any = self.fields["reason"]
        choices.choices = REASONS[as_].choices


class CorrectForm(forms.Form):
    """How the name is written."""

    full_name = NameField(
        label=_("The name as it should be"),
        help_text=_("Their record and new certificates will say it too."),
    )
    why = forms.CharField(
        label=_("What was wrong"), max_length=WHY_LENGTH, required=False
    )
    others = forms.BooleanField(
        label=_("Correct their other certificates with this name too"),
        required=False,
        initial=True,
    )
