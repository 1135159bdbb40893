"""What this room does when pages change, or one of the handbook is published."""

from __future__ import annotations

from typing import Any

from django.db.models.signals import post_delete, post_save
from wagtail.documents.models import Document
from wagtail.images.models import Image
from wagtail.models import Collection, Revision, Site, get_page_models
from wagtail.signals import page_published, page_slug_changed, post_page_move

from content.kept import forget
from content.models import Branding, HandbookPage, Tag
from content.versions import put_up


def on_change(sender: object, **kwargs: Any) -> None:
    forget()


def on_published(
    sender: object, *, instance: HandbookPage, revision: Revision, **kwargs: Any
) -> None:
    put_up(instance, by=revision and revision.user)


def connect() -> None:
    """Listen to all that stands in what is kept: made, changed or deleted."""
    page_published.connect(on_published, sender=HandbookPage)
    for model in (*get_page_models(), Image, Document, Collection, Site, Branding, Tag):
        post_save.connect(on_change, sender=model)
        post_delete.connect(on_change, sender=model)
    for signal in (page_slug_changed, post_page_move):
        signal.connect(on_change)
