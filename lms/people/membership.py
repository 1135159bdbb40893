"""Belonging to a reseller and its teams: dated rows, announced to the rooms above."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext as _

from lms.audit.log import record
from lms.errors import Refused
from lms.mail.outbox import queue
from lms.people.managers import lock_managers, require_another
from lms.people.models import Member, Reseller, Team, TeamMembership, User
from lms.people.own_address import has_own_address, take_over
from lms.people.signals import membership_changed


@transaction.atomic
def join(
    user: User,
    reseller: Reseller,
    *,
    teams: Iterable[Team],
    engagement: str,
    is_manager: bool,
    by: User | None,
    on: date | None = None,
    until_on: date | None = None,
) -> Member:
    """Make the person a member of the reseller and its teams, from a day (today).

    `until_on` is the planned end, where there is one.

    Someone who left before joins as a new row. Raises Refused when they belong
    already, or the reseller has ended.
    """
    _lock(user)
    require_may_join(user, reseller)
    member = Member.objects.create(
        user=user,
        reseller=reseller,
        engagement=engagement,
        is_manager=is_manager,
        joined_on=on or now().date(),
        until_on=until_on,
    )
    chosen = set(teams)
    TeamMembership.objects.bulk_create(
        TeamMembership(member=member, team=team, from_on=member.joined_on)
        for team in chosen
    )
    record(
        by,
        "joined",
        member,
        about=user,
        teams=sorted(team.pk for team in chosen),
    )
    membership_changed.send(Member, member=member, by=by)
    return member


def require_may_join(person: User | None, reseller: Reseller) -> None:
    """Refuse when the reseller has ended, or the person (if known) belongs there.

    What is below one that has ended has ended too.
    """
    step, path = Reseller.steplen, reseller.path
    above = [path[:end] for end in range(step, len(path) + 1, step)]
    ended = Reseller.objects.filter(path__in=above, ended_on__lte=now().date())
    if ended.exists():
        raise Refused(
            _("%(reseller)s is no longer an approved reseller. Nobody can join it.")
            % {"reseller": reseller}
        )
    if person and person.memberships.live().filter(reseller=reseller).exists():
        raise Refused(
            _("This person already belongs to %(reseller)s.") % {"reseller": reseller}
        )


@transaction.atomic
def set_teams(member: Member, teams: Iterable[Team], *, by: User | None) -> None:
    """Put the member into exactly these teams, from today; what was stays as dated.

    Writes and announces nothing when they are in these teams already. Raises
    Refused when the member has left.
    """
    _lock(member.user)
    if not member.is_live:
        raise Refused(_("This person has left. Invite them again first."))
    at = now()
    today = at.date()
    open_rows = {
        row.team_id: row
        for row in member.team_memberships.filter(
            Q(until_on=None) | Q(until_on__gt=today)
        )
    }
    wanted = {team.pk for team in teams}
    ended = open_rows.keys() - wanted
    begun = wanted - open_rows.keys()
    if not ended and not begun:
        return
    for team in ended:
        row = open_rows[team]
        _end(row, max(today, row.from_on), at)
    TeamMembership.objects.bulk_create(
        TeamMembership(member=member, team_id=team, from_on=today) for team in begun
    )
    record(
        by,
        "teams set",
        member,
        about=member.user_id,
        begun=sorted(begun),
        ended=sorted(ended),
    )
    membership_changed.send(Member, member=member, by=by)


@transaction.atomic
def leave(member: Member, *, on: date, by: User | None) -> None:
    """End the membership and its teams on a day; the first day no longer there.

    They keep login, record and certificates, and are told by mail. Leaving twice
    changes nothing. Raises Refused for a day to come (that is a planned end) or before
    the person joined, and for the last manager.
    """
    _lock(member.user)
    if member.is_manager:
        lock_managers(member)
    member.refresh_from_db()
    if member.left_on is not None:
        return
    if on > now().date():
        raise Refused(_("Choose today or a day before. A later day is a planned end."))
    if on < member.joined_on:
        raise Refused(_("That is before this person joined. Choose a later day."))
    require_another(member, by=by)
    member.left_on, member.left_recorded_at = on, now()
    member.save(update_fields=["left_on", "left_recorded_at"])
    for row in member.team_memberships.filter(until_on=None):
        _end(row, max(on, row.from_on), member.left_recorded_at)
    record(by, "left", member, about=member.user_id, on=on.isoformat())
    membership_changed.send(Member, member=member, by=by)
    take_over(member.user)
    _tell_left(member)


def _tell_left(member: Member) -> None:
    """Tell somebody that they are marked as left, and what stays theirs."""
    user = User.objects.get(pk=member.user_id)  # whose login may be another now
    if user.is_active:
        queue(
            f"member:{member.pk}:left",
            user,
            "people/email/left.txt",
            {"member": member, "has_own_address": has_own_address(user)},
        )


def _end(row: TeamMembership, on: date, at: datetime) -> None:
    """Let it hold until a day, as recorded at an instant."""
    row.until_on, row.until_recorded_at = on, at
    row.save(update_fields=["until_on", "until_recorded_at"])


def _lock(user: User) -> None:
    """Take the person's row: the first lock of all, and one change at a time."""
    User.objects.select_for_update().get(pk=user.pk)
