"""Staff who read only: no address of ours lets them change what is not their own."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from django.db import connection, reset_queries
from django.test.utils import CaptureQueriesContext

from lms.people.accounts import set_channel_team
from tests import test_access
from tests.factories import UserFactory
from tests.test_access import PEOPLE, TABLE, ask

# At the walls the same people ask the same addresses.
pytestmark = pytest.mark.asked_elsewhere
world = test_access.world
OWN = {"certificates:audits", "courses:place", "courses:practise"}
_WRITES = ("INSERT", "UPDATE", "DELETE")
_OF_EVERY_REQUEST = (  # who signs in; and that staff looked at somebody
    *("django_session", "audit_event", '"people_user" SET "last_login"'),
    *("django_cache", '"cache"'),
)


@pytest.fixture
def reader(world):
    reader = UserFactory()
    set_channel_team(reader, True, by=None, content=False, people=False)
    world.people |= {"reader": reader, "stranger": UserFactory()}
    return reader


def writes_of(caught):
    statements = [query["sql"] for query in caught]
    return [
        sql
        for sql in statements
        if sql.startswith(_WRITES)
        and not any(name in sql.partition("VALUES")[0] for name in _OF_EVERY_REQUEST)
    ]


def test_read_only_staff_write_no_more_than_any_stranger(
    client, world, reader, monkeypatch
):
    wrote = {"reader": {}, "stranger": {}}

    for (name, entry), who in product(list(TABLE.items()), wrote):
        monkeypatch.setitem(TABLE, name, replace(entry, method="post"))
        for args in filter(None, (entry.args, entry.foreign)):
            reset_queries()
            with CaptureQueriesContext(connection) as caught:
                ask(client, world, who, name, args(world))
            if written := writes_of(caught):
                wrote[who][name] = written

    more = wrote["reader"].keys() - wrote["stranger"].keys()
    assert {name: wrote["reader"][name] for name in more - OWN} == {}


def test_read_only_staff_read_what_staff_read(client, world, reader, monkeypatch):
    """But for pages that are a form to change something, and nothing else."""
    closed = {}

    for name, entry in list(TABLE.items()):
        as_staff = entry.answers[PEOPLE.index("staff")]
        if entry.method != "get" or as_staff != 200:
            continue
        got = ask(client, world, "reader", name, entry.args(world))
        if got != 200:
            monkeypatch.setitem(TABLE, name, replace(entry, method="post"))
            to_post = ask(client, world, "reader", name, entry.args(world))
            closed[name] = got, to_post

    designs = {"certificates:design_sample", "certificates:design_styles"}  # editors'
    assert {closed.pop(name)[0] for name in designs} == {403}
    assert closed["dashboards:teams"] == (403, 403)
    assert set(closed.values()) <= {(403, 403), (404, 404)}
