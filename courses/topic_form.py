"""What the CMS says to an editor's topic before it is published."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from content.whole import WholePageForm


class TopicForm(WholePageForm):
    """A topic's form. A draft may be saved unfinished; what is published may not."""

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean()
        if not self.is_deferred_validation and "questions" in cleaned:
            self._check_the_draw(cleaned)
        return cleaned

    def _check_the_draw(self, cleaned: dict[str, Any]) -> None:
        count, draw = len(cleaned["questions"]), cleaned.get("draw")
        if draw and draw > count:
            words = _("There are only %(count)d questions to draw from.")
            self.add_error("draw", words % {"count": count})
