"""What search shows of a page: the words around what was looked for, marked."""

from __future__ import annotations

import re
from collections.abc import Iterator

from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe
from wagtail.fields import StreamField
from wagtail.models import Page
from wagtail.search.index import SearchField

AROUND = 90  # letters before the first hit
LONGEST = 220


def text_of(page: Page) -> str:
    """All that search looks through on a page but its title: checks, exercises and
    notes to editors give none of theirs."""
    return " ".join(" ".join(_parts_of(page)).split())


def _parts_of(page: Page) -> Iterator[str]:
    for indexed in type(page).search_fields:
        if not isinstance(indexed, SearchField) or indexed.field_name == "title":
            continue
        field = indexed.get_field(type(page))
        value = field.value_from_object(page)
        if isinstance(field, StreamField):
            yield from field.get_searchable_content(value)
        elif isinstance(value, str):
            yield value


def snippet(text: str, query: str) -> SafeString:
    """A piece of the text around the first word looked for, each of them marked.

    The beginning of the text where none of the words stands in it as it was typed.
    """
    pattern = _words(query)
    hit = pattern.search(text) if pattern else None
    start = max(0, hit.start() - AROUND) if hit else 0
    if start:
        start = text.find(" ", start, hit.start() if hit else None) + 1 or start
    piece = text[start : start + LONGEST]
    if start + LONGEST < len(text):
        piece = piece.rpartition(" ")[0] or piece
    before, after = "…" * bool(start), "…" * (start + len(piece) < len(text))
    return format_html("{}{}{}", before, highlight(piece, query), after)


def highlight(text: str, query: str) -> SafeString:
    """The text, escaped, with each word that begins as one looked for marked."""
    pattern = _words(query)
    if pattern is None:
        return conditional_escape(text)
    marked, place = [], 0
    for hit in pattern.finditer(text):
        marked.append(conditional_escape(text[place : hit.start()]))
        marked.append(format_html("<mark>{}</mark>", hit[0]))
        place = hit.end()
    marked.append(conditional_escape(text[place:]))
    return mark_safe("".join(marked))  # noqa: S308  each part is escaped


def _words(query: str) -> re.Pattern[str] | None:
    words = sorted(set(re.findall(r"\w+", query)), key=len, reverse=True)
    if not words:
        return None
    either = "|".join(re.escape(word) for word in words)
    return re.compile(rf"(?<!\w)(?:{either})\w*", re.IGNORECASE)
