"""What the first screen of the CMS says about programmes."""

from __future__ import annotations

from typing import Any

from wagtail.admin.ui.components import Component

from courses.to_fill_in import matters, to_look_at


class ToFillIn(Component):
    """Lists of what editors still have to fill in or confirm, and to look at again."""

    name = "to_fill_in"
    template_name = "courses/cms/to_fill_in.html"
    order = 150

    def get_context_data(self, parent_context: dict[str, Any]) -> dict[str, Any]:
        return {"matters": matters(), "to_look_at": to_look_at()}
