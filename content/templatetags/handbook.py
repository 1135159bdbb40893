"""What a page of the handbook shows to the person who reads it."""

from __future__ import annotations

from dataclasses import dataclass

from django import template
from django.template import Context
from django.utils.translation import gettext as _
from wagtail.models import Page

from content.acknowledging import words_given
from content.models import Acknowledgement, HandbookPage
from content.walls import access_from

register = template.Library()

TOP_DEPTH = 3  # below the root and the home page


@dataclass(frozen=True)
class Part:
    """A page of the handbook in a list: `word` tells what the reader did or owes."""

    page: HandbookPage
    title: str
    url: str
    state: str
    current: bool
    word: str
    tone: str


@dataclass(frozen=True)
class Reader:
    """What the handbook asks of its reader on this page."""

    title: str
    parts: list[Part]
    is_top: bool
    confirmed: Acknowledgement | None
    may_confirm: bool


@register.simple_tag(takes_context=True)
def handbook_reader(context: Context, page: HandbookPage) -> Reader:
    """`{% handbook_reader page as reader %}`: two queries."""
    request = context.get("request")
    access = access_from(request)
    member = access.member if access else None
    top_path = page.path[: TOP_DEPTH * Page.steplen]
    pages = list(
        HandbookPage.objects.live().filter(path__startswith=top_path).order_by("path")
    )
    given = words_given(member, pages) if member else {}

    def shown(each: HandbookPage) -> Part:
        is_read = each.pk in given
        is_due = bool(member) and each.can_be_acknowledged and not is_read
        return Part(
            page=each,
            title=each.title,
            url=each.get_url(request) or "",
            state="done" if is_read else "open" if is_due else "page",
            current=each.pk == page.pk,
            word=_("Read") if is_read else _("To read") if is_due else "",
            tone="good" if is_read else "warn",
        )

    confirmed = given.get(page.pk)
    return Reader(
        title=pages[0].title if pages else page.title,
        parts=[shown(each) for each in pages],
        is_top=page.path == top_path,
        confirmed=confirmed,
        may_confirm=bool(member)
        and confirmed is None
        and page.live
        and page.can_be_acknowledged,
    )
