"""Everybody who may stand before a wall, and what each is answered there.

What one of `test_access.PEOPLE` gets stands in that table, an entry for each address;
who else there is gets what one of those gets, or what somebody without a role does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from http.cookies import SimpleCookie
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

from django.db import connection, transaction
from django.http import HttpResponseBase
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from content.permissions import grant_channel_teams
from lms.people.access import MEMBERSHIP_KEY
from lms.people.accounts import set_channel_team
from lms.people.models import User
from tests.factories import (
    InvitationFactory,
    MemberFactory,
    ResellerFactory,
    TrainerFactory,
    UserFactory,
)
from tests.test_access import NOBODYS, PEOPLE, SIGN_IN, TABLE, Entry, make_world

# PostgreSQL is asked by two methods, and for what is not there by one of each role:
# the others ask it nothing else (tools/questions.py), and are heard on SQLite.
ON_POSTGRESQL = connection.vendor == "postgresql"
OTHER_METHODS = ["head", "put", "patch", "delete", "options"]
METHODS = ["get", "post", *([] if ON_POSTGRESQL else OTHER_METHODS)]
DENIED = {SIGN_IN, 403, 404, 405}
NO_ROLE = "no role"
# Who each is like, before Tess's things and before a stranger's.
LIKE = {
    **{who: who for who in PEOPLE},
    "other_tess": "colleague",  # a trainee of another reseller
    "parent_manager": "manager",  # of the company above hers
    "below_manager": "other_manager",  # of a subsidiary of hers
    "two_hats_there": "other_manager",  # her colleague, now as another's manager
    "two_hats_here": "colleague",  # the same, now as her colleague
    "invited": NO_ROLE,  # has a login, and has not accepted
    "left": NO_ROLE,  # was her manager
    "past_trainer": NO_ROLE,  # held calls, and holds none any more
    "editor": "staff",  # of the three permissions, content alone
    "carer": "staff",  # people alone
    "reader": "staff",  # neither
    "suspended": "anonymous",  # her manager, switched off since signing in
    "suspended_staff": "anonymous",
}
# Who asks by the methods that no address of ours is made for.
SOME = ["tess", "colleague", "manager", "staff"]
# Where one is answered otherwise than whom they are like.
UNLIKE: dict[str, dict[str, int | str]] = {
    # an audit pack, or a sample, is for whoever asked for it
    "certificates:audit": {"parent_manager": 404},
    "certificates:audit_file": {"parent_manager": 404},
    "certificates:design_sample": {"editor": 404},
    "certificates:design_sample_file": {"editor": 404},
    # so is a list of people to invite for whoever pasted it
    "people:invite_list": {"parent_manager": 404},
    # whom a reseller still counts on asks its manager first
    "privacy:ask": {NO_ROLE: 302},
    # pages are for those with a live membership or a role
    **{
        name: {NO_ROLE: 403}
        for name in (
            "wagtail_serve",
            "wagtaildocs_serve",
            "content:document",
            "dashboards:search",
            "courses:practise",
            "courses:place",
        )
    },
}
# What is only for those of the channel team who may change people, or edit content.
# (Who may not cancel a call gets the form again, and who sees only what they may
# change finds nothing there.)
CARERS: dict[str, int] = {
    **dict.fromkeys(
        (
            "certificates:anew",
            "certificates:statement_withdraw",
            "dashboards:add",
            "dashboards:add_reseller",
            "dashboards:answer",
            "dashboards:answer_name",
            "dashboards:answer_transfer",
            "dashboards:leave",
            "dashboards:manager",
            "dashboards:remind",
            "dashboards:remind_late_of",
            "dashboards:send_test_mail",
            "dashboards:set_address",
            "dashboards:teams",
            "dashboards:undo",
            "dashboards:void",
            "people:invite",
            "people:invite_list",
            "privacy:answer",
            "privacy:erasures",
            "sessions:board",
            "sessions:board_topic",
            "sessions:correct",
            "sessions:cannot_work_for",
            "sessions:extend",
            "sessions:hand_over",
            "sessions:help_with_check",
            "sessions:leaving",
            "sessions:move",
            "sessions:sign_off",
            "sessions:undo",
        ),
        403,
    ),
    "dashboards:away": 404,
    "sessions:cancel": 409,
}
EDITORS = dict.fromkeys(
    (
        "certificates:design_font",
        "certificates:design_sample",
        "certificates:design_sample_file",
        "certificates:design_styles",
    ),
    403,
)
WITHOUT = {"editor": CARERS, "carer": EDITORS, "reader": CARERS | EDITORS}
MALFORMED = ["0x1", "-1", "1'--", "%00", "é", "9" * 25, "../1"]
# A look of staff at a person is logged, and a session may be touched: by any method.
LOGS = {"audit_event", "audit_eventvalues", "audit_link", "django_session", "cache"}
WRITES = re.compile(r'^(?:INSERT INTO|UPDATE|DELETE FROM)\s+"?(\w+)', re.IGNORECASE)


def expected(name: str, who: str) -> int | str:
    """What the table says somebody is answered about Tess's object."""
    if name in WITHOUT.get(who, {}):
        return WITHOUT[who][name]
    for each in (who, LIKE[who]):
        if each in UNLIKE.get(name, {}):
            return UNLIKE[name][each]
    answers = dict(zip(PEOPLE, TABLE[name].answers, strict=True))
    if LIKE[who] != NO_ROLE:
        return answers[LIKE[who]]
    denied = [answers[each] for each in ("colleague", "other_trainer")]
    return next((each for each in denied if each in DENIED), denied[0])


def make_crowd() -> SimpleNamespace:
    """The world of the table, with everybody in it, each at their own client."""
    world = make_world()
    reseller = world.reseller
    parent = ResellerFactory()
    reseller.move(parent, pos="first-child")
    reseller.refresh_from_db()
    below = ResellerFactory(parent=reseller)
    colleague = MemberFactory(reseller=reseller)
    there = MemberFactory(user=colleague.user, is_manager=True)
    invited = UserFactory()
    InvitationFactory(email=invited.email, reseller=reseller)
    left = MemberFactory(reseller=reseller, is_manager=True)
    past = TrainerFactory()
    world.people |= {
        "other_tess": MemberFactory().user,
        "parent_manager": MemberFactory(reseller=parent, is_manager=True).user,
        "below_manager": MemberFactory(reseller=below, is_manager=True).user,
        "two_hats_there": colleague.user,
        "two_hats_here": colleague.user,
        "invited": invited,
        "left": left.user,
        "past_trainer": past.user,
        "editor": make_staff(content=True, people=False),
        "carer": make_staff(content=False, people=True),
        "reader": make_staff(content=False, people=False),
        "suspended": MemberFactory(reseller=reseller, is_manager=True).user,
        "suspended_staff": UserFactory(is_staff=True),
    }
    grant_channel_teams()
    world.clients = {who: seated(person) for who, person in world.people.items()}
    _switch(world.clients["two_hats_there"], there.pk)
    _switch(world.clients["two_hats_here"], colleague.pk)
    left.left_on = now().date()
    left.save()
    past.is_active = False
    past.save()
    for who in ("suspended", "suspended_staff"):
        world.people[who].is_active = False
        world.people[who].save()
    assert set(LIKE) == set(world.people)
    for name in ("did_document", "seal_roots"):  # keeps the keys made at first use
        world.clients["staff"].get(reverse(name))
    for client in world.clients.values():  # what is read once is read
        ask(client, "get", reverse("dashboards:person", args=[10**9]))
    return world


def make_staff(*, content: bool, people: bool) -> User:
    """One of the channel team, with some of its permissions."""
    person = UserFactory()
    set_channel_team(person, True, by=None, content=content, people=people)
    return person


def seated(person: Any) -> Client:
    client = Client()
    if person:
        client.force_login(person)
    return client


def _switch(client: Client, membership: int) -> None:
    session = client.session
    session[MEMBERSHIP_KEY] = membership
    session.save()


@dataclass
class Answer:
    """A response, and what it cost and changed; the change itself is taken back."""

    response: HttpResponseBase
    queries: int
    written: set[str]

    @property
    def status(self) -> int | str:
        door = reverse("account_login")
        if self.response.status_code == 302 and self.response.url.startswith(door):
            return SIGN_IN
        return self.response.status_code

    @property
    def says_more(self) -> bool:
        """Whether it is more than a closed door: OPTIONS may name the methods."""
        is_bare = self.response.get("Allow") and not self.body
        return self.status not in DENIED and not is_bare

    @cached_property
    def body(self) -> bytes:
        if self.response.streaming:
            return b"".join(self.response.streaming_content)
        return self.response.content


class Counted:
    """Counts queries, and names the tables that are written to."""

    def __init__(self) -> None:
        self.queries = 0
        self.written: set[str] = set()

    def __call__(self, execute: Any, sql: str, *more: Any) -> Any:
        if not sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
            self.queries += 1
        if found := WRITES.match(sql):
            self.written.add(found[1])
        return execute(sql, *more)


@contextmanager
def taken_back() -> Iterator[Counted]:
    """Count what happens inside, and take it back."""
    counted = Counted()
    with transaction.atomic(), connection.execute_wrapper(counted):
        yield counted
        transaction.set_rollback(True)


def ask(
    client: Client, method: str, url: str, data: dict[str, Any] | None = None
) -> Answer:
    """Ask, and take back what it changed: rows, and the cookies of who asked."""
    sent = (data or {}) if method in {"get", "head", "post"} else ""
    cookies = SimpleCookie(client.cookies)
    with taken_back() as counted:
        response = getattr(client, method)(url, sent)
        for close in response._resource_closers:  # close() itself ends the connection
            close()
    client.cookies = cookies
    return Answer(response, counted.queries, counted.written)


def address(name: str, args: list[Any]) -> str:
    return f"/{name}" if "/" in name else reverse(name, args=args)


def missing(args: list[Any]) -> list[Any]:
    """The keys of nothing, of the same kinds."""
    return [NOBODYS.get(type(each), 10**9) for each in args]


def malformed(name: str, args: list[Any]) -> Iterator[str]:
    """Addresses in which one key is none."""
    url = address(name, args)
    for each in args:
        for bad in MALFORMED:
            yield url.replace(quote(str(each), safe="/"), bad, 1)


TOKENS = re.compile(
    rb'(name="csrfmiddlewaretoken" value="|nonce="|X-CSRFToken[^:]*: ?[^:]{0,6}&quot;|"X-CSRFToken": ")'
    rb"[\w+/=-]+"
)


def alike(body: bytes, url: str, args: list[Any]) -> bytes:
    """A body without its tokens, its own address and its keys."""
    body = TOKENS.sub(rb"\1", body)
    for each in (url, quote(url)):
        body = body.replace(each.encode(), b"")
    keys = b"|".join(re.escape(str(each).encode()) for each in args)
    return re.sub(rb"\b(?:%s)\b" % keys, b"", body)


def who_asks(entry: Entry, method: str) -> list[str]:
    """All, but where one answer is for everybody, or by a method made for nobody."""
    is_public = len(set(entry.answers)) == 1 and SIGN_IN not in entry.answers
    if method not in {"get", "post"}:
        return SOME
    return ["anonymous", *SOME, "suspended"] if is_public else list(LIKE)


def who_is_kept_out(name: str) -> list[str]:
    """All but those of the channel team who see what is anybody's."""
    asking = PEOPLE if ON_POSTGRESQL else list(LIKE)
    if TABLE[name].staff == 404:
        return asking
    is_door = TABLE[name].others == 403  # shut before anything is looked for
    return [
        who
        for who in asking
        if LIKE[who] != "staff" or (is_door and name in WITHOUT.get(who, {}))
    ]
