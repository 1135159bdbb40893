"""Where a company stands in each programme on a day, and when that changes next.

The need is an edition's: everyone in its teams, or at least so many of them, be there
anybody or not. It asks of a company and all below it, as the policy's scope does.
Somebody counts from their due date on; where there is none, at once. Before it they
are in training. Who is away is left out, qualified or not. A person in two of the
companies counts in each.

Computed from dated rows as they are known today, over today's tree; of the days to
come, from what is recorded now, planned ends too: nobody completes anything, and no
more is planned.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import (
    Collection,
    Container,
    Iterable,
    Iterator,
    Mapping,
)
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from functools import cached_property, reduce
from itertools import pairwise, takewhile
from operator import or_
from typing import Any, TypeVar

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Aggregate, Func, JSONField, Q, TextField, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Substr
from django.db.models.sql.compiler import SQLCompiler
from django.utils.timezone import now

from courses.models import Edition, EditionAudience, Enrolment
from courses.needs import Cause, Crowd, Gap, Need, People, Someone, Standing, Why
from lms.people.models import Reseller, TeamMembership

_DAY = timedelta(days=1)
_FEW = 50  # companies whose trees one query names
_Said = TypeVar("_Said")


class Part(StrEnum):
    """What somebody is to the need of a programme on a day."""

    OUTSIDE = "outside"  # none of its teams, or not there
    AWAY = "away"
    IN_TRAINING = "in training"
    MISSING = "missing"  # counts, and is not qualified
    QUALIFIED = "qualified"


def standing(
    resellers: Iterable[Reseller], on: date | None = None
) -> dict[int, list[Standing]]:
    """Where each company stands on a day (today), by the key of the company.

    One of each programme in force that day, in the policy's order. Takes five queries
    for any number of companies and people.
    """
    day = on or now().date()
    return standing_on_days(resellers, [day], gaps_on=[day])[day]


def standing_on_days(
    resellers: Iterable[Reseller],
    days: Collection[date],
    *,
    gaps_on: Collection[date] = (),
) -> dict[date, dict[int, list[Standing]]]:
    """The same on each of the days; only on `gaps_on` is the next gap looked for.

    Five queries for any number of days, too.
    """
    resellers = list(resellers)
    world = _read(resellers, min(days))
    below = {each.pk: world.below(each) for each in resellers}
    alike = {programme: world.alike(programme) for programme in world.programmes}
    found: dict[date, dict[int, list[Standing]]] = {}
    for day in days:
        of_day: dict[int, list[Standing]] = {each.pk: [] for each in resellers}
        for programme, editions in world.programmes.items():
            if editions.on(day) is None:
                continue
            then = {
                company: [_Then(each, editions, day) for each in groups]
                for company, groups in alike[programme].items()
            }
            for reseller in resellers:
                theirs = [
                    each for key in below[reseller.pk] for each in then.get(key, ())
                ]
                of_day[reseller.pk].append(
                    _standing_of(
                        reseller, editions, theirs, day, has_gap=day in gaps_on
                    )
                )
        for standings in of_day.values():
            standings.sort(key=lambda each: (each.edition.section, each.edition.title))
        found[day] = of_day
    return found


def standing_of(reseller: Reseller, on: date | None = None) -> list[Standing]:
    """Where one company stands on a day (today), in each programme."""
    return standing([reseller], on)[reseller.pk]


# --- What is recorded --------------------------------------------------------------


@dataclass
class _Company:
    pk: int
    path: str
    approved_on: date
    ended_on: date | None


@dataclass(slots=True)
class _Cycle:
    """An enrolment: from when to when it is theirs, what it qualifies, when due."""

    begins: date
    closed: date | None
    due_on: date | None
    valid_from: date | None
    valid_until: date | None
    counts_until: date | None

    def is_theirs(self, day: date) -> bool:
        return self.begins <= day and not (self.closed and self.closed <= day)

    def qualifies(self, day: date) -> bool:
        return self.valid_from is not None and _within(
            day, self.valid_from, self.valid_until, self.counts_until
        )

    def days(self) -> Iterator[date | None]:
        yield from (self.begins, self.closed, self.due_on)
        yield from (self.valid_from, self.valid_until, self.counts_until)


@dataclass(slots=True)
class _Member:
    """What is recorded of somebody: when they are there, away, and in which teams."""

    company: _Company
    joined_on: date
    left_on: date | None
    away_from: date | None
    back_on: date | None
    teams: list[tuple[int, date, date | None]]

    def is_there(self, day: date) -> bool:
        company = self.company
        return _within(day, self.joined_on, self.left_on) and _within(
            day, company.approved_on, company.ended_on
        )

    def is_away(self, day: date) -> bool:
        return self.away_from is not None and _within(day, self.away_from, self.back_on)

    def asked_since(self, teams: Container[int], day: date) -> date | None:
        """From when on one of these teams asks them; None if none does that day."""
        begun = [
            max(from_on, self.joined_on)
            for team, from_on, until_on in self.teams
            if team in teams and _within(day, from_on, until_on)
        ]
        return min(begun, default=None)

    def days(self) -> Iterator[date | None]:
        yield from (self.joined_on, self.left_on, self.away_from, self.back_on)
        yield from (self.company.approved_on, self.company.ended_on)
        for _team, from_on, until_on in self.teams:
            yield from (from_on, until_on)


@dataclass
class _Editions:
    """A programme's editions, by number, with the teams of each."""

    rows: list[Edition] = field(default_factory=list)
    teams: dict[int, dict[int, str]] = field(default_factory=dict)

    def on(self, day: date) -> Edition | None:
        begun = [row for row in self.rows if row.effective_on <= day]
        return begun[-1] if begun else None

    def teams_of(self, edition: Edition) -> dict[int, str]:
        return self.teams.get(edition.pk, {})


@dataclass
class _Alike:
    """People of a company of whom the same is recorded that bears on a programme.

    A company of thousands has some hundred of these: what holds of one holds of all.
    """

    member: _Member
    cycles: list[_Cycle]
    people: Crowd


_Kind = tuple[str, list[int]]  # what a row says, and the members of whom it is said


@dataclass
class _World:
    """What bears on some companies, as text, with the members of whom it is said."""

    companies: list[_Company]  # by path
    programmes: dict[int, _Editions]
    memberships: dict[int, list[_Kind]]  # by team
    cycles: dict[int, list[_Kind]]  # by programme, the first cycles first
    names: dict[int, str]

    def alike(self, programme: int) -> dict[int, list[_Alike]]:
        """By company, whoever a programme's teams ask at any time."""
        editions = self.programmes[programme]
        spans = _by_member(
            ((team, said), members)
            for team in {each for teams in editions.teams.values() for each in teams}
            for said, members in self.memberships.get(team, ())
        )
        cycles = _by_member(self.cycles.get(programme, ()))
        groups: dict[Any, list[int]] = defaultdict(list)
        for member, theirs in spans.items():
            groups[theirs, cycles.get(member, ())].append(member)
        companies = {each.pk: each for each in self.companies}
        recorded = {
            theirs: _member_of(theirs, companies)
            for theirs in {theirs for theirs, _history in groups}
        }
        found: dict[int, list[_Alike]] = defaultdict(list)
        for (theirs, history), members in groups.items():
            company = recorded[theirs].company.pk
            people = Crowd(self.names, company, members)
            cycles_of = [_cycle_of(each) for each in history]
            found[company].append(_Alike(recorded[theirs], cycles_of, people))
        return found

    def below(self, top: Reseller) -> list[int]:
        """The keys of a company and of all below it."""
        first = bisect_left(self.companies, top.path, key=lambda row: row.path)
        tree = takewhile(
            lambda row: row.path.startswith(top.path), self.companies[first:]
        )
        return [row.pk for row in tree]


def _read(resellers: list[Reseller], day: date) -> _World:
    """Everything that bears on these companies on a day and after it."""
    companies = {row.pk: row for row in _companies_of(resellers)}
    programmes: dict[int, _Editions] = defaultdict(_Editions)
    for edition in Edition.objects.select_related("programme").order_by("number"):
        programmes[edition.programme_id].rows.append(edition)
    audience = EditionAudience.objects.select_related("team", "edition")
    for row in audience.order_by("team__order", "team__name"):
        of_edition = programmes[row.edition.programme_id].teams
        of_edition.setdefault(row.edition_id, {})[row.team_id] = row.team.name

    memberships: dict[int, list[_Kind]] = defaultdict(list)
    names: dict[int, str] = {}
    rows = (
        TeamMembership.objects.filter(
            Q(member__left_on=None) | Q(member__left_on__gt=day),
            Q(until_on=None) | Q(until_on__gt=day),
            member__reseller__in=companies,
            team__in={
                team
                for editions in programmes.values()
                for teams in editions.teams.values()
                for team in teams
            },
        )
        .order_by()
        .values("team", said=_AsText(*_OF_MEMBER))
        .annotate(members=_AsList("member"), called=_AsList("member__user__full_name"))
        .values_list("team", "said", "members", "called")
    )
    for team, said, members, called in rows:
        memberships[team].append((said, members))
        names.update(zip(members, called, strict=True))
    return _World(
        sorted(companies.values(), key=lambda company: company.path),
        programmes,
        memberships,
        _read_cycles(companies),
        names,
    )


def _read_cycles(companies: Iterable[int]) -> dict[int, list[_Kind]]:
    rows = (
        Enrolment.objects.filter(member__reseller__in=companies)
        .order_by("cycle")
        .values("cycle", "programme", said=_AsText(*_OF_CYCLE))
        .annotate(members=_AsList("member"))
        .values_list("programme", "said", "members")
    )
    cycles: dict[int, list[_Kind]] = defaultdict(list)
    for programme, said, members in rows:
        cycles[programme].append((said, members))
    return cycles


def _by_member(
    kinds: Iterable[tuple[_Said, list[int]]],
) -> dict[int, tuple[_Said, ...]]:
    """All that is said of each member, in this order."""
    found: dict[int, tuple[_Said, ...]] = {}
    for said, members in kinds:
        if found.keys().isdisjoint(members):  # nearly always: all of them at once
            found |= dict.fromkeys(members, (said,))
        else:
            found |= {each: (*found.get(each, ()), said) for each in members}
    return found


class _AsList(Aggregate):
    """The values of a group's rows, read as one."""

    function = "jsonb_agg"
    output_field = JSONField()

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any
    ) -> tuple[str, tuple[str | int, ...]]:
        return self.as_sql(compiler, connection, function="json_group_array", **extra)


class _AsText(Func):
    """Columns as one text: read, and compared, in less time than each by itself."""

    function = "format"
    output_field = TextField()

    def __init__(self, *columns: str | Combinable, **extra: Any) -> None:
        super().__init__(*columns, **extra)

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any
    ) -> tuple[str, tuple[str | int, ...]]:
        return self.as_sql(compiler, connection, function="printf", **extra)


def _columns(*names: str | Combinable) -> list[str | Combinable]:
    return [Value("|".join(["%s"] * len(names))), *names]


def _day_of(instant: str) -> Substr:
    return Substr(Cast(instant, TextField()), 1, len("2026-03-01"))  # in UTC


_OF_MEMBER = _columns(
    *("member__reseller", "member__joined_on", "member__left_on", "member__until_on"),
    *("member__away_from_on", "member__away_until_on", "from_on", "until_on"),
)
_OF_CYCLE = _columns(
    *(_day_of("enrolled_at"), _day_of("withdrawn_at"), _day_of("annulled_at")),
    *("due_on", "valid_from", "valid_until", "counts_until"),
)


def _member_of(
    spans: Iterable[tuple[int, str]], companies: Mapping[int, _Company]
) -> _Member:
    teams: list[tuple[int, date, date | None]] = []
    for team, said in spans:
        company, *days = said.split("|")
        joined, left, planned, away, last, from_on, until_on = map(_day, days)
        teams.append((team, _known(from_on), until_on))
    return _Member(
        companies[int(company)],
        _known(joined),
        left or planned,
        away,
        last + _DAY if last and last != date.max else None,
        teams,
    )


def _cycle_of(said: str) -> _Cycle:
    begun, withdrawn, annulled, due_on, valid_from, *ends = map(_day, said.split("|"))
    return _Cycle(
        _known(begun),
        withdrawn or annulled,
        due_on,
        None if annulled else valid_from,
        *ends,
    )


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def _known(day: date | None) -> date:
    assert day is not None  # noqa: S101  its column is never empty
    return day


def _companies_of(resellers: list[Reseller]) -> Iterator[_Company]:
    """These companies and all below them."""
    found = Reseller.objects.all()
    if len(resellers) <= _FEW:
        trees = [Q(path__startswith=each.path) for each in resellers]
        found = found.filter(reduce(or_, trees, Q(pk=None)))
    for row in found.values_list("pk", "path", "approved_on", "ended_on"):
        yield _Company(*row)


def _within(
    day: date, begins: date, end: date | None, other_end: date | None = None
) -> bool:
    """Whether a day is in a half-open time, which ends with the first of its ends."""
    return (
        begins <= day
        and (end is None or day < end)
        and (other_end is None or day < other_end)
    )


# --- From day to day ---------------------------------------------------------------

_Way = list[tuple[date, Part]]
"""What somebody is, from each day until the next: the first is the day asked for."""


@dataclass
class _Then:
    """People who are alike, on a day and after it."""

    alike: _Alike
    editions: _Editions
    day: date

    @cached_property
    def part(self) -> Part:
        return _part(self.alike, self.editions, self.day)

    @cached_property
    def way(self) -> _Way:
        """From the day on, whenever anything changes."""
        way = [(self.day, self.part)]
        for on in sorted(
            each for each in set(self._days()) if each and each > self.day
        ):
            part = _part(self.alike, self.editions, on)
            if part != way[-1][1]:
                way.append((on, part))
        return way

    def _days(self) -> Iterator[date | None]:
        member, editions = self.alike.member, self.editions.rows
        yield from member.days()
        for cycle in self.alike.cycles:
            yield from cycle.days()
        for edition in editions:
            yield edition.effective_on
            if edition.due_days:  # whom the clock is still to enrol
                for _team, from_on, _until_on in member.teams:
                    yield _due_by_edition(edition, max(from_on, member.joined_on))


def _due_by_edition(edition: Edition, since: date) -> date:
    begins = max(since, edition.effective_on)
    return begins + timedelta(days=edition.due_days or 0)


def _part(alike: _Alike, editions: _Editions, day: date) -> Part:
    """What somebody is to a programme on a day: the rule itself."""
    member, cycles = alike.member, alike.cycles
    edition = editions.on(day)
    if edition is None or not member.is_there(day):
        return Part.OUTSIDE
    since = member.asked_since(editions.teams_of(edition), day)
    if since is None:
        return Part.OUTSIDE
    if member.is_away(day):
        return Part.AWAY
    if any(cycle.qualifies(day) for cycle in cycles):
        return Part.QUALIFIED
    theirs = [cycle for cycle in cycles if cycle.is_theirs(day)]
    due_on = theirs[-1].due_on if theirs else _due_by_edition(edition, since)
    return Part.IN_TRAINING if due_on and day < due_on else Part.MISSING


def _is_met(counts: Counter[Part], at_least: int | None) -> bool | None:
    """The need rule: of nobody who counts "everyone" says neither yes nor no."""
    if at_least is not None:
        return counts[Part.QUALIFIED] >= at_least
    if not (counts[Part.QUALIFIED] or counts[Part.MISSING]):
        return None
    return not counts[Part.MISSING]


def _standing_of(
    reseller: Reseller,
    editions: _Editions,
    groups: list[_Then],
    day: date,
    *,
    has_gap: bool,
) -> Standing:
    edition = editions.on(day)
    assert edition is not None  # noqa: S101  its caller asked
    parts: dict[Part, list[Crowd]] = defaultdict(list)
    for each in groups:
        parts[each.part].append(each.alike.people)
    counts = Counter({part: sum(map(len, found)) for part, found in parts.items()})
    is_met = _is_met(counts, edition.need_count)
    return Standing(
        reseller,
        edition,
        Need(edition.need_count, tuple(editions.teams_of(edition).values())),
        day,
        is_met,
        qualified=People(parts[Part.QUALIFIED]),
        missing=People(parts[Part.MISSING]),
        in_training=People(parts[Part.IN_TRAINING]),
        away=People(parts[Part.AWAY]),
        gap=_next_gap(editions, groups, counts, day)
        if has_gap and is_met is not False
        else None,
    )


def _next_gap(
    editions: _Editions,
    groups: list[_Then],
    counts: Counter[Part],
    day: date,
) -> Gap | None:
    """Go through the days to come on which anything changes, up to the first gap."""
    counts = counts.copy()
    changes: dict[date, list[tuple[_Alike, Part, Part]]] = {
        row.effective_on: [] for row in editions.rows if row.effective_on > day
    }
    for each in groups:
        for (_on, before), (on, after) in pairwise(each.way):
            changes.setdefault(on, []).append((each.alike, before, after))
    for on in sorted(changes):
        for alike, before, after in changes[on]:
            counts[before] -= len(alike.people)
            counts[after] += len(alike.people)
        edition = editions.on(on)
        if edition and _is_met(counts, edition.need_count) is False:
            return Gap(on, _causes(editions, changes[on], on, edition))
    return None


def _causes(
    editions: _Editions,
    changes: list[tuple[_Alike, Part, Part]],
    on: date,
    edition: Edition,
) -> tuple[Cause, ...]:
    """Who was qualified until then, or counts from then without being so."""
    lost = [each for each in changes if each[1] == Part.QUALIFIED]
    new = [each for each in changes if each[2] == Part.MISSING and each not in lost]
    if edition.need_count is None:
        lost = [each for each in lost if each[2] == Part.MISSING]
    else:
        new = [] if lost else new
    causes = [
        Cause(_why(alike, before, after, edition, on), Someone(*person))
        for alike, before, after in lost + new
        for person in alike.people
    ]
    earlier = editions.on(on - _DAY)
    if earlier != edition and (
        not causes or (earlier and earlier.need_count != edition.need_count)
    ):
        causes.append(Cause(Why.PROGRAMME))
    return tuple(
        sorted(causes, key=lambda each: (each.who is None, each.who and each.who.name))
    )


def _why(alike: _Alike, before: Part, after: Part, edition: Edition, on: date) -> Why:
    member = alike.member
    if after == Part.AWAY:
        return Why.GOES
    if after == Part.OUTSIDE:
        if member.left_on and member.left_on <= on:
            return Why.LEAVES
        ended_on = member.company.ended_on
        has_ended = ended_on is not None and ended_on <= on
        return Why.COMPANY_ENDS if has_ended else Why.LEAVES_TEAM
    if before == Part.QUALIFIED:
        ends = (
            cycle
            for cycle in alike.cycles
            if cycle.valid_until == on and cycle.valid_from
        )
        return Why.EXPIRES if next(ends, None) else Why.UPDATE_DUE
    if before == Part.AWAY:
        return Why.IS_BACK
    return Why.IS_DUE if before == Part.IN_TRAINING else Why.JOINS
