"""What this room does when something is changed that all readers are shown."""

from __future__ import annotations

from typing import Any

from django.db.models.signals import post_delete, post_save
from wagtail.documents.models import Document
from wagtail.images.models import Image
from wagtail.models import Collection, Site, get_page_models
from wagtail.signals import page_slug_changed, post_page_move

from content.kept import forget
from content.models import Branding


def on_change(sender: object, **kwargs: Any) -> None:
    forget()


def connect() -> None:
    """Listen to all that stands in what is kept: made, changed or deleted."""
    for model in (*get_page_models(), Image, Document, Collection, Site, Branding):
        post_save.connect(on_change, sender=model)
        post_delete.connect(on_change, sender=model)
    for signal in (page_slug_changed, post_page_move):
        signal.connect(on_change)
