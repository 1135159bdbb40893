"""What is said of where a company stands: its state, its need, its next gap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from functools import cached_property
from heapq import nsmallest
from itertools import chain
from typing import overload

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from courses.models import Edition
from lms.people.models import Reseller
from lms.states import NOT_REQUIRED, Actor, State

_NAMED = 3  # people in one line of a page

NEED_MET = State(
    "need-met",
    gettext_lazy("Need met"),
    "check-circle",
    "good",
    gettext_lazy("There are as many qualified people as are needed."),
    Actor.NOBODY,
)
NEED_NOT_MET = State(
    "need-not-met",
    gettext_lazy("Need not met"),
    "alert",
    "bad",
    gettext_lazy("There are fewer qualified people than are needed."),
    Actor.MANAGER,
    needs_attention=True,
)
IN_TRAINING = State(
    "in-training",
    gettext_lazy("In training"),
    "hourglass",
    "info",
    gettext_lazy("All who are there are still before their due date."),
    Actor.TRAINEE,
)
ALL_AWAY = State(
    "all-away",
    gettext_lazy("All away"),
    "pause",
    "neutral",
    gettext_lazy("Whoever is in the teams is away."),
    Actor.NOBODY,
)


class Why(Enum):
    """What happens to somebody on the day from which a need is not met."""

    EXPIRES = gettext_lazy("the qualification expires")
    UPDATE_DUE = gettext_lazy("the update is due")
    IS_DUE = gettext_lazy("is due then")
    GOES = gettext_lazy("is away from then")
    IS_BACK = gettext_lazy("is back, not qualified")
    LEAVES = gettext_lazy("leaves")
    LEAVES_TEAM = gettext_lazy("leaves the team")
    JOINS = gettext_lazy("joins, not qualified")
    COMPANY_ENDS = gettext_lazy("the company’s approval ends")
    PROGRAMME = gettext_lazy("the programme changes")


@dataclass(frozen=True, order=True)
class Someone:
    """A member, by name."""

    name: str
    member: int
    reseller: int


Named = tuple[str, int, int]  # what Someone is made of


@dataclass(frozen=True)
class Crowd:
    """Members of one company, whose names are looked up when they are asked for."""

    names: Mapping[int, str]
    company: int
    members: Sequence[int]

    def __len__(self) -> int:
        return len(self.members)

    def __iter__(self) -> Iterator[Named]:
        for member in self.members:
            yield self.names[member], member, self.company


class People(Sequence[Someone]):
    """People by name. How many there are is known before anybody is sorted."""

    def __init__(self, groups: Iterable[Crowd]) -> None:
        self._groups = list(groups)

    @cached_property
    def _all(self) -> tuple[Someone, ...]:
        return tuple(Someone(*each) for each in sorted(chain(*self._groups)))

    @cached_property
    def _length(self) -> int:
        return sum(map(len, self._groups))

    def first(self, number: int) -> tuple[Someone, ...]:
        """The first of them, of many without sorting all."""
        return tuple(Someone(*each) for each in nsmallest(number, chain(*self._groups)))

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, key: int) -> Someone: ...
    @overload
    def __getitem__(self, key: slice) -> Sequence[Someone]: ...
    def __getitem__(self, key: int | slice) -> Someone | Sequence[Someone]:
        return self._all[key]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, People | tuple) and self._all == tuple(other)

    def __hash__(self) -> int:
        return hash(self._all)

    def __repr__(self) -> str:
        return repr(self._all)


@dataclass(frozen=True)
class Cause:
    """Who makes a need unmet, and how; nobody where the programme does."""

    why: Why
    who: Someone | None = None


@dataclass(frozen=True)
class Gap:
    """The first day on which a need is not met, and because of whom."""

    on: date
    because: tuple[Cause, ...]


@dataclass(frozen=True)
class Need:
    """How many of whom; `at_least` of None: everyone in the teams."""

    at_least: int | None
    teams: tuple[str, ...]

    @property
    def words(self) -> str:
        teams = _(" or ").join(
            filter(None, [", ".join(self.teams[:-1]), *self.teams[-1:]])
        )
        if self.at_least is None:
            return _("Everyone in %(teams)s") % {"teams": teams}
        words = ngettext(
            "At least one person in %(teams)s",
            "At least %(count)d people in %(teams)s",
            self.at_least,
        )
        return words % {"teams": teams, "count": self.at_least}


@dataclass(frozen=True)
class Standing:
    """A company and all below it in a programme on a day.

    `is_met` is None where everyone is asked for and nobody counts: none is in the
    teams, or all of them are in training, or away. `gap` is the next one: None where
    none is known of, and where the need is not met on that day.
    """

    reseller: Reseller
    edition: Edition
    need: Need
    on: date
    is_met: bool | None
    qualified: People
    missing: People
    in_training: People
    away: People
    gap: Gap | None

    @property
    def until(self) -> date | None:
        """The first day on which a need that is met is not; None: no end is known."""
        return self.gap.on if self.is_met and self.gap else None

    @property
    def state(self) -> State:
        if self.is_met is not None:
            return NEED_MET if self.is_met else NEED_NOT_MET
        if self.in_training:
            return IN_TRAINING
        return ALL_AWAY if self.away else NOT_REQUIRED

    @property
    def counted(self) -> int:
        """How many count: all who are there, but for training and away."""
        return len(self.qualified) + len(self.missing)

    @property
    def shown_causes(self) -> tuple[Cause, ...]:
        """The first of those who make the next gap."""
        return self.gap.because[:_NAMED] if self.gap else ()

    @property
    def more_causes(self) -> int:
        """How many cause it besides those shown."""
        return len(self.gap.because) - len(self.shown_causes) if self.gap else 0

    @property
    def shown_missing(self) -> tuple[Someone, ...]:
        return self.missing.first(_NAMED)

    @property
    def more_missing(self) -> int:
        """How many are missing besides those shown."""
        return len(self.missing) - len(self.shown_missing)
