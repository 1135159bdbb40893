"""Pages that an edition asks for: what an editor may not do to them, and why."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _
from wagtail.models import Page

from content.guards import within
from content.naming import name_some
from courses.enrolling import editions_in_force
from courses.models import Edition, EditionTopic, Enrolment, ProgrammePage, TopicPage


def why_not_deleted(pages: Iterable[Page]) -> str:
    """Why these pages must stay, with all below them; empty when nothing says so."""
    pages = list(pages)
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
    asked = Exists(EditionTopic.objects.filter(topic=OuterRef("pk")))
    topics = TopicPage.objects.filter(pk__in=[page.pk for page in pages]).filter(asked)
    leaving = [topic for topic in topics if not topic.is_child_of(destination)]
    if not leaving:
        return ""
    return _(
        "Nothing was moved: a published edition of its programme asks for %(pages)s. "
        "Copy the page to the other programme instead."
    ) % {"pages": name_some(leaving)}
