"""Where somebody stopped reading: kept for them alone, found on any device."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import quote

from django.db import transaction
from django.db.models import QuerySet
from django.utils.timezone import now
from django.utils.translation import gettext as _

from courses.models import ReadingPlace, TopicPage
from lms.errors import Refused
from lms.people.models import User


@transaction.atomic
def keep_place(
    user: User, topic: TopicPage, block: str, *, blocks: Collection[str]
) -> None:
    """Note the block that the person has before them; repeating is safe.

    `blocks` are those of the page as it is published: Refused for any other.
    """
    if block not in blocks:
        raise Refused(_("The page has changed. Load it again."))
    ReadingPlace.objects.update_or_create(
        user=user, topic=topic, defaults={"block": block, "at": now()}
    )


def places_of(user: User) -> QuerySet[ReadingPlace]:
    """Where a person stopped, in every topic; nobody else's."""
    return ReadingPlace.objects.filter(user=user)


def place_in(user: User, topic: TopicPage) -> str:
    """The block where they stopped in a topic, empty where they did not; one query."""
    places = places_of(user).filter(topic=topic.pk).values_list("block", flat=True)
    return next(iter(places), "")


def anchor_of(block: str) -> str:
    """The address of a block within its page; empty for none: the page's top."""
    return f"#b-{quote(block)}" if block else ""
