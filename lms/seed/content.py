"""Put the policy into an empty site, once: from then on it is the editors'."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from wagtail.models import Page, Site

from content.models import HandbookPage, HomePage
from content.permissions import grant_channel_teams
from courses.editions import publish_edition
from courses.models import ProgrammeIndexPage, ProgrammePage, TopicPage
from lms.people.models import Team
from lms.seed import policy
from lms.seed.checks import read_checks
from lms.seed.models import SeededItem


@transaction.atomic
def seed_content() -> list[str]:
    """Make what was never made, and return its keys.

    What was made once is left alone, whether editors have changed, moved or
    deleted it since. Only the site's address follows PUBLIC_URL.
    """
    source = policy.read_policy()
    made = [
        *_seed_teams(source),
        *_seed_home(source),
        *_seed_handbook(source),
        *_seed_programmes(source),
    ]
    _follow_public_url()
    grant_channel_teams()
    return made


def _add(parent: Page, page: Page, tags: Sequence[str] = ()) -> Page:
    """Publish a page below another, with the revision that an edition refers to."""
    if tags:
        page.tags.add(*tags)
    parent.add_child(instance=page)
    page.save_revision().publish()
    return page


def _is_new(key: str) -> bool:
    """Note that the thing is made now; False when it was before."""
    return SeededItem.objects.get_or_create(key=key)[1]


def _seed_teams(source: policy.Policy) -> list[str]:
    made = []
    for order, team in enumerate(source.teams):
        if _is_new(key := f"team:{team.slug}"):
            Team.objects.create(slug=team.slug, name=team.name, order=order)
            made.append(key)
    return made


def _seed_home(source: policy.Policy) -> list[str]:
    if not _is_new("home"):
        return []
    root = Page.get_first_root_node()
    for welcome in root.get_children().exact_type(Page):
        welcome.delete()  # Wagtail's own; its site goes with it
    introduction = source.home.introduction
    home = _add(
        root,
        HomePage(title=source.home.title, slug="home", introduction=introduction),
    )
    site_name = settings.WAGTAIL_SITE_NAME
    Site.objects.create(root_page=home, site_name=site_name, is_default_site=True)
    return ["home"]


def _seed_handbook(source: policy.Policy) -> list[str]:
    home = HomePage.objects.first()
    if home is None or not _is_new("handbook"):
        return []
    introduction = policy.rich_text(
        f"{source.product}\n\nPrepared by {source.prepared_by}"
    )  # the page shows its date by itself
    handbook = _add(
        home,
        HandbookPage(
            title=source.title,
            slug="handbook",
            body=[("text", introduction)],
            last_edited_on=source.last_edited_on,
            show_in_menus=True,
        ),
    )
    for part in source.handbook:
        _add(
            handbook,
            HandbookPage(
                title=part.title,
                slug=part.slug,
                section=str(part.part or ""),
                body=part.body(),
                is_acknowledged=part.acknowledged,
                last_edited_on=source.last_edited_on,
            ),
            part.tags,
        )
    return ["handbook"]


def _seed_programmes(source: policy.Policy) -> list[str]:
    home = HomePage.objects.first()
    if home and _is_new("programmes"):
        _add(
            home,
            ProgrammeIndexPage(
                title="Programmes", slug="programmes", show_in_menus=True
            ),
        )
    index = ProgrammeIndexPage.objects.first()
    if index is None:  # an editor has removed them all
        return []
    made = []
    for programme in source.programmes:
        if _is_new(key := f"programme:{programme.slug}"):
            _add_programme(index, programme, source.last_edited_on)
            made.append(key)
    return made


def _add_programme(
    index: ProgrammeIndexPage, source: policy.Programme, effective_on: date
) -> None:
    programme = ProgrammePage(
        title=source.title,
        slug=source.slug,
        section=source.section,
        summary=source.summary,
        policy_quote=source.quote,
        need_count=source.need_at_least,
        need_note=source.need_note,
    )
    programme.audience = Team.objects.filter(slug__in=source.audience)
    _add(index, programme)
    checks = read_checks()
    for topic in source.topics:
        check = checks[topic.slug]
        _add(
            programme,
            TopicPage(
                title=topic.title,
                slug=topic.slug,
                objectives=topic.outcomes,
                body=[*topic.body(), *(each.block() for each in check.exercises)],
                agenda=topic.call,
                preparation=topic.prepare,
                criteria=topic.criteria,
                questions=[each.block() for each in check.questions],
                draw=check.draw,
                call_minutes=topic.call_minutes,
            ),
            topic.tags,
        )
    publish_edition(programme, by=None, effective_on=effective_on)


def _follow_public_url() -> None:
    address = urlsplit(settings.PUBLIC_URL)
    port = address.port or (443 if address.scheme == "https" else 80)
    site = Site.objects.filter(is_default_site=True).first()
    if site and (site.hostname, site.port) != (address.hostname, port):
        site.hostname, site.port = address.hostname, port
        site.save()
