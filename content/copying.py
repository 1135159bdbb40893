"""Copying a page in the CMS."""

from __future__ import annotations

from typing import Any

from wagtail.admin.forms.pages import CopyForm


class DraftCopyForm(CopyForm):
    """A copy is a draft of its own: neither published at once, nor an alias."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in ("publish_copies", "alias"):
            self.fields.pop(field, None)
