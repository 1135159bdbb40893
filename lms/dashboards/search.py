"""Finding programmes, topics and handbook pages."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import render
from wagtail.models import Page

from content.models import HandbookPage
from content.search_backend import LONGEST_QUERY, clean_query
from courses.models import ProgrammePage, TopicPage
from lms.people.access import MemberRequest

MOST_RESULTS = 30


@dataclass(frozen=True)
class Found:
    """A page, and where it stands."""

    page: Page
    within: str


@login_required
def search(request: MemberRequest) -> HttpResponse:
    """List the pages that hold the words, the best first."""
    if not request.access.may_read:
        raise PermissionDenied
    query = clean_query(request.GET.get("q", "")[: LONGEST_QUERY * 2])
    context = {"query": query, "found": find_pages(query) if query else []}
    return render(request, "dashboards/search.html", context)


def find_pages(query: str) -> list[Found]:
    """Pages with all the words; else those with words that begin so. Three queries."""
    pages = Page.objects.live().type(ProgrammePage, TopicPage, HandbookPage)
    hits = list(pages.search(query)[:MOST_RESULTS])
    hits = hits or list(pages.autocomplete(query)[:MOST_RESULTS])
    parents = {
        page.path: page.title
        for page in Page.objects.filter(path__in={_parent_path(hit) for hit in hits})
    }
    return [Found(hit, parents.get(_parent_path(hit), "")) for hit in hits]


def _parent_path(page: Page) -> str:
    return str(page.path[: -Page.steplen])
