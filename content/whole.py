"""What is published is whole: each way of publishing asks what the button asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from wagtail.admin.forms import WagtailAdminPageForm
from wagtail.fields import StreamField
from wagtail.models import Page

from content.naming import name_some


class WholePageForm(WagtailAdminPageForm):
    """The form of our pages. A draft may be saved unfinished, until it is submitted.

    What waits for approval can be published without this form: so each save of it is
    checked as if it were published.
    """

    def defer_required_fields(self) -> None:
        page = self.instance
        if page.pk is None or page.current_workflow_state is None:
            super().defer_required_fields()


def why_not_published(pages: Iterable[Page], *, with_drafts_below: bool = False) -> str:
    """Why the newest drafts of these pages cannot be published; empty for no reason."""
    unfinished = [
        page for page in _drafts(pages, with_drafts_below) if not is_whole(page)
    ]
    if not unfinished:
        return ""
    return _(
        "Nothing was published: %(pages)s cannot be published yet. Open the page, "
        "press Publish, and see what is missing."
    ) % {"pages": name_some(unfinished)}


def is_whole(page: Page) -> bool:
    """Whether the page, as it is held in memory, could be published by its form."""
    try:
        page.full_clean()
        for field in page._meta.get_fields():
            if isinstance(field, StreamField):
                field.stream_block.clean(field.value_from_object(page))
    except ValidationError:
        return False
    return True


def _drafts(pages: Iterable[Page], with_drafts_below: bool) -> Iterator[Any]:
    for page in pages:
        yield page.get_latest_revision_as_object()
        if with_drafts_below:
            for below in page.get_descendants().not_live().specific():
                yield below.get_latest_revision_as_object()
