"""Staff who read only: no address of ours lets them change what is not their own."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.db import transaction

from lms.audit.models import Event
from lms.people.accounts import set_channel_team
from tests import test_access
from tests.factories import UserFactory
from tests.test_access import ask

world = test_access.world
REFUSED = (403, 404, 405)
READ_BY_POST = {  # pages to read, which answer a POST as a GET
    *("styleguide", "wagtail_serve", "content:acknowledged"),
    *("dashboards:standing", "dashboards:reseller", "dashboards:person"),
    *("dashboards:standing_handbook", "dashboards:reseller_handbook"),
    *("dashboards:search", "dashboards:requests", "dashboards:duties"),
}
OWN = {"courses:practise", "courses:place", "certificates:audits"}
REFUSED_BY_THE_RULE = {
    *("sessions:wait", "sessions:stop_waiting", "sessions:cancel"),
    *("sessions:missed", "sessions:dispute"),
}
FORMS = {  # pages that are nothing but a form to change something
    *("dashboards:add", "dashboards:teams", "dashboards:void"),
    *("sessions:cannot_work_for", "sessions:leaving", "sessions:sign_off"),
    *("certificates:design_sample", "certificates:design_styles"),
    *("sessions:hand_over", "sessions:move"),
}


@pytest.fixture
def reader(world):
    reader = UserFactory()
    set_channel_team(reader, True, by=None, content=False, people=False)
    world.people |= {"reader": reader, "nobody": UserFactory()}
    return reader


def test_read_only_staff_are_refused_what_changes_others(
    client, world, reader, monkeypatch
):
    answered = {}
    for name, entry in list(test_access.TABLE.items()):
        monkeypatch.setitem(test_access.TABLE, name, replace(entry, method="post"))
        for args in filter(None, (entry.args, entry.foreign)):
            got = ask(client, world, "reader", name, args(world))
            if got not in REFUSED and got != ask(
                client, world, "nobody", name, args(world)
            ):
                answered[name] = got

    assert set(answered) == READ_BY_POST | OWN | REFUSED_BY_THE_RULE
    assert {answered[name] for name in READ_BY_POST} == {200}


def test_what_the_rules_refuse_them_writes_nothing(client, world, reader):
    client.force_login(reader)
    before = Event.objects.count()

    for name in REFUSED_BY_THE_RULE:
        entry = test_access.TABLE[name]
        with transaction.atomic():
            path = test_access.address(name, entry.args(world))
            client.post(path, {"reason": "ill", "cause": "illness", "text": "No"})
            assert Event.objects.count() == before

    world.booking.refresh_from_db()
    assert world.booking.state == "booked"


def test_read_only_staff_read_what_staff_read(client, world, reader):
    wrong = {}
    for name, entry in test_access.TABLE.items():
        as_staff = dict(zip(test_access.PEOPLE, entry.answers, strict=True))["staff"]
        if entry.method == "get" and as_staff == 200:
            got = ask(client, world, "reader", name, entry.args(world))
            if got != 200:
                wrong[name] = got

    assert wrong == dict.fromkeys(FORMS, 403)
