"""Where pages stand, asked of Wagtail once and kept."""

from __future__ import annotations

from django.http import HttpRequest
from wagtail.models import Page

from content.kept import kept


def address_of(page: Page, request: HttpRequest | None) -> str:
    """The page's address for this request's site; empty where none leads to it.

    Kept while one of the site's pages is answered: elsewhere the site is not known.
    """
    site = getattr(request, "_wagtail_site", None)
    if site is None:
        return page.get_url(request) or ""
    key = ("address", site.pk, page.pk)
    return kept(request, key, lambda: page.get_url(request) or "")
