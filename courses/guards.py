"""Pages that an edition asks for: what an editor may not do to them, and why."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _
from wagtail.models import Page

from content.guards import within
from content.naming import name_some
from courses.enrolling import editions_in_force
from courses.models import (
    Edition,
    EditionDraft,
    EditionTopic,
    Enrolment,
    ProgrammePage,
    TopicPage,
)


def why_not_deleted(pages: Iterable[Page]) -> str:
    """Why these pages must stay, with all below them; empty when nothing says so."""
    pages = list(pages)
    if why := why_put_up(pages):
        return why
    programmes = ProgrammePage.objects.filter(within(pages)).filter(
        Exists(Edition.objects.filter(programme=OuterRef("pk")))
    )
    topics = TopicPage.objects.filter(within(pages)).filter(
        Exists(EditionTopic.objects.filter(topic=OuterRef("pk")))
    )
    if not (kept := [*programmes, *topics]):
        return ""
    return _(
        "Nothing was deleted: a published edition asks for %(pages)s, and people's "
        "records point there. A topic goes by an edition without it; its page can "
        "then be unpublished."
    ) % {"pages": name_some(kept)}


def why_not_unpublished(pages: Iterable[Page]) -> str:
    """Why these pages must stay readable, with all below them; else empty.

    An edition in force asks for them, or one that somebody is in the middle of.
    """
    pages = list(pages)
    if why := why_put_up(pages):
        return why
    asking = Q(pk__in=[edition.pk for edition in editions_in_force()]) | Q(
        pk__in=Enrolment.objects.open().values("edition")
    )
    editions = Edition.objects.filter(asking)
    programmes = ProgrammePage.objects.filter(within(pages)).filter(
        Exists(editions.filter(programme=OuterRef("pk")))
    )
    topics = TopicPage.objects.filter(within(pages)).filter(
        Exists(EditionTopic.objects.filter(topic=OuterRef("pk"), edition__in=editions))
    )
    if not (kept := [*programmes, *topics]):
        return ""
    return _(
        "Nothing was unpublished: the edition in force asks people to learn "
        "%(pages)s. Publish an edition without it first."
    ) % {"pages": name_some(kept)}


def why_not_moved(pages: Iterable[Page], destination: Page) -> str:
    """Why these pages must stay where they are: editions ask for them there."""
    keys = [page.pk for page in pages]
    asked = Exists(EditionTopic.objects.filter(topic=OuterRef("pk")))
    topics = TopicPage.objects.filter(asked | Q(pk__in=_topics_put_up()), pk__in=keys)
    leaving = [topic for topic in topics if not topic.is_child_of(destination)]
    if not leaving:
        return ""
    return _(
        "Nothing was moved: a published edition of its programme asks for %(pages)s. "
        "Copy the page to the other programme instead."
    ) % {"pages": name_some(leaving)}


def why_put_up(pages: Iterable[Page]) -> str:
    """Why these pages must stay, with all below them: the next edition waits; or ""."""
    kept = TopicPage.objects.filter(within(pages), pk__in=_topics_put_up())
    if not kept:
        return ""
    return _(
        "Nothing was changed: the next edition, which is put up already, asks for "
        "%(pages)s. Stop it first."
    ) % {"pages": name_some(kept)}


def _topics_put_up() -> set[int]:
    """Topics of editions that wait for their hour."""
    return {
        topic["topic_id"]
        for draft in EditionDraft.objects.put_up()
        for topic in (draft.pinned or {})["topics"]
    }
