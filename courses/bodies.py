"""A topic's own text, the same for all its readers: made once, and kept.

Only the published text is kept. What is one reader's alone stays out of it: a form in
the text has `<!--csrf-->` where its reader's token goes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.utils.html import format_html, strip_tags
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from content.kept import kept
from courses.models import TopicPage

TOKEN_MARK = "<!--csrf-->"  # noqa: S105  where a token goes, not one
WORDS_A_MINUTE = 200


@dataclass(frozen=True)
class Texts:
    """A topic's own text, ready to be shown.

    `lead` is what people will be able to do and the body, `rest` what the call goes
    through and what to prepare. `minutes` counts words; how long a video lasts,
    nobody knows.
    """

    lead: SafeString
    rest: SafeString
    minutes: int
    has_video: bool


def texts_of(
    page: TopicPage, request: HttpRequest | None, *, in_call: bool = True
) -> Texts:
    """The text as this reader gets it, their token in its forms.

    `in_call` is whether a call covers the topic: what its holes say. No query where
    it is kept; a preview is made anew.
    """
    if getattr(request, "is_preview", False):
        texts = make_texts(page, in_call=in_call)
    else:
        key = ("topic", page.pk, page.live_revision_id, page.last_published_at, in_call)
        texts = kept(request, key, lambda: make_texts(page, in_call=in_call))
    if request is None or TOKEN_MARK not in texts.lead:
        return texts
    field = format_html(
        '<input type="hidden" name="csrfmiddlewaretoken" value="{}">',
        get_token(request),
    )
    lead = mark_safe(texts.lead.replace(TOKEN_MARK, field))  # noqa: S308  both are ours
    return replace(texts, lead=lead)


def blocks_of(page: TopicPage, request: HttpRequest | None) -> tuple[str, ...]:
    """The ids of the published body's blocks: where one can have stopped."""
    key = ("blocks", page.pk, page.live_revision_id, page.last_published_at)
    return kept(
        request, key, lambda: tuple(block.id for block in page.body if block.id)
    )


def make_texts(page: TopicPage, *, in_call: bool = True) -> Texts:
    """Make the page's text from its blocks: two queries for each with links."""
    if page.get_deferred_fields():
        page.refresh_from_db(fields=page.TEXTS)  # at once, else one by one
    hole = "" if in_call else _("This part is still being written.")
    context = {"page": page, "hole": hole}
    lead = render_to_string("courses/_text_lead.html", context)
    rest = render_to_string("courses/_text_rest.html", context)
    words = len(strip_tags(lead + rest).split())
    return Texts(
        lead=lead,
        rest=rest,
        minutes=max(1, ceil(words / WORDS_A_MINUTE)),
        has_video=any(block.block_type == "video" for block in page.body),
    )
