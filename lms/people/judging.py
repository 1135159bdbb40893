"""What becomes of each line of a list: new, already here, or what is wrong with it.

A manager learns nothing here of people outside their own companies: an account
that somebody has elsewhere reads *New*, like no account at all, since a list of
10,000 addresses would else tell whose people use ByteKast. Who has one is asked to
sign in when they accept.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import Q
from django.utils.functional import Promise
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lms.mail.times import day, on_day
from lms.people.access import Access
from lms.people.models import (
    Engagement,
    Invitation,
    InvitationState,
    Member,
    Reseller,
    ResellerQuerySet,
    Team,
    User,
)
from lms.people.names import has_letters, lower
from lms.people.pasting import Line, day_of
from lms.states import Actor, State

NAME_LENGTH, ADDRESS_LENGTH = 120, 254  # as the records keep
DAY = timedelta(days=1)
MOST_A_DAY = 5  # links to one address, by one person
LAST_YEAR = 2100  # a planned end after it is a slip of the finger
_PARTS = re.compile(r"[,;|/]")


def _word(
    key: str, word: str | Promise, icon: str, tone: str, actor: Actor = Actor.NOBODY
) -> State:
    return State(key, word, icon, tone, word, actor)


_M = Actor.MANAGER
NEW = _word("new", gettext_lazy("New"), "user", "good")
ELSEWHERE = _word("elsewhere", gettext_lazy("In another reseller"), "building", "info")
HERE = _word("here", gettext_lazy("Already here"), "check", "neutral")
INVITED = _word("invited", gettext_lazy("Already invited"), "mail", "neutral")
OFTEN = _word("often", gettext_lazy("Invited often today"), "hourglass", "neutral")
TWICE = _word("twice", gettext_lazy("Twice in the list"), "repeat", "neutral")
BAD_ADDRESS = _word("bad-address", gettext_lazy("Bad address"), "alert", "bad", _M)
BAD_NAME = _word("bad-name", gettext_lazy("Bad name"), "alert", "bad", _M)
NO_TEAM = _word("unknown-team", gettext_lazy("Unknown team"), "alert", "bad", _M)
NO_COMPANY = _word(
    "unknown-company", gettext_lazy("Unknown company"), "alert", "bad", _M
)
NO_ENGAGEMENT = _word(
    "unknown-engagement", gettext_lazy("Unknown engagement"), "alert", "bad", _M
)
BAD_DATE = _word("bad-date", gettext_lazy("Bad date"), "alert", "bad", _M)
WORDS = [
    BAD_ADDRESS, BAD_NAME, NO_TEAM, NO_COMPANY, NO_ENGAGEMENT, BAD_DATE, NEW, ELSEWHERE,
    TWICE, INVITED, OFTEN, HERE,
]  # fmt: skip
_WORD_OF = {
    "email": BAD_ADDRESS, "name": BAD_NAME, "teams": NO_TEAM, "company": NO_COMPANY,
    "engagement": NO_ENGAGEMENT, "until": BAD_DATE,
}  # fmt: skip


@dataclass(frozen=True)
class Defaults:
    """What holds for a line that does not say it."""

    reseller: Reseller
    teams: Sequence[Team]
    engagement: str
    until_on: date | None


@dataclass
class Guest:
    """A line understood: whom to invite, where, as what."""

    number: int
    line: Line
    email: str = ""
    reseller: Reseller | None = None
    teams: Sequence[Team] = ()
    engagement: str = Engagement.EMPLOYEE
    until_on: date | None = None
    problems: dict[str, str] = field(default_factory=dict)
    word: State = NEW
    detail: str = ""

    @property
    def is_good(self) -> bool:
        """Whether an invitation would be sent."""
        return self.word in (NEW, ELSEWHERE)

    @property
    def is_wrong(self) -> bool:
        """Whether somebody has to mend it first."""
        return bool(self.problems)

    @property
    def place(self) -> tuple[str, int]:
        """An address in a reseller: nobody is invited twice to one."""
        assert self.reseller is not None  # noqa: S101  where nothing is wrong
        return self.email, self.reseller.pk


def resellers_of(access: Access) -> ResellerQuerySet:
    """Where somebody may invite people: the live ones among those they look after."""
    if access.may_change_people:
        everywhere: ResellerQuerySet = Reseller.objects.live()
        return everywhere
    return access.managed_resellers.live()


def judge(
    lines: Sequence[tuple[int, Line]], defaults: Defaults, access: Access
) -> list[Guest]:
    """Say of each numbered line what it is; six queries, however many there are."""
    teams = {word: team for team in Team.objects.all() for word in _names_of(team)}
    resellers = {each.name.casefold(): each for each in resellers_of(access)}
    guests = [_read(number, line, defaults, teams, resellers) for number, line in lines]
    fine = [guest for guest in guests if not guest.is_wrong]
    seen: set[tuple[str, int]] = set()
    known = _Known({guest.email for guest in fine}, access)
    for guest in fine:
        if guest.place in seen:
            guest.word = TWICE
        else:
            known.look_at(guest)
        seen.add(guest.place)
    return guests


def _names_of(team: Team) -> tuple[str, str]:
    return team.name.casefold(), team.slug


_ENGAGEMENTS = {
    word: value
    for value, label in Engagement.choices
    for word in (value, str(label).casefold())
} | {"temp": Engagement.TEMPORARY.value}


def _read(
    number: int,
    line: Line,
    defaults: Defaults,
    teams: dict[str, Team],
    resellers: dict[str, Reseller],
) -> Guest:
    guest = Guest(
        number,
        line,
        email=lower(line.email),
        reseller=defaults.reseller,
        teams=defaults.teams,
        engagement=defaults.engagement,
        until_on=defaults.until_on,
    )
    _read_person(guest)
    if line.teams:
        names = [part.strip() for part in _PARTS.split(line.teams) if part.strip()]
        found = {name: teams.get(name.casefold()) for name in names}
        guest.teams = [team for team in found.values() if team]
        if unknown := [name for name, team in found.items() if team is None]:
            words = _("There is no team “%(names)s”.") % {"names": ", ".join(unknown)}
            guest.problems["teams"] = words
    if line.company:
        guest.reseller = resellers.get(line.company.casefold())
    if guest.reseller is None or guest.reseller.name.casefold() not in resellers:
        guest.problems["company"] = _("It is not one of your companies.")
    if line.engagement:
        guest.engagement = _ENGAGEMENTS.get(line.engagement.casefold(), "")
        if not guest.engagement:
            guest.problems["engagement"] = _("Choose one of the list.")
    _read_until(guest)
    for name, word in reversed(_WORD_OF.items()):
        if name in guest.problems:
            guest.word = word
    return guest


def _read_person(guest: Guest) -> None:
    try:
        validate_email(guest.email)
    except ValidationError:
        guest.problems["email"] = _("Write it like name@example.com.")
    if len(guest.email) > ADDRESS_LENGTH:
        guest.problems["email"] = _("It is too long.")
    if len(guest.line.name) > NAME_LENGTH:
        guest.problems["name"] = _("It is too long.")
    elif guest.line.name and not has_letters(guest.line.name):
        guest.problems["name"] = _("There is no letter in it.")


def _read_until(guest: Guest) -> None:
    if guest.line.until:
        guest.until_on = day_of(guest.line.until)
        if guest.until_on is None:
            guest.problems["until"] = _("Write it like 31/12/2026.")
            return
    if guest.until_on and guest.until_on <= now().date():
        guest.problems["until"] = _("That day has passed.")
    elif guest.until_on and guest.until_on.year > LAST_YEAR:
        guest.problems["until"] = _("That is too far away.")


def _of_today(by: User) -> Q:
    return Q(invited_by=by, created_at__gt=now() - DAY)


def is_invited_often(email: str, by: User) -> bool:
    """Whether somebody has invited an address again and again today."""
    return Invitation.objects.filter(_of_today(by), email=email).count() >= MOST_A_DAY


class _Known:
    """Who of the addresses is known already, in companies that one looks after."""

    def __init__(self, addresses: set[str], access: Access) -> None:
        ours = Reseller.objects.visible_to(access)
        people = dict(
            EmailAddress.objects.filter(email__in=addresses, verified=True).values_list(
                "email", "user"
            )
        )
        own = User.objects.filter(email__in=addresses)
        people |= dict(own.values_list("email", "pk"))
        self.people = people
        self.zone = access.user.time_zone
        self.memberships: dict[int, list[Member]] = {}
        for member in Member.objects.filter(
            user__in=set(people.values()), reseller__in=ours
        ).select_related("reseller"):
            self.memberships.setdefault(member.user_id, []).append(member)
        waits = Q(accepted_at=None, withdrawn_at=None, expires_at__gt=now())
        invitations = Invitation.objects.filter(
            waits & Q(reseller__in=ours) | _of_today(access.user), email__in=addresses
        )
        self.invited = {
            (invitation.email, invitation.reseller_id): invitation
            for invitation in invitations
            if invitation.state == InvitationState.SENT
        }
        today = now() - DAY
        times = Counter(
            invitation.email
            for invitation in invitations
            if invitation.invited_by_id == access.user.pk
            and invitation.created_at > today
        )
        self.often = {email for email in times if times[email] >= MOST_A_DAY}

    def look_at(self, guest: Guest) -> None:
        member_of = self.memberships.get(self.people.get(guest.email, 0), [])
        live = [member for member in member_of if member.is_live]
        if any(member.reseller == guest.reseller for member in live):
            guest.word = HERE
        elif invitation := self.invited.get(guest.place):
            guest.word = INVITED
            guest.detail = day(invitation.created_at, self.zone)
        elif guest.email in self.often:
            guest.word = OFTEN
        elif live:
            guest.word = ELSEWHERE
            guest.detail = ", ".join(member.reseller.name for member in live)
        elif left := [m for m in member_of if m.reseller == guest.reseller]:
            last = max(left, key=lambda member: member.left_on or date.min)
            assert last.left_on is not None  # noqa: S101  not live
            guest.detail = _("was here until %(day)s") % {"day": on_day(last.left_on)}
