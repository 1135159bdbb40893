"""What editors still have to fill in or confirm, and what to look at again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from wagtail.models import Page

from content.blocks import holes_in
from content.models import HandbookPage
from courses.check_figures import CHECK_REPORT, failing_checks
from courses.enrolling import editions_in_force
from courses.models import EditionAudience, ProgrammePage, TopicPage
from lms.mail.times import on_day
from lms.people.models import Team

OLD = timedelta(days=365)


@dataclass(frozen=True)
class Matter:
    """One thing to see to: where (None where no page is concerned), and what."""

    page: Page | None
    title: str
    words: str
    url: str = ""  # more about it


def matters() -> list[Matter]:
    """All of them: what is to be confirmed first, then the pages with holes.

    Five queries; it reads the texts of all topics and of the handbook.
    """
    return [*_needs_to_confirm(), *_teams_without_programme(), *_pages_with_holes()]


def to_look_at() -> list[Matter]:
    """Published topics without a check, with one that many fail, or a year old.

    Two queries.
    """
    topics = list(TopicPage.objects.live().order_by("path"))
    return [*_without_check(topics), *_failing(topics), *_old(topics)]


def _failing(topics: list[TopicPage]) -> list[Matter]:
    words = _("%(percent)d %% of those who tried its check have failed it.")
    return [
        Matter(
            share.topic,
            share.topic.title,
            words % {"percent": share.failed_percent},
            reverse(CHECK_REPORT, args=[share.topic.pk]),
        )
        for share in failing_checks(topics)
    ]


def _without_check(topics: list[TopicPage]) -> list[Matter]:
    return [
        Matter(page, page.title, _("It has no knowledge check."))
        for page in topics
        if not page.questions
    ]


def _old(topics: list[TopicPage]) -> list[Matter]:
    words = _("Last published on %(date)s, over a year ago.")
    limit = now() - OLD
    return [
        Matter(
            page,
            page.title,
            words % {"date": on_day(page.last_published_at.date())},
        )
        for page in topics
        if page.last_published_at and page.last_published_at < limit
    ]


def _needs_to_confirm() -> list[Matter]:
    programmes = ProgrammePage.objects.exclude(need_note="").order_by("path")
    return [Matter(each, each.title, each.need_note) for each in programmes]


def _teams_without_programme() -> list[Matter]:
    obliged = EditionAudience.objects.filter(edition__in=editions_in_force())
    return [
        Matter(None, team.name, _("No programme is for this team."))
        for team in Team.objects.exclude(pk__in=obliged.values("team"))
    ]


def _pages_with_holes() -> list[Matter]:
    topics = TopicPage.objects.order_by("path")
    handbook = HandbookPage.objects.order_by("path")
    counted = [
        *((page, _holes_of_topic(page)) for page in topics),
        *((page, len(holes_in(page.body))) for page in handbook),
    ]
    return [
        Matter(
            page,
            page.title,
            ngettext("%(n)d place to fill in", "%(n)d places to fill in", count)
            % {"n": count},
        )
        for page, count in counted
        if count
    ]


def _holes_of_topic(page: TopicPage) -> int:
    return sum(len(holes_in(getattr(page, text))) for text in TopicPage.TEXTS)
