"""What an editor says of the next edition, beyond what the pages say."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from courses.drafting import fingerprint
from courses.models import EditionDraft, Renewal
from lms.forms import ManyField


class EditionDraftForm(forms.Form):
    """The draft as a form; `seen` says what the editor had before them."""

    summary = forms.CharField(
        label=gettext_lazy("What has changed"),
        required=False,
        max_length=2000,
        strip=True,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy(
            "One or two sentences, for the mail to the people it touches."
        ),
    )
    redo_days = forms.IntegerField(
        label=gettext_lazy("Days in which the qualified redo what changed"),
        required=False,
        min_value=1,
        max_value=3650,
        help_text=gettext_lazy(
            "They stay qualified meanwhile. Empty: nothing is asked of those who are "
            "qualified."
        ),
    )
    renewal = forms.ChoiceField(
        label=gettext_lazy("At a renewal, people do"),
        choices=Renewal.choices,
        help_text=gettext_lazy(
            "A renewal asks for one call in any case; where no topic has one, for the "
            "first topic."
        ),
    )
    effective_on = forms.DateField(
        label=gettext_lazy("In force from"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=gettext_lazy("Empty: an hour after you put it up."),
    )
    changed = ManyField(queryset=None, required=False)
    left_out = ManyField(queryset=None, required=False)
    seen = forms.CharField(widget=forms.HiddenInput)

    def __init__(
        self, data: Any = None, *, draft: EditionDraft, **options: Any
    ) -> None:
        said = list(draft.topics.all())
        initial = {
            "summary": draft.summary,
            "redo_days": draft.redo_days,
            "renewal": draft.renewal,
            "effective_on": draft.effective_on,
            "changed": [row.topic_id for row in said if row.is_changed],
            "left_out": [row.topic_id for row in said if row.is_left_out],
            "seen": fingerprint(draft),
        }
        super().__init__(data, initial=initial, **options)
        for field in self.fields.values():
            if isinstance(field, ManyField):
                field.queryset = draft.programme.topics()

    def clean_effective_on(self) -> Any:
        day = self.cleaned_data["effective_on"]
        if day and day < now().date():
            raise forms.ValidationError(
                _("That day has passed: choose today or a later one.")
            )
        return day

    @property
    def said(self) -> dict[str, Any]:
        """What `save_draft` is told."""
        values = dict(self.cleaned_data)
        for name in ("changed", "left_out"):
            values[name] = {topic.pk for topic in values[name]}
        return values

    @property
    def ticked(self) -> dict[str, set[str]]:
        """The keys that are ticked, as they stand in the form."""
        return {
            name: {str(key) for key in self[name].value() or ()}
            for name in ("changed", "left_out")
        }
