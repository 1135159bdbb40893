"""Pages that readers may find: by words, by kind, by tag, and by what they share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from wagtail.models import Page

from content.kept import kept
from content.models import HandbookPage, HandbookTag, Tag
from content.snippets import highlight, snippet, text_of
from courses.models import ProgrammePage, TopicPage, TopicTag

MOST_RESULTS = 30
MOST_RELATED = 5


@dataclass(frozen=True)
class Kind:
    """A kind of page, as readers call it."""

    key: str
    word: str | Promise
    page_type: type[Page]


KINDS = [
    Kind("programme", _("Programme"), ProgrammePage),
    Kind("topic", _("Topic"), TopicPage),
    Kind("handbook", _("Handbook"), HandbookPage),
]


@dataclass(frozen=True)
class Found:
    """A page, where it stands, and the words around what was looked for."""

    page: Page
    kind: Kind
    within: str
    title: SafeString
    words: SafeString


def find_pages(
    query: str, *, kind: Kind | None = None, tag: Tag | None = None
) -> list[Found]:
    """Published pages with all the words; else those with words that begin so.

    Without words, all pages with the tag, in the order of the tree. Eight queries at
    most, for any number of pages.
    """
    kinds = [kind] if kind else KINDS
    pages = Page.objects.live().type(*(each.page_type for each in kinds))
    if tag:
        pages = pages.filter(pk__in=_tagged([tag.pk]))
    if query:
        hits = list(pages.search(query)[:MOST_RESULTS])
        hits = hits or list(pages.autocomplete(query)[:MOST_RESULTS])
    else:
        hits = list(pages.order_by("path")[:MOST_RESULTS]) if tag else []
    whole = {page.pk: page for page in _specific(hits)}
    parents = {
        page.path: page.title
        for page in Page.objects.filter(path__in={_parent_path(hit) for hit in hits})
    }
    return [
        Found(
            page=page,
            kind=next(each for each in KINDS if isinstance(page, each.page_type)),
            within=parents.get(_parent_path(page), ""),
            title=highlight(page.title, query),
            words=snippet(text_of(page), query),
        )
        for hit in hits
        if (page := whole.get(hit.pk))
    ]


def tags_in_use(request: HttpRequest | None) -> list[Tag]:
    """The tags of published pages, by name; kept for all readers."""
    return kept(request, "tags", _tags_in_use)


def _tags_in_use() -> list[Tag]:
    of_topics = TopicTag.objects.filter(content_object__live=True)
    of_handbook = HandbookTag.objects.filter(content_object__live=True)
    keys = {*of_topics.values_list("tag", flat=True)}
    keys |= {*of_handbook.values_list("tag", flat=True)}
    return list(Tag.objects.filter(pk__in=keys))


@dataclass(frozen=True)
class Related:
    """What a page has in common with others."""

    tags: Sequence[Tag]
    pages: Sequence[Page]


def related_to(page: Page, request: HttpRequest | None) -> Related:
    """The page's tags, and the published pages that share most of them.

    The same for all readers, and kept: four queries once, then none.
    """
    return kept(request, ("related", page.pk), lambda: _related_to(page))


def _related_to(page: Page) -> Related:
    tags = list(
        Tag.objects.filter(topic_items__content_object=page.pk)
        | Tag.objects.filter(handbook_items__content_object=page.pk)
    )
    if not tags:
        return Related((), ())
    shared = Counter(_tagged([tag.pk for tag in tags]))
    del shared[page.pk]
    pages = list(Page.objects.live().filter(pk__in=shared).order_by("path"))
    pages.sort(key=lambda each: -shared[each.pk])
    return Related(tags, pages[:MOST_RELATED])


def _tagged(tags: Iterable[int]) -> list[int]:
    """The keys of the pages with these tags, once for each that they have."""
    tags = list(tags)
    return [
        key
        for items in (TopicTag, HandbookTag)
        for key in items.objects.filter(tag__in=tags).values_list(
            "content_object", flat=True
        )
    ]


def _specific(hits: Sequence[Page]) -> list[Page]:
    """The hits as pages of their own types: a query for each type."""
    return list(Page.objects.filter(pk__in=[hit.pk for hit in hits]).specific())


def _parent_path(page: Page) -> str:
    return str(page.path[: -Page.steplen])
