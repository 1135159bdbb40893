"""The editor's form of a handbook page: a correction, or a version that matters."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Max
from django.utils.translation import gettext_lazy as _

from content.whole import WholePageForm

CORRECTION, MATTERS = "", "yes"


class HandbookForm(WholePageForm):
    """Raises the version by one where the editor says that the change matters."""

    asks_again = forms.ChoiceField(
        label=_("This change"),
        required=False,
        choices=[
            (CORRECTION, _("Corrects the text: asks nothing of anybody")),
            (MATTERS, _("Matters: when published, everybody confirms it again")),
        ],
        widget=forms.RadioSelect,
        help_text=_("What people confirmed before stays on their record, as it was."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.put_up = self._version_put_up()
        if self.put_up is None:  # nobody was asked yet: there is nothing to repeat
            self.fields["asks_again"].disabled = True
            self.fields["asks_again"].help_text = _(
                "Nobody was asked to confirm this page yet: its first version is "
                "put up when you publish it with nothing left to fill in."
            )
        elif self.instance.version > self.put_up:
            self.initial["asks_again"] = MATTERS

    def save(self, commit: bool = True) -> Any:
        if self.put_up is not None:
            matters = self.cleaned_data["asks_again"] == MATTERS
            self.instance.version = self.put_up + matters
        return super().save(commit)

    def _version_put_up(self) -> int | None:
        if self.instance.pk is None:
            return None
        number: int | None = self.instance.versions.aggregate(put_up=Max("number"))[
            "put_up"
        ]
        return number
