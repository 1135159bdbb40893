"""What managers and the channel team send about people; checked here first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from courses.enrolling import editions_in_force
from courses.exempting import REASON_LENGTH
from courses.models import EditionTopic, Enrolment, ProgrammePage
from courses.requests import NOTE_LENGTH
from lms.forms import ManyField
from lms.people.models import Member, Team

WHY_LENGTH = 200
FOR_THEM = _("They read it, so write it for them.")
NOT_THEIRS = _("One of these people is not among yours. Choose them again.")


def why_field(length: int = WHY_LENGTH, **options: Any) -> forms.CharField:
    """A sentence that says why."""
    options.setdefault("label", _("Why"))
    options.setdefault("error_messages", {"required": _("Say why, in a few words.")})
    return forms.CharField(max_length=length, **options)


def due_field(**options: Any) -> forms.DateField:
    options.setdefault("label", _("Due on"))
    return forms.DateField(
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        **options,
    )


class LeaveForm(forms.Form):
    """The day from which somebody is no longer there."""

    on = forms.DateField(
        label=_("Left on"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("The first day on which they are no longer there."),
    )


class PlanForm(forms.Form):
    """The day from which somebody will no longer be there."""

    until_on = forms.DateField(
        label=_("They leave on"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_(
            "The first day on which they are no longer there. You and they are told "
            "14 days before."
        ),
    )


class AwayForm(forms.Form):
    """The first and the last day away."""

    first = forms.DateField(
        label=_("First day away"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    last = forms.DateField(
        label=_("Last day away"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )


class LeftFilter(forms.Form):
    """Whom of those who left to show; it stands in the address."""

    q = forms.CharField(
        required=False,
        max_length=200,
        label=_("Name"),
        widget=forms.TextInput(attrs={"type": "search"}),
    )


class TeamsForm(forms.Form):
    teams = ManyField(
        label=_("Teams"),
        queryset=Team.objects.all(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )


class ProgrammeField(forms.ModelChoiceField):  # type: ignore[type-arg]  # not generic at run time
    """A programme that takes people now; the editions are asked for once."""

    def __init__(self, **options: Any) -> None:
        super().__init__(ProgrammePage.objects.none(), **options)

    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(value)
        except OverflowError:  # a key that SQLite cannot hold is one that is not there
            raise ValidationError(
                self.error_messages["invalid_choice"], "invalid_choice"
            ) from None

    def offer(self, editions: Iterable[Any]) -> None:
        keys = [edition.programme_id for edition in editions]
        self.queryset = ProgrammePage.objects.filter(pk__in=keys).order_by("path")


class AddForm(forms.Form):
    """People to add to a programme, and until when they are to be done."""

    members = ManyField(
        label=_("People"),
        queryset=Member.objects.none(),
        widget=forms.MultipleHiddenInput,
        error_messages={
            "required": _("Choose at least one person."),
            "invalid_choice": NOT_THEIRS,
            "invalid_pk_value": NOT_THEIRS,
        },
    )
    programme = ProgrammeField(
        label=_("Programme"), empty_label=_("Choose a programme")
    )
    due_on = due_field(
        help_text=_("Empty: the programme’s own time, where it has one.")
    )

    def __init__(self, *args: Any, people: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["members"].queryset = people  # type: ignore[attr-defined]  # a ManyField
        self.fields["programme"].offer(editions_in_force())  # type: ignore[attr-defined]  # a ProgrammeField


class DueForm(forms.Form):
    due_on = due_field(help_text=_("Empty: no due date."))

    def __init__(
        self, data: Any = None, *, enrolment: Enrolment, **options: Any
    ) -> None:
        options.setdefault("initial", {"due_on": enrolment.due_on})
        super().__init__(data, auto_id="due_%s", **options)


class RemoveForm(forms.Form):
    why = why_field(help_text=FOR_THEM)

    def __init__(
        self, data: Any = None, *, enrolment: Enrolment, **options: Any
    ) -> None:
        super().__init__(data, auto_id="remove_%s", **options)


class ExemptForm(forms.Form):
    """Topics that somebody need not do: of those not complete yet."""

    topics = ManyField(
        label=_("Topics"),
        queryset=EditionTopic.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "invalid_choice": _("One of the topics is not open any more."),
            "invalid_pk_value": _("One of the topics is not open any more."),
        },
    )
    whole = forms.BooleanField(label=_("All that is still open"), required=False)
    why = why_field(
        REASON_LENGTH,
        help_text=_("For ByteKast alone: it stays with the exemption."),
    )

    def __init__(
        self, data: Any = None, *, enrolment: Enrolment, **options: Any
    ) -> None:
        super().__init__(data, auto_id="exempt_%s", **options)
        self.fields["topics"].queryset = EditionTopic.objects.filter(  # type: ignore[attr-defined]  # a ManyField
            edition=enrolment.edition_id
        ).exclude(
            topic__completions__enrolment=enrolment,
            topic__completions__voided_at=None,
        )

    def clean(self) -> dict[str, Any]:
        words = super().clean() or {}
        if words.get("whole"):
            words["topics"] = self.fields["topics"].queryset  # type: ignore[attr-defined]  # as above
        elif "topics" in words and not words["topics"]:
            self.add_error("topics", _("Choose at least one topic."))
        return words


class VoidForm(forms.Form):
    why = why_field(
        label=_("What was wrong"),
        help_text=_("It stays with the record. Managers may read it."),
        error_messages={"required": _("Say what was wrong, in a few words.")},
    )


class DecideForm(forms.Form):
    """Yes, or no with a reason."""

    do = forms.ChoiceField(
        choices=[("yes", _("Yes")), ("no", _("No"))],
        error_messages={"required": _("Say yes or no.")},
    )
    answer = forms.CharField(
        label=_("Why not"), required=False, max_length=300, help_text=FOR_THEM
    )


class AnswerForm(forms.Form):
    """The answer to somebody who asks to take a programme."""

    do = forms.ChoiceField(
        choices=[("grant", _("Add them")), ("decline", _("Decline"))],
        error_messages={"required": _("Add them, or decline.")},
    )
    due_on = due_field()
    answer = forms.CharField(
        label=_("Why not"), required=False, max_length=NOTE_LENGTH, help_text=FOR_THEM
    )
