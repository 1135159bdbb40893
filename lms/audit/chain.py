"""The chain: what the log said once, it says still, or it can be told.

The clock takes the events that are in no link yet into a new one, whose digest is over
them and the link before. An event that commits late, with a lower id than others that
are linked already, is in no link yet either: it comes into the next. The digests are
over ids and field names; what an erasure empties is no part of them.

Who can rewrite the whole database can rewrite the whole chain: a digest that was noted
elsewhere tells that too.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from lms.audit.models import Event, Link

logger = logging.getLogger(__name__)

BATCH = 1000  # events of one link
AT_ONCE = 50  # links of one round
LATE = timedelta(hours=1)
_IN_MEMORY = 5000  # events, while the chain is checked
_CHAINED = (
    *("pk", "at", "actor", "verb", "target_type", "target_id", "about", "ids"),
    *("system", "request"),
)


def carry_on() -> int:
    """Link what is in no link yet; return how many links that made."""
    for made in range(AT_ONCE):
        if add_link() is None:
            return made
    return AT_ONCE


@transaction.atomic
def add_link() -> Link | None:
    """Make one link of the oldest events without; None when there is none to make.

    Of two clocks at once one makes it, and the other nothing: the number is unique.
    """
    last = Link.objects.order_by("-number").first()
    events = list(
        Event.objects.filter(link=None).order_by("pk").values_list(*_CHAINED)[:BATCH]
    )
    if not events:
        return None
    link = Link(
        number=last.number + 1 if last else 1,
        count=len(events),
        content=content_of(events),
    )
    link.digest = digest_of(link, last.digest if last else "")
    try:
        with transaction.atomic():
            link.save(force_insert=True)
    except IntegrityError:
        return None
    Event.objects.filter(pk__in=[event[0] for event in events]).update(link=link)
    return link


def content_of(events: Iterable[Sequence[Any]]) -> str:
    """The digest over some events, as `_CHAINED` names their fields, by id."""
    digest = hashlib.sha256()
    for pk, at, *rest in events:
        digest.update(_canonical([pk, at.isoformat(), *rest]))
    return digest.hexdigest()


def digest_of(link: Link, before: str) -> str:
    """The digest over a link and the digest of the one before it."""
    words = [link.number, link.at.isoformat(), link.count, link.content, before]
    return hashlib.sha256(_canonical(words)).hexdigest()


def _canonical(words: list[Any]) -> bytes:
    return json.dumps(words, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def note_newest() -> None:
    """Put the newest digest into the server's log, which lies elsewhere."""
    if newest := Link.objects.order_by("-number").first():
        logger.info("The log's newest link: %s %s", newest.number, newest.digest)


# --- Checking it ----------------------------------------------------------------


@dataclass(frozen=True)
class Finding:
    """What a check of the chain found; `fault` says the first break, in words."""

    links: int
    events: int
    newest: Link | None
    waiting: int
    fault: str = ""
    warning: str = ""


def check() -> Finding:
    """Compute every digest anew, up to the first that does not fit.

    Reads some thousand events at a time, whatever the log's length.
    """
    before, links, events = "", 0, 0
    newest: Link | None = None
    fault = ""
    for link, its_events in _links_with_events():
        if fault := _fault_of(link, its_events, before, links + 1):
            break
        before, links, newest = link.digest, links + 1, link
        events += link.count
    waiting = Event.objects.filter(link=None)
    is_late = waiting.filter(at__lt=now() - LATE).exists()
    return Finding(
        links,
        events,
        newest,
        waiting.count(),
        fault,
        _("Some events wait for more than an hour: does the clock run?")
        if is_late
        else "",
    )


def _fault_of(
    link: Link, events: Sequence[Sequence[Any]], before: str, number: int
) -> str:
    """Say what is wrong with a link; nothing of one that is right."""
    at = f"{link.at:%Y-%m-%d %H:%M} UTC"
    words = {"number": link.number, "at": at, "wanted": number}
    if link.number != number:
        return _("Link %(wanted)d is missing: %(number)d comes next.") % words
    if link.digest != digest_of(link, before):
        return _("Link %(number)d itself was changed (made %(at)s).") % words
    if len(events) != link.count:
        words |= {"count": link.count, "found": len(events)}
        return (
            _(
                "Link %(number)d, made %(at)s, was over %(count)d events, and "
                "%(found)d are there: some were removed or added."
            )
            % words
        )
    if link.content != content_of(events):
        words |= {"first": events[0][0], "last": events[-1][0]}
        return (
            _(
                "An event of link %(number)d, made %(at)s, was changed: it is one "
                "from %(first)d to %(last)d."
            )
            % words
        )
    return ""


def _links_with_events() -> Iterator[tuple[Link, list[Sequence[Any]]]]:
    """All links in order, each with its events by id; two queries for many links."""
    number = 0
    while links := _next_links(number):
        first, number = links[0].number, links[-1].number
        events = (
            Event.objects.filter(link__gte=first, link__lte=number)
            .order_by("link", "pk")
            .values_list("link", *_CHAINED)
        )
        by_link = {
            link: [event[1:] for event in theirs]
            for link, theirs in groupby(events, key=lambda event: event[0])
        }
        for link in links:
            yield link, by_link.pop(link.number, [])


def _next_links(after: int) -> list[Link]:
    """The next links, of no more events than may be in memory (at least one)."""
    links: list[Link] = []
    room = _IN_MEMORY
    for link in Link.objects.filter(number__gt=after).order_by("number")[:500]:
        room -= link.count
        if links and room < 0:
            break
        links.append(link)
    return links


def is_noted(digest: str) -> bool:
    """Whether a digest that somebody noted is one of the chain's."""
    return Link.objects.filter(digest=digest.strip().lower()).exists()
