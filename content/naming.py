"""Naming some of many pages in a sentence."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _
from wagtail.models import Page

NAMED = 3


def name_some(pages: Iterable[Page]) -> str:
    """Name the first few of the pages: “Scope”, “Purpose” and more."""
    titles = [f"“{page.title}”" for page in pages]
    named = ", ".join(titles[:NAMED])
    if len(titles) > NAMED:
        return _("%(pages)s and more") % {"pages": named}
    return named
