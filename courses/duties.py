"""Who had to take what, on any day: asked of dated rows, never stored.

A team's members have to from the day on which they are in the team, the reseller is
approved, and an edition in force names the team; others from the day on which they
were added, until they are taken out.

Asked as known today, or, with `known_by`, as it was recorded before that instant:
whoever joined, left or was found not to be qualified may have been told of later.
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
    EnrolmentDates,
    EnrolmentQuerySet,
)
from lms.people.models import Member, MemberQuerySet, Reseller, Team, TeamMembership


@dataclass(frozen=True)
class Duty:
    """A member who had to take a programme on a day.

    `teams` asked for it; where it is empty, `enrolment` says who added them. `since`
    is the first day of it, `enrolment` the cycle they were in, if it was begun, with
    the due date that was known. `qualified_by` is the cycle that qualified them.
    """

    member: Member
    edition: Edition
    teams: list[Team]
    since: date
    enrolment: Enrolment | None
    due_on: date | None
    qualified_by: Enrolment | None

    @property
    def is_qualified(self) -> bool:
        return self.qualified_by is not None

    def is_overdue(self, day: date) -> bool:
        """Whether the due date that was known had passed by that day."""
        return not self.is_qualified and self.due_on is not None and self.due_on < day


def obliged_on(
    members: MemberQuerySet,
    day: date,
    editions: Iterable[Edition] | None = None,
    *,
    known_by: datetime | None = None,
) -> MemberQuerySet:
    """Those of the members who had to take something on a day.

    `editions` of None are all in force that day; that costs a query.
    """
    editions = _editions(editions, day, known_by)
    asked = _team_rows(day, editions, known_by).filter(member=OuterRef("pk"))
    added = _added(day, editions, known_by).filter(member=OuterRef("pk"))
    return _there_on(members, day, known_by).filter(Q(Exists(asked)) | Q(Exists(added)))


def duties_on(
    members: Iterable[Member],
    day: date,
    editions: Iterable[Edition] | None = None,
    *,
    known_by: datetime | None = None,
) -> list[Duty]:
    """What each of the members had to take on a day; seven queries for any number.

    In the order of the members, then of the programmes. Bring them with their reseller
    (`select_related`); who was not there that day had to take nothing. With `known_by`
    it takes an eighth query.
    """
    members = list(members)
    editions = _editions(editions, day, known_by)
    keys = [member.pk for member in members]
    known = Member.objects.filter(pk__in=keys)
    there = set(_there_on(known, day, known_by).values_list("pk", flat=True))
    audience = _audience_of(editions)
    held: dict[int, list[TeamMembership]] = defaultdict(list)
    rows = TeamMembership.objects.live(day, known_by=known_by)
    rows = rows.filter(member__in=there)
    for row in rows.select_related("team").order_by("team", "pk"):
        held[row.member_id].append(row)
    cycles = _cycles_on(there, day, editions, known_by)
    due = _due_dates([cycle for cycle, _is_added in cycles.values()], known_by)
    qualified = {
        (row.member_id, row.programme_id): row
        for row in Enrolment.objects.qualified(day, known_by=known_by)
        .filter(member__in=there)
        .order_by("cycle")
    }

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
                    due[enrolment.pk] if enrolment else None,
                    qualified.get((member.pk, edition.programme_id)),
                )
            )
    return found


def qualified_on(
    members: Iterable[Member], day: date, *, known_by: datetime | None = None
) -> dict[tuple[int, int], Enrolment]:
    """What qualified each of them who was there on a day, by member and programme."""
    keys = Member.objects.filter(pk__in=[member.pk for member in members])
    rows = Enrolment.objects.qualified(day, known_by=known_by).filter(
        member__in=_there_on(keys, day, known_by).values("pk")
    )
    return {
        (row.member_id, row.programme_id): row
        for row in rows.select_related("edition").order_by("cycle")
    }


def end_of(day: date) -> datetime:
    """The first instant of the day after, by the clock that dates rows: UTC."""
    if day == date.max:
        return datetime.max.replace(tzinfo=UTC)
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)


def _editions(
    editions: Iterable[Edition] | None, day: date, known_by: datetime | None
) -> list[Edition]:
    if editions is not None:
        return list(editions)
    return editions_in_force(day, known_by=known_by)


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


def _there_on(
    members: MemberQuerySet, day: date, known_by: datetime | None
) -> MemberQuerySet:
    """Members of a reseller approved that day, who were there."""
    return members.live(day, known_by=known_by).filter(
        reseller__in=Reseller.objects.live(day, known_by=known_by).values("pk")
    )


def _team_rows(
    day: date, editions: list[Edition], known_by: datetime | None
) -> QuerySet[TeamMembership]:
    """Memberships, that day, in a team that one of the editions names."""
    audience = EditionAudience.objects.filter(edition__in=editions)
    live = TeamMembership.objects.live(day, known_by=known_by)
    return live.filter(team__in=audience.values("team"))


def _in_on(
    day: date, editions: list[Edition], known_by: datetime | None
) -> EnrolmentQuerySet:
    """Cycles begun by the end of a day and neither withdrawn nor annulled by then."""
    ends = min(end_of(day), known_by) if known_by else end_of(day)
    return Enrolment.objects.filter(
        Q(withdrawn_at=None) | Q(withdrawn_at__gte=ends),
        Q(annulled_at=None) | Q(annulled_at__gte=ends),
        enrolled_at__lt=ends,
        programme__in=[edition.programme_id for edition in editions],
    )


def _added(
    day: date, editions: list[Edition], known_by: datetime | None
) -> EnrolmentQuerySet:
    """Cycles, that day, of those whom no team had put there."""
    return _in_on(day, editions, known_by).exclude(
        pk__in=Enrolment.objects.by_team().values("pk")
    )


def _cycles_on(
    members: Iterable[int],
    day: date,
    editions: list[Edition],
    known_by: datetime | None,
) -> dict[tuple[int, int], tuple[Enrolment, bool]]:
    """The latest cycle of each member and programme that day, and if it was added."""
    rows = _in_on(day, editions, known_by).filter(member__in=members)
    of_them = _added(day, editions, known_by).filter(member__in=members)
    added = set(of_them.values_list("pk", flat=True))
    return {
        (row.member_id, row.programme_id): (row, row.pk in added)
        for row in rows.select_related("enrolled_by").order_by("cycle")
    }


def _due_dates(
    cycles: list[Enrolment], known_by: datetime | None
) -> dict[int, date | None]:
    """The due date of each cycle, as it was known."""
    due = {cycle.pk: cycle.due_on for cycle in cycles}
    if known_by is not None:
        later = EnrolmentDates.objects.filter(enrolment__in=due, until_at__gte=known_by)
        for dates in later.order_by("-until_at", "-pk"):
            due[dates.enrolment_id] = dates.due_on
    return due
