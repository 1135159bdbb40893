"""Who had to take what, on any day: asked of dated rows, never stored.

A team's members have to from the day on which they are in the team, the reseller is
approved, and an edition in force names the team; others from the day on which they
were added, until they are taken out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet

from courses.enrolling import editions_in_force
from courses.models import (
    Edition,
    EditionAudience,
    Enrolment,
    EnrolmentQuerySet,
)
from lms.people.models import Member, MemberQuerySet, Reseller, Team, TeamMembership


@dataclass(frozen=True)
class Duty:
    """A member who had to take a programme on a day.

    `teams` asked for it; where it is empty, `enrolment` says who added them. `since`
    is the first day of it, `enrolment` the cycle they were in, if it was begun.
    """

    member: Member
    edition: Edition
    teams: list[Team]
    since: date
    enrolment: Enrolment | None
    is_qualified: bool

    def is_overdue(self, day: date) -> bool:
        """Whether the due date, as it stands now, had passed by that day."""
        due_on = self.enrolment.due_on if self.enrolment else None
        return not self.is_qualified and due_on is not None and due_on < day


def obliged_on(
    members: MemberQuerySet, day: date, editions: Iterable[Edition] | None = None
) -> MemberQuerySet:
    """Those of the members who had to take something on a day.

    `editions` of None are all in force that day; that costs a query.
    """
    editions = editions_in_force(day) if editions is None else list(editions)
    asked = _team_rows(day, editions).filter(member=OuterRef("pk"))
    added = _added(day, editions).filter(member=OuterRef("pk"))
    return _there_on(members, day).filter(Q(Exists(asked)) | Q(Exists(added)))


def duties_on(
    members: Iterable[Member], day: date, editions: Iterable[Edition] | None = None
) -> list[Duty]:
    """What each of the members had to take on a day; seven queries for any number.

    In the order of the members, then of the programmes. Bring them with their reseller
    (`select_related`); who was not there that day had to take nothing.
    """
    members = list(members)
    editions = editions_in_force(day) if editions is None else list(editions)
    keys = [member.pk for member in members]
    there = set(
        _there_on(Member.objects.filter(pk__in=keys), day).values_list("pk", flat=True)
    )
    audience = _audience_of(editions)
    held: dict[int, list[TeamMembership]] = defaultdict(list)
    rows = TeamMembership.objects.live(day).filter(member__in=there)
    for row in rows.select_related("team").order_by("team", "pk"):
        held[row.member_id].append(row)
    cycles = _cycles_on(there, day, editions)
    qualified = set(
        Enrolment.objects.qualified(day)
        .filter(member__in=there)
        .values_list("member", "programme")
    )

    found = []
    for member in members:
        for edition in editions:
            asking = [
                row for row in held[member.pk] if row.team_id in audience[edition.pk]
            ]
            enrolment, is_added = cycles.get(
                (member.pk, edition.programme_id), (None, False)
            )
            if member.pk not in there or not (asking or is_added):
                continue
            found.append(
                Duty(
                    member,
                    edition,
                    [row.team for row in asking],
                    _since(member, edition, asking, enrolment),
                    enrolment,
                    (member.pk, edition.programme_id) in qualified,
                )
            )
    return found


def _since(
    member: Member,
    edition: Edition,
    asking: list[TeamMembership],
    enrolment: Enrolment | None,
) -> date:
    """The day on which the oldest of what asks for it began."""
    begun = [max(row.from_on, member.joined_on) for row in asking]
    if not asking and enrolment is not None:
        begun = [enrolment.enrolled_at.date()]
    return min(begun)


def _audience_of(editions: list[Edition]) -> dict[int, set[int]]:
    audience: dict[int, set[int]] = defaultdict(set)
    rows = EditionAudience.objects.filter(edition__in=editions)
    for edition, team in rows.values_list("edition", "team"):
        audience[edition].add(team)
    return audience


def _there_on(members: MemberQuerySet, day: date) -> MemberQuerySet:
    """Members of a reseller approved that day, who were there."""
    return members.live(day).filter(reseller__in=Reseller.objects.live(day))


def _team_rows(day: date, editions: list[Edition]) -> QuerySet[TeamMembership]:
    """Memberships, that day, in a team that one of the editions names."""
    audience = EditionAudience.objects.filter(edition__in=editions)
    return TeamMembership.objects.live(day).filter(team__in=audience.values("team"))


def _in_on(day: date, editions: list[Edition]) -> EnrolmentQuerySet:
    """Cycles begun by the end of a day and neither withdrawn nor annulled by then."""
    ends = _end_of(day)
    return Enrolment.objects.filter(
        Q(withdrawn_at=None) | Q(withdrawn_at__gte=ends),
        Q(annulled_at=None) | Q(annulled_at__gte=ends),
        enrolled_at__lt=ends,
        programme__in=[edition.programme_id for edition in editions],
    )


def _added(day: date, editions: list[Edition]) -> EnrolmentQuerySet:
    """Cycles, that day, of those whom no team had put there."""
    return _in_on(day, editions).exclude(
        pk__in=Enrolment.objects.by_team().values("pk")
    )


def _cycles_on(
    members: Iterable[int], day: date, editions: list[Edition]
) -> dict[tuple[int, int], tuple[Enrolment, bool]]:
    """The latest cycle of each member and programme that day, and if it was added."""
    rows = _in_on(day, editions).filter(member__in=members)
    added = set(
        _added(day, editions).filter(member__in=members).values_list("pk", flat=True)
    )
    return {
        (row.member_id, row.programme_id): (row, row.pk in added)
        for row in rows.select_related("enrolled_by").order_by("cycle")
    }


def _end_of(day: date) -> datetime:
    """The first instant of the day after, by the clock that dates rows: UTC."""
    if day == date.max:
        return datetime.max.replace(tzinfo=UTC)
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
