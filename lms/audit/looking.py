"""Looks: one of the channel team reads a page about somebody else."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import DatabaseError, models
from django.utils.timezone import now

from lms.audit.log import record
from lms.audit.models import Event
from lms.walls import unscoped

if TYPE_CHECKING:
    from lms.people.access import MemberRequest
    from lms.people.models import User

LOOKED = "looked_at"
READ_LOG = "read_log"
ONE_LOOK = timedelta(minutes=1)
ONE_READING = timedelta(hours=1)

logger = logging.getLogger(__name__)


def looked(request: MemberRequest, target: models.Model) -> None:
    """Log that one of staff looks at a person, a reseller, or another whole.

    Nobody else's look is logged, nor one at oneself; the same page read again within
    a minute is one look. Two queries, of staff alone; called by a view, outside of a
    transaction. What cannot be written now (a database that is busy or read-only)
    stands in the server's log: the page is shown all the same.
    """
    if request.access.is_staff and target != request.user:
        _look(request.user, LOOKED, target, ONE_LOOK)


def read_log(request: MemberRequest) -> None:
    """Log that one of staff reads the log itself: once in an hour."""
    _look(request.user, READ_LOG, request.user, ONE_READING)


def _look(
    user: User, verb: str, target: models.Model, at_most_every: timedelta
) -> None:
    try:
        just_now = unscoped(
            Event.objects, "asks for this very look, shows none"
        ).filter(
            actor=user,
            at__gt=now() - at_most_every,
            verb=verb,
            target_type=target._meta.label,
            target_id=str(target.pk),
        )
        if not just_now.exists():
            record(user, verb, target)
    except DatabaseError:
        logger.exception(
            "A look by %s at %s %s could not be logged.",
            user.pk,
            target._meta.label,
            target.pk,
        )
