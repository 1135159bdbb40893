"""Asking people to go on: at most once in three days, whoever asks.

A manager's reminder, a booking link, "due soon" and "overdue" all come through here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from itertools import islice
from typing import NamedTuple

from django.db import transaction
from django.db.models import QuerySet
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from lms.audit.log import record_all
from lms.mail import notices, outbox
from lms.mail.kinds import Kind
from lms.mail.models import Message, Nudge
from lms.people.models import Member, User

GAP = timedelta(days=3)
MORNING = time(8)
AT_ONCE = 500  # people in one transaction


class Ask(NamedTuple):
    """Whom to ask, as which member, about what: keys."""

    person: int
    member: int
    about: int


@dataclass
class Nudged:
    """What became of it, in people.

    `held_back_until` is when the last of those asked lately may be asked again.
    """

    sent: int = 0
    lately: int = 0
    away: int = 0
    off: int = 0
    gone: int = 0
    done: int = 0
    held_back_until: datetime | None = None

    def __add__(self, other: Nudged) -> Nudged:
        ends = [self.held_back_until, other.held_back_until]
        return Nudged(
            self.sent + other.sent,
            self.lately + other.lately,
            self.away + other.away,
            self.off + other.off,
            self.gone + other.gone,
            self.done + other.done,
            max(filter(None, ends), default=None),
        )

    @property
    def words(self) -> str:
        """What to say to whoever pressed the button."""
        counted = [
            (self.sent, ngettext("%d reminded", "%d reminded", self.sent)),
            (
                self.lately,
                ngettext(
                    "%d reminded in the last three days",
                    "%d reminded in the last three days",
                    self.lately,
                ),
            ),
            (self.away, ngettext("%d away", "%d away", self.away)),
            (
                self.off,
                ngettext(
                    "%d has turned reminders off",
                    "%d have turned reminders off",
                    self.off,
                ),
            ),
            (self.gone, ngettext("%d cannot sign in", "%d cannot sign in", self.gone)),
            (
                self.done,
                ngettext("%d has nothing to do", "%d have nothing to do", self.done),
            ),
        ]
        said = [words % count for count, words in counted if count]
        return ", ".join(said) + "." if said else _("There is nobody to remind.")


@dataclass
class _Person:
    """Somebody to ask, and what about."""

    user: User
    asked: list[Ask] = field(default_factory=list)

    def only(self, members: Container[int]) -> list[Ask]:
        return [each for each in self.asked if each.member in members]


def nudge(
    asked: Iterable[Ask],
    kind: Kind,
    *,
    writer: str,
    by: User | None,
    at: Callable[[User], datetime] | None = None,
) -> Nudged:
    """Ask people to go on, each by one mail at most, and not if asked lately.

    `writer` writes it as it leaves: at `at`, at once if None. Leaves out oneself, who
    left, cannot sign in, is away, or turned the kind off. Nine queries for each 500
    people, in a transaction of their own; asking again asks nobody twice.
    """
    by_person: dict[int, list[Ask]] = defaultdict(list)
    for each in asked:
        if by is None or each.person != by.pk:
            by_person[each.person].append(each)
    result = Nudged()
    for keys in _some(sorted(by_person)):
        some = [each for key in keys for each in by_person[key]]
        result += _nudge_some(some, kind, writer, by, at)
    return result


def _some(keys: Iterable[int]) -> Iterator[list[int]]:
    rest = iter(keys)
    while some := list(islice(rest, AT_ONCE)):
        yield some


@transaction.atomic
def _nudge_some(
    asked: list[Ask],
    kind: Kind,
    writer: str,
    by: User | None,
    at: Callable[[User], datetime] | None,
) -> Nudged:
    """Lock the people, in one order for all who ask, and look who may be asked."""
    keys = {each.person for each in asked}
    rows = User.objects.filter(pk__in=keys).order_by("pk")
    users = {user.pk: user for user in rows.select_for_update(no_key=True)}
    here, present = _here_and_present({each.member for each in asked})
    until = latest_ends(keys)
    off = notices.off_among((key, kind) for key in keys)

    result, people = Nudged(), []
    for person in _people(asked, users):
        if not person.user.is_active or not person.only(here):
            result.gone += 1
        elif not person.only(present):
            result.away += 1
        elif (person.user.pk, kind.key) in off:
            result.off += 1
        elif end := until.get(person.user.pk):
            result.lately += 1
            result.held_back_until = max(filter(None, [end, result.held_back_until]))
        else:
            people.append(_Person(person.user, person.only(present)))
    result.sent = len(people)
    _write(people, kind, writer, by, at)
    return result


def _people(asked: list[Ask], users: dict[int, User]) -> Iterable[_Person]:
    people = {pk: _Person(user) for pk, user in users.items()}
    for each in asked:
        people[each.person].asked.append(each)
    return people.values()


def _here_and_present(keys: Iterable[int]) -> tuple[set[int], set[int]]:
    """Which members belong to their reseller today, and which are not away."""
    here = list(Member.objects.live().filter(pk__in=keys).order_by())
    present = {member.pk for member in here if not member.is_away}
    return {member.pk for member in here}, present


def latest_ends(people: Iterable[int]) -> dict[int, datetime]:
    """Until when each may not be asked again, of those asked lately; one query."""
    rows = Nudge.objects.filter(person__in=people, until_at__gt=now())
    return dict(rows.order_by("until_at").values_list("person", "until_at"))


def _write(
    people: list[_Person],
    kind: Kind,
    writer: str,
    by: User | None,
    at: Callable[[User], datetime] | None,
) -> None:
    if not people:
        return
    rows = []
    for person in people:
        asked_at = at(person.user) if at else now()
        rows.append(
            Nudge(
                person=person.user,
                member_id=person.asked[0].member,
                kind=kind.key,
                by=by,
                about=[each.about for each in person.asked],
                at=asked_at,
                until_at=asked_at + GAP,
            )
        )
    rows = Nudge.objects.bulk_create(rows)
    record_all(by, "reminded", [(row, row.person_id) for row in rows], kind=kind.key)
    outbox.queue_later(
        writer,
        [
            outbox.Later(f"nudge:{row.pk}", row.person, row.at, row.until_at)
            for row in rows
        ],
        kind=kind,
    )
    if at is None:
        outbox.send_soon()


def nudge_of(message: Message) -> Nudge | None:
    """What a mail was queued for; one query."""
    _nudge, _colon, pk = message.key.partition(":")
    return Nudge.objects.select_related("by").filter(pk=pk).first()


@dataclass(frozen=True)
class Last:
    """When somebody was asked last, by whom, and when they may be asked again.

    `by` of None is the house, or somebody whom the reader need not know.
    """

    at: datetime
    by: User | None
    until_at: datetime


def last_nudge(member: Member, among: QuerySet[Nudge]) -> Last | None:
    """The nudge that holds back another one to this person; one query.

    Who sent it is said if it is `among` those that the reader may see.
    """
    row = (
        Nudge.objects.filter(person=member.user_id, until_at__gt=now())
        .select_related("by")
        .order_by("until_at")
        .last()
    )
    if row is None:
        return None
    is_seen = row.by is not None and among.filter(pk=row.pk).exists()
    return Last(row.at, row.by if is_seen else None, row.until_at)


def in_the_morning(user: User) -> datetime:
    """Now, or at eight o'clock where it is earlier than that for the reader."""
    local = now().astimezone(user.zone)
    at_eight = datetime.combine(local.date(), MORNING, tzinfo=user.zone)
    return max(now(), at_eight.astimezone(now().tzinfo))
