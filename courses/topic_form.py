"""What the CMS says to an editor's topic before it is published."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from content.whole import WholePageForm
from lms.walls import unscoped


class TopicForm(WholePageForm):
    """A topic's form. A draft may be saved unfinished; what is published may not."""

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean()
        if not self.is_deferred_validation and "questions" in cleaned:
            self._check_the_draw(cleaned)
            if not cleaned["questions"] and self._is_check_asked():
                words = _(
                    "People are asked to pass this check: it needs a question at "
                    "least. To do without it, publish an edition that does not ask "
                    "for it."
                )
                self.add_error("questions", words)
        return cleaned

    def _is_check_asked(self) -> bool:
        """Whether the edition in force asks for the check, or an open enrolment's."""
        if self.instance.pk is None:
            return False
        asking = self.instance.edition_topics.filter(needs_check=True)
        return any(
            unscoped(row.edition.enrolments, "whether there is any").open().exists()
            or row.edition.programme.edition_on() == row.edition
            for row in asking.select_related("edition__programme")
        )

    def _check_the_draw(self, cleaned: dict[str, Any]) -> None:
        count, draw = len(cleaned["questions"]), cleaned.get("draw")
        if draw and draw > count:
            words = _("There are only %(count)d questions to draw from.")
            self.add_error("draw", words % {"count": count})
