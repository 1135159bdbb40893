"""What an editor may choose of a design: each no stands at its field, in words."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from wagtail.admin.forms.models import WagtailAdminModelForm
from wagtail.images.models import Image

from certificates.designing import BOXES, printable_of
from certificates.letters import missing_letters
from content.branding import LEAST_CONTRAST, contrast, is_colour
from lms.errors import Refused
from lms.people.names import one_line

PRINTED = (
    *("heading", "above_name", "below_name", "foot"),
    *("signatory", "signatory_role"),
)
COLOURS = ("ink", "accent")


class DesignForm(WagtailAdminModelForm):
    def clean(self) -> dict[str, Any]:
        words: dict[str, Any] = super().clean()
        for name in (*PRINTED, "logo_text"):
            words[name] = one_line(words.get(name) or "")
        for name in PRINTED:
            if missing := missing_letters(words[name]):
                self._refuse(
                    name,
                    _("Our fonts have no letters for: %(letters)s")
                    % {"letters": " ".join(sorted(missing))},
                )
        self._require_readable(words)
        for name, box in BOXES.items():
            self._require_printable(name, words.get(name), box)
            if name in self.errors:  # and could not be shown in the form
                self._empty(name)
        if not words["signatory"] and (words["signatory_role"] or words["signature"]):
            self._refuse("signatory", _("Say whose signature it is."))
        return words

    def _require_readable(self, words: dict[str, Any]) -> None:
        paper = words.get("paper")
        if not paper and "paper" not in self.errors:  # a draft may lack it elsewhere
            self._refuse("paper", _("Choose the paper."))
        for name in COLOURS:
            colour = words.get(name)
            if colour is None:
                continue
            if not is_colour(colour):
                self._refuse(name, _("Give the colour as #rrggbb, such as #16294f."))
            elif paper and contrast(colour, paper) < LEAST_CONTRAST:
                self._refuse(
                    name,
                    _("Too pale to be read on this paper: please take a darker one."),
                )
            else:
                words[name] = colour.lower()

    def _require_printable(
        self, name: str, image: Image | None, box: tuple[int, int]
    ) -> None:
        if image is None:
            return
        try:
            printable_of(image, box)
        except Refused as refusal:
            self._refuse(name, str(refusal))

    def _empty(self, name: str) -> None:
        words = self.data.copy()  # type: ignore[has-type]  # Django's own
        words[self.add_prefix(name)] = ""
        self.data = words

    def _refuse(self, name: str, why: str) -> None:
        self.add_error(name, ValidationError(why))
