"""What a page of the handbook shows to the person who reads it."""

from __future__ import annotations

from dataclasses import dataclass

from django import template
from django.template import Context
from django.utils.translation import gettext as _
from wagtail.models import Page

from content.acknowledging import Word, words_of
from content.models import Acknowledgement, HandbookPage
from content.versions import versions_asked
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
    owed: Word | None


@register.simple_tag(takes_context=True)
def handbook_reader(context: Context, page: HandbookPage) -> Reader:
    """`{% handbook_reader page as reader %}`: three queries."""
    request = context.get("request")
    access = access_from(request)
    member = access.member if access else None
    top_path = page.path[: TOP_DEPTH * Page.steplen]
    pages = list(
        HandbookPage.objects.live().filter(path__startswith=top_path).order_by("path")
    )
    asked = [each for each in pages if each.can_be_acknowledged] if member else []
    words = words_of([member], versions_asked(asked))[member.pk] if member else []
    by_page = {word.page.pk: word for word in words}

    def shown(each: HandbookPage) -> Part:
        word = by_page.get(each.pk)
        state, label, tone = _told(word)
        return Part(
            page=each,
            title=each.title,
            url=each.get_url(request) or "",
            state=state,
            current=each.pk == page.pk,
            word=label,
            tone=tone,
        )

    own = by_page.get(page.pk)
    return Reader(
        title=pages[0].title if pages else page.title,
        parts=[shown(each) for each in pages],
        is_top=page.path == top_path,
        confirmed=own.given if own else None,
        owed=own if own and own.given is None else None,
    )


def _told(word: Word | None) -> tuple[str, str, str]:
    """How a list tells it: the outline's state, the word, its tone."""
    if word is None:
        return "page", "", ""
    if word.given:
        return "done", _("Read"), "good"
    if word.is_overdue:
        return "open", _("Overdue"), "bad"
    return "open", _("To read"), "warn"
