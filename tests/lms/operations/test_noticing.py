"""What does not work is told to the channel team on their screens, and to nobody else."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from lms.operations import noticing
from lms.operations.models import Heartbeat
from lms.people.accounts import set_channel_team
from tests.factories import MemberFactory, UserFactory

WORDS = "No worker runs: mail, certificates and packs wait."

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_noticed():
    yield
    noticing.forget()


@pytest.fixture
def staff():
    staff = UserFactory()
    set_channel_team(staff, True, by=None, people=False, content=False)
    return staff


def beat_of(name):
    Heartbeat.objects.create(
        name=name, host="here", pid=1, started_at=now(), at=now(), worked_at=now()
    )


def page(client, person, name="dashboards:search"):
    client.force_login(person)
    return client.get(reverse(name)).text


def test_what_is_found_twice_running_is_told_and_goes_by_itself(client, staff):
    beat_of("clock")
    noticing.look()
    assert WORDS not in page(client, staff)  # it may be just starting

    noticing.look()
    assert WORDS in page(client, staff)

    beat_of("worker")
    noticing.look()
    assert WORDS not in page(client, staff)


def test_it_is_told_to_the_channel_team_alone(client, staff):
    noticing.look()
    noticing.look()

    assert WORDS in page(client, staff)
    assert WORDS not in page(client, MemberFactory(is_manager=True).user)
    client.logout()
    assert WORDS not in client.get("/").text


def test_being_told_costs_a_page_no_query(client, staff):
    page(client, staff)
    with CaptureQueriesContext(connection) as before:
        client.get(reverse("dashboards:search"))
    noticing.look()
    noticing.look()

    with CaptureQueriesContext(connection) as after:
        assert WORDS in client.get(reverse("dashboards:search")).text

    assert len(after) == len(before)
