"""What is sent about inviting: a list, its defaults, one invitation corrected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from lms.forms import ManyField
from lms.people.access import Access
from lms.people.forms import NameField
from lms.people.judging import LAST_YEAR, Defaults, resellers_of
from lms.people.models import Engagement, Invitation, InviteDraft, Reseller, Team
from lms.people.pasting import FIELDS, Line, line_of

LONGEST_TEXT = 2_000_000  # characters: 10,000 lines and room to spare
LARGEST_FILE = 5 * 1024 * 1024  # bytes
MOST_EDITED = 100  # lines at once: a page has 50


class DefaultsForm(forms.Form):
    """What holds for everybody on the list, unless their line says otherwise."""

    reseller = forms.ModelChoiceField(
        Reseller.objects.none(),
        label=_("Company"),
        empty_label=_("Choose a company"),
    )
    teams = ManyField(
        label=_("Teams"),
        queryset=Team.objects.all(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("They decide what each person has to learn."),
    )
    engagement = forms.ChoiceField(
        label=_("Here as"), choices=Engagement.choices, initial=Engagement.EMPLOYEE
    )
    until_on = forms.DateField(
        label=_("Until"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("If known: the first day they are no longer here."),
    )

    def __init__(self, *args: Any, access: Access, **options: Any) -> None:
        super().__init__(*args, **options)
        resellers = resellers_of(access)
        self.fields["reseller"].queryset = resellers  # type: ignore[attr-defined]  # a ModelChoiceField
        if access.is_manager and access.member and not access.may_change_people:
            self.fields["reseller"].initial = access.member.reseller_id
            self.fields["reseller"].empty_label = None  # type: ignore[attr-defined]  # as above
            if len(resellers) == 1:  # nothing to choose
                self.fields["reseller"].widget = forms.HiddenInput()

    def clean_until_on(self) -> Any:
        until_on = self.cleaned_data["until_on"]
        if until_on and until_on <= now().date():
            raise ValidationError(_("That day has passed."))
        if until_on and until_on.year > LAST_YEAR:
            raise ValidationError(_("That is too far away."))
        return until_on

    @property
    def defaults(self) -> Defaults:
        words = self.cleaned_data
        return Defaults(
            words["reseller"],
            list(words["teams"]),
            words["engagement"],
            words["until_on"],
        )


class PasteForm(DefaultsForm):
    """A list of people, pasted or as a file."""

    text = forms.CharField(
        label=_("The people"),
        required=False,
        max_length=LONGEST_TEXT,
        strip=False,
        error_messages={
            "max_length": _("This is more than we can read here. Choose a file.")
        },
        widget=forms.Textarea(
            attrs={"rows": 10, "spellcheck": "false", "autocomplete": "off"}
        ),
        help_text=_(
            "One per line: an address, or “Ann Lee &lt;ann@example.com&gt;”, or cells of a "
            "spreadsheet. After the name you can give teams, company, here as, until."
        ),
    )
    file = forms.FileField(
        label=_("Or a file"),
        required=False,
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,.xlsx"}),
        help_text=_("CSV or XLSX, at most 5 MB and 10,000 people."),
    )
    field_order = ["text", "file"]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # A browser cuts what is pasted at its maxlength, in silence.
        del self.fields["text"].widget.attrs["maxlength"]

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file and file.size > LARGEST_FILE:
            raise ValidationError(_("This file is larger than 5 MB."))
        return file

    def clean(self) -> dict[str, Any]:
        words = super().clean() or {}
        if not self.errors and not words["text"].strip() and not words["file"]:
            self.add_error("text", _("Paste the people, or choose a file."))
        return words


class CorrectForm(DefaultsForm):
    """What one invitation says."""

    full_name = NameField(
        label=_("Full name"),
        required=False,
        help_text=_("They can correct it when they accept."),
    )
    email = forms.EmailField(label=_("Email address"), max_length=254)
    field_order = ["full_name", "email"]

    def __init__(
        self, data: Mapping[str, Any] | None, *, invitation: Invitation, access: Access
    ) -> None:
        initial = {
            "full_name": invitation.full_name,
            "email": invitation.email,
            "reseller": invitation.reseller_id,
            "teams": list(invitation.teams.all()),
            "engagement": invitation.engagement,
            "until_on": invitation.until_on,
        }
        super().__init__(data, initial=initial, access=access)


def defaults_of(draft: InviteDraft) -> dict[str, Any]:
    """The form's words for what a list holds already."""
    return {
        "reseller": draft.reseller_id,
        "teams": list(draft.teams.all()),
        "engagement": draft.engagement,
        "until_on": draft.until_on,
    }


def typed_lines(data: QueryDict) -> tuple[dict[int, Line], set[int]]:
    """The lines as they were mended on a page, by number; and those left out.

    Any text may stand in a cell: the judge says what is wrong with it.
    """
    numbers = [_number(text) for text in data.getlist("line")[:MOST_EDITED]]
    lines = {
        number: line_of({name: data.get(f"{name}-{number}") for name in FIELDS})
        for number in numbers
        if number
    }
    left_out = {_number(text) for text in data.getlist("out")[:MOST_EDITED]}
    return lines, left_out - {0}


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 0
