"""Away from a day to a day: nothing reminds them, and due dates move by the days away.

The last day is one of those away. One stretch of time is kept: the one that is, or the
next.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from lms.audit.log import record
from lms.errors import Refused
from lms.people.models import Member, User
from lms.people.signals import away_changed

LONGEST = timedelta(days=366)


class Stretch(NamedTuple):
    """Days away, the first and the last of them."""

    first: date
    last: date


def stretch_of(member: Member) -> Stretch | None:
    """When somebody is, was or will be away; None: nothing is known of."""
    if member.away_from_on is None or member.away_until_on is None:
        return None
    return Stretch(member.away_from_on, member.away_until_on)


@transaction.atomic
def set_away(member: Member, first: date, last: date, *, by: User) -> None:
    """Keep that somebody is away from a day to a day, that one included.

    It takes the place of one that is on, or to come. Raises Refused for days that are
    over, in the wrong order or more than a year, and for one who has left.
    """
    was = _lock(member)
    if last < first:
        raise Refused(_("The last day is before the first. Please change one of them."))
    if last < now().date():
        raise Refused(_("Those days are over. Choose a last day to come."))
    if last - first > LONGEST:
        raise Refused(_("That is more than a year. Choose a last day before that."))
    _change(member, was, Stretch(first, last), by=by)


@transaction.atomic
def end_away(member: Member, *, by: User) -> None:
    """Let somebody be back from today; what was to come is off. Repeating is safe."""
    was = _lock(member)
    today = now().date()
    if was is None or was.last < today:
        return
    yesterday = today - timedelta(days=1)
    left = Stretch(was.first, yesterday) if was.first <= yesterday else None
    _change(member, was, left, by=by)


def _lock(member: Member) -> Stretch | None:
    User.objects.select_for_update().get(pk=member.user_id)
    member.refresh_from_db(fields=["away_from_on", "away_until_on", "left_on"])
    if not member.is_live:
        raise Refused(_("This person has left. Invite them again first."))
    return stretch_of(member)


def _change(
    member: Member, was: Stretch | None, stretch: Stretch | None, *, by: User
) -> None:
    if was == stretch:
        return
    member.away_from_on, member.away_until_on = stretch or (None, None)
    member.save(update_fields=["away_from_on", "away_until_on"])
    days = [day.isoformat() for day in stretch or ()]
    record(by, "away set", member, about=member.user_id, days=days)
    away_changed.send(Member, member=member, was=was, by=by)
