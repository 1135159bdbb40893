"""The page about how the installation is."""

import time
from datetime import timedelta

import psycopg
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from lms.mail.models import Message
from lms.operations import doctor
from lms.operations.models import Heartbeat, TestMail
from lms.people.accounts import set_channel_team
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

HEALTH = reverse("dashboards:health")
SEND = reverse("dashboards:send_test_mail")


@pytest.fixture
def staff(client):
    staff = UserFactory()
    set_channel_team(staff, True, by=None)
    client.force_login(staff)
    return staff


def test_the_worst_comes_first_with_what_to_do(client, staff):
    for name in ("web", "clock"):
        Heartbeat.objects.create(
            name=name, host="some-host", pid=7, started_at=now(), at=now()
        )

    response = client.get(HEALTH)

    parts = response.context["parts"]
    levels = [part.state.tone for part in parts]
    assert levels == sorted(levels, key=["bad", "warn", "good"].index)
    worker = next(part for part in parts if part.title == "Worker")
    assert worker.words == "No worker runs: mail, certificates and packs wait."
    assert worker.step in response.text.replace("&quot;", '"')
    assert response.text.count("some-host") == 2


@pytest.mark.django_db(transaction=True)
def test_a_table_that_hangs_is_told_and_holds_the_page_no_longer(
    client, staff, monkeypatch
):
    if connection.vendor != "postgresql":
        pytest.skip("In SQLite's file who reads waits for nobody.")
    monkeypatch.setattr(doctor, "PATIENCE", timedelta(seconds=0.3))
    with psycopg.connect(**connection.get_connection_params()) as another:
        another.execute("LOCK TABLE operations_testmail")
        start = time.monotonic()
        response = client.get(HEALTH)
        seconds = time.monotonic() - start
        another.rollback()

    parts = {part.title: part for part in response.context["parts"]}
    assert "statement timeout" in parts["Mail arrives"].words
    assert parts["Mail arrives"].state.tone == "bad"
    assert parts["Migrations"].words == "All migrations are applied."
    assert seconds < doctor.LIMIT.total_seconds()
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("0",)


def test_more_processes_cost_the_page_no_more(client, staff):
    counts = set()
    for number in (1, 2, 3):
        Heartbeat.objects.create(
            name="web", host="here", pid=number, started_at=now(), at=now()
        )
        client.get(HEALTH)
        with CaptureQueriesContext(connection) as caught:
            client.get(HEALTH)
        counts.add(len(caught))

    assert len(counts) == 1  # which one depends on the engine, that is asked about


def test_a_test_mail_goes_to_who_asks(client, staff):
    assert client.post(SEND).status_code == 302

    message = Message.objects.get()
    assert message.to == staff.email
    assert TestMail.objects.get().came_at is None


def test_who_reads_alone_sees_the_page_and_sends_nothing(client, staff):
    set_channel_team(staff, True, by=None, people=False, content=True)

    assert SEND not in client.get(HEALTH).text
    assert client.post(SEND).status_code == 403
    assert not Message.objects.exists()
