"""What a programme asks for, from a date on: frozen out of its page's fields."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _
from wagtail.models import Revision

from content.blocks import lines_in
from courses.enrolling import enrol_audience
from courses.models import (
    Edition,
    EditionAudience,
    EditionTopic,
    ProgrammePage,
    TopicPage,
)
from lms.audit.log import record
from lms.errors import Refused
from lms.people.models import User


@transaction.atomic
def publish_edition(
    programme: ProgrammePage,
    *,
    by: User | None,
    effective_on: date | None = None,
    number: int | None = None,
) -> Edition:
    """Ask of people what the programme's published pages now say (Policy 1).

    Freezes audience, need, validity and the published topics into rows that never
    change. From `effective_on` (None: today) on, whoever is in its teams is enrolled;
    for a later date the clock does it then. Raises Refused, with all that is missing,
    and when the next one is not `number` (None: whichever), so that two clicks publish
    one. Who is in the middle of an earlier edition stays there.
    """
    programme = ProgrammePage.objects.select_for_update(of=("self",)).get(
        pk=programme.pk
    )
    if number not in (None, programme.editions.count() + 1):
        raise Refused(
            _("Edition %(number)d is published already.") % {"number": number}
        )
    topics = list(programme.topics().live())
    if missing := missing_for_edition(programme, topics):
        raise Refused(" ".join(missing))

    edition = edition_of(programme)
    edition.effective_on = effective_on or now().date()
    teams = programme.audience.values_list("pk", flat=True)
    asked = [asked_of(topic, order) for order, topic in enumerate(topics, start=1)]
    freeze(edition, asked, teams, by=by)
    enrol_audience(edition, by=by)
    return edition


def freeze(
    edition: Edition,
    topics: Iterable[EditionTopic],
    teams: Iterable[int],
    *,
    by: User | None,
) -> None:
    """Write an edition that is not saved yet, with its topics and audience.

    It gets the next number; the caller holds the programme's lock.
    """
    edition.number = edition.programme.editions.count() + 1
    edition.published_by = by
    edition.save()
    EditionAudience.objects.bulk_create(
        EditionAudience(edition=edition, team_id=team) for team in teams
    )
    rows = list(topics)
    for row in rows:
        row.edition = edition
        row.revision = row.revision or _first_revision(row.topic)
    EditionTopic.objects.bulk_create(rows)
    record(by, "published", edition, programme=edition.programme_id)


def _first_revision(topic: TopicPage) -> Revision | None:
    """Keep the text of a page that was published without one, as our seed does."""
    if topic.latest_revision_id is not None:
        return None
    revision = topic.save_revision(changed=False, clean=False)
    TopicPage.objects.filter(pk=topic.pk).update(live_revision=revision)
    return revision


def edition_of(programme: ProgrammePage) -> Edition:
    """What the programme's page now says, as an edition would ask it; not saved."""
    return Edition(
        programme=programme,
        title=programme.title,
        section=programme.section,
        need_count=programme.need_count,
        validity_months=programme.validity_months,
        due_days=programme.due_days,
        preparation=programme.preparation,
    )


def asked_of(topic: TopicPage, order: int = 1) -> EditionTopic:
    """What the topic's page now says, as an edition would ask it; not saved."""
    return EditionTopic(
        topic=topic,
        order=order,
        title=topic.title,
        needs_read=topic.needs_read,
        needs_check=bool(topic.questions),
        needs_call=topic.needs_call,
        call_minutes=topic.call_minutes,
        criteria=list(lines_in(topic.criteria)),
        revision=topic.live_revision,
    )


def missing_for_edition(
    programme: ProgrammePage, topics: Iterable[TopicPage]
) -> list[str]:
    """Say, in a sentence each, what the pages still lack for an edition."""
    topics = list(topics)
    missing = []
    if not programme.live:
        missing.append(_("Publish the programme's page first."))
    if not topics:
        missing.append(_("It has no published topic yet: add one and publish it."))
    missing += [
        _("“%(topic)s” asks for nothing: tick reading or the call, or add a check.")
        % {"topic": topic.title}
        for topic in topics
        if not (topic.needs_read or topic.needs_call or topic.questions)
    ]
    return missing
