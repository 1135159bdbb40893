"""Pages that people's records point to: what an editor may not do, said in words."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from wagtail.models import Page

from content.models import HandbookPage
from content.naming import name_some


def within(pages: Iterable[Page]) -> Q:
    """Match the pages and all that lies below them."""
    places = Q(pk__in=[])
    for page in pages:
        places |= Q(path__startswith=page.path)
    return places


def send_back(request: HttpRequest, page: Page, why: str) -> HttpResponse | None:
    """Show the editor why not, where the page is listed; None for no reason."""
    if not why:
        return None
    messages.error(request, why)
    listing = page.get_parent() or page
    return redirect("wagtailadmin_explore", listing.pk)


def why_handbook_stays(pages: Iterable[Page]) -> str:
    """Why these pages cannot be deleted: people were asked to confirm some."""
    asked = (
        HandbookPage.objects.filter(within(pages))
        .filter(Q(acknowledgements__isnull=False) | Q(versions__isnull=False))
        .distinct()
    )
    if not asked:
        return ""
    return _(
        "Nothing was deleted: people were asked to confirm %(pages)s, and that "
        "record stays. Unpublish the page instead."
    ) % {"pages": name_some(asked)}
