"""Writing the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

from lms.audit.models import Event

if TYPE_CHECKING:
    from lms.people.models import User


def record(actor: User | None, verb: str, target: models.Model, **ids: object) -> Event:
    """Write who did what to what, in the caller's transaction.

    `ids` are ids and field names, never names, addresses or texts. An actor of
    None is the system itself.
    """
    return Event.objects.create(
        actor=actor,
        verb=verb,
        target_type=target._meta.label,
        target_id=str(target.pk),
        ids=ids,
    )
