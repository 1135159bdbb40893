"""Versions of handbook pages: which one people are to confirm, and until when."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from django.db import transaction
from django.db.models import Max
from django.utils.timezone import now

from content.models import HandbookPage, HandbookVersion
from lms.people.models import Member, User


@transaction.atomic
def put_up(page: HandbookPage, *, by: User | None) -> HandbookVersion | None:
    """Ask everybody to confirm a page as it was just published; repeating is safe.

    None where the page asks nobody, or still has a hole. A page published with an
    older version than people were asked for keeps the newer number.
    """
    highest = page.versions.aggregate(number=Max("number"))["number"] or 0
    if page.version < highest:
        page.version = highest
        page.save(update_fields=["version"])
    if not (page.live and page.can_be_acknowledged):
        return None
    wanted = _wanted(page)
    version: HandbookVersion = page.versions.get_or_create(
        number=page.version,
        defaults={
            "title": wanted.title,
            "revision": page.live_revision,
            "published_at": wanted.published_at,
            "published_by": by,
            "due_on": wanted.due_on,
        },
    )[0]
    return version


def put_up_missing() -> int:
    """Note what was published before versions were; return how many. Two queries."""
    pages = HandbookPage.objects.live().filter(is_acknowledged=True)
    noted = set(HandbookVersion.objects.values_list("page", "number"))
    missing = [
        page
        for page in pages
        if page.can_be_acknowledged and (page.pk, page.version) not in noted
    ]
    for page in missing:
        put_up(page, by=None)
    return len(missing)


def versions_asked(pages: Iterable[HandbookPage]) -> list[HandbookVersion]:
    """The version of each page that people are to confirm now; one query.

    A page whose version is not noted yet has one, unsaved, from today.
    """
    pages = list(pages)
    found = {
        (version.page_id, version.number): version
        for version in HandbookVersion.objects.filter(page__in=pages)
    }
    asked = []
    for page in pages:
        version = found.get((page.pk, page.version)) or _wanted(page)
        version.page = page  # as it stands now, without a query
        asked.append(version)
    return asked


def due_on(version: HandbookVersion, member: Member) -> date:
    """Until when the member has to confirm it: counted from joining, if later."""
    return max(version.due_on, member.joined_on + timedelta(days=version.due_days))


def _wanted(page: HandbookPage) -> HandbookVersion:
    at = now()
    return HandbookVersion(
        page=page,
        number=page.version,
        title=page.title,
        published_at=at,
        due_on=at.date() + timedelta(days=page.due_days),
    )
