"""Reading the log: by whom, about whom, what and when; a page at a time.

A page begins where the one before ended, by time and id, and is not counted from the
start: the thousandth page of a million events costs what the first does.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db.models import Q

from lms.audit.models import Event, EventQuerySet

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Place(NamedTuple):
    """Where a page ends: its last event's time and id."""

    at: datetime
    pk: int

    def __str__(self) -> str:
        return f"{(self.at - _EPOCH) // timedelta(microseconds=1)}-{self.pk}"


def place(text: str) -> Place | None:
    """Read a place from an address; None of anything else."""
    if not re.fullmatch(r"\d{1,16}-\d{1,18}", text, re.ASCII):
        return None
    microseconds, pk = map(int, text.split("-"))
    return Place(_EPOCH + timedelta(microseconds=microseconds), pk)


@dataclass(frozen=True)
class Page:
    """Some events, the newest first, and where the older ones begin."""

    events: list[Event]
    older: Place | None


def page_of(parts: Sequence[EventQuerySet], before: Place | None, size: int) -> Page:
    """The newest events of all parts, before a place; one query for each part.

    Parts are what an OR would join: asked one by one each follows its own index.
    """
    found = list(_newest([_before(part, before)[: size + 1] for part in parts]))
    events = found[:size]
    more = len(found) > size
    return Page(events, Place(events[-1].at, events[-1].pk) if more else None)


def newest_of(parts: Sequence[EventQuerySet], count: int) -> Iterator[Event]:
    """The newest so many events of all parts."""
    for done, event in enumerate(_newest([part[:count] for part in parts])):
        if done == count:
            return
        yield event


def _newest(parts: Iterable[EventQuerySet]) -> Iterator[Event]:
    last = None
    for event in heapq.merge(
        *parts, key=lambda event: (event.at, event.pk), reverse=True
    ):
        if event.pk != last:  # it is in two parts
            yield event
        last = event.pk


def _before(events: EventQuerySet, before: Place | None) -> EventQuerySet:
    if before is None:
        return events
    return events.filter(
        Q(at__lt=before.at) | Q(at=before.at, pk__lt=before.pk), at__lte=before.at
    )
