"""Writing the log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, TypeAlias

from django.db import models

from lms.audit.models import Event, EventValues
from lms.audit.whence import whence

if TYPE_CHECKING:
    from lms.people.models import User

Whom: TypeAlias = "User | int | None"
Values: TypeAlias = Mapping[str, tuple[object, object]]


def record(
    actor: User | None,
    verb: str,
    target: models.Model,
    *,
    about: Whom = None,
    values: Values | None = None,
    **ids: object,
) -> Event:
    """Write who did what to what, in the caller's transaction; one insert.

    `about` is the person (or their id) whom it is about: they see it on their own
    page. Left out, the target says it by its `log_about`, the path to the person's
    id, which costs a query for each record on it that is not loaded. `ids` are ids and field
    names, never names, addresses or texts: they stay for ever. What a personal field
    said before and after goes into `values`, which an erasure empties (one insert
    more). An actor of None is the system itself.
    """
    event = _event(actor, verb, target, about, ids)
    event.save(force_insert=True)
    if values:
        EventValues.objects.bulk_create(
            EventValues(event=event, field=field, before=_text(old), after=_text(new))
            for field, (old, new) in values.items()
        )
    return event


def record_all(
    actor: User | None,
    verb: str,
    lines: Iterable[tuple[models.Model, Whom]],
    **ids: object,
) -> None:
    """Write the same of many targets, each with whom it is about; one insert."""
    Event.objects.bulk_create(
        [_event(actor, verb, target, about, ids) for target, about in lines],
        batch_size=1000,
    )


def erase_values(person: User) -> None:
    """Empty what the log holds of a person's own words, and where they were.

    The events stay, and their chain holds: neither is part of it.
    """
    EventValues.objects.filter(event__about=person).update(before="", after="")
    Event.objects.filter(actor=person).update(address=None, agent="")


def _event(
    actor: User | None,
    verb: str,
    target: models.Model,
    about: Whom,
    ids: dict[str, object],
) -> Event:
    here = whence()
    if about is None and (path := getattr(target, "log_about", "")):
        about = attrgetter(path)(target)
    return Event(
        actor=actor,
        verb=verb,
        target_type=target._meta.label,
        target_id=str(target.pk),
        about_id=about.pk if isinstance(about, models.Model) else about,
        ids=ids,
        system=here.system,
        request=here.request,
        # What the system does of itself is done from nobody's place.
        address=here.address if actor else None,
        agent=here.agent if actor else "",
    )


def _text(value: object) -> str:
    return "" if value is None else str(value)
