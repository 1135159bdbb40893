"""The figures that Prometheus reads, and the alerts made of them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
import yaml
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from prometheus_client.parser import text_string_to_metric_families

from certificates.models import CertificateState
from lms.audit import log
from lms.operations.metrics import stays_by_how
from lms.operations.models import Heartbeat
from sessions.models import Ended, Presence, Route
from tests.factories import (
    BookingFactory,
    CertificateFactory,
    MessageFactory,
    PresenceFactory,
    QualitySampleFactory,
    UserFactory,
)

ROOT = Path(__file__).resolve().parents[3]
TOKEN = "0123456789abcdef0123"
AT = datetime(2027, 3, 1, 9, tzinfo=UTC)

pytestmark = pytest.mark.django_db


@pytest.fixture
def read(client, settings):
    """Read the figures: by their name and the values of their labels, by alphabet."""
    settings.METRICS_TOKEN = TOKEN

    def figures():
        response = client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"})
        assert response.status_code == 200
        return {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(response.text)
            for sample in family.samples
        }

    return figures


@pytest.mark.parametrize("given", ["", "Bearer ", "Bearer wrong", f"Bearer {TOKEN}x"])
def test_without_the_token_there_is_nothing(client, settings, given):
    assert client.get("/metrics", headers={"authorization": given}).status_code == 404
    settings.METRICS_TOKEN = TOKEN

    assert client.get("/metrics", headers={"authorization": given}).status_code == 404


def test_requests_are_counted_by_view_and_status(client, read):
    before = read().get(("lms_requests_total", "200", "account_login"), 0)

    client.get("/accounts/login/")
    client.get("/accounts/login/")

    after = read()
    assert after["lms_requests_total", "200", "account_login"] == before + 2
    assert after["lms_request_seconds_count", "account_login"] >= 2


def test_without_a_token_nothing_is_counted(client, read, settings):
    before = read().get(("lms_requests_total", "200", "account_login"), 0)
    settings.METRICS_TOKEN = ""
    client.get("/accounts/login/")
    settings.METRICS_TOKEN = TOKEN

    assert read().get(("lms_requests_total", "200", "account_login"), 0) == before


def test_what_waits_and_who_lives_is_told(read):
    with time_machine.travel(AT, tick=False) as clock:
        MessageFactory(created_at=AT, send_after=AT)
        CertificateFactory(state=CertificateState.PENDING)
        Heartbeat.objects.create(
            name="worker", host="one", pid=1, started_at=AT, at=AT, worked_at=AT,
            disk_free=250, disk_size=1000,
        )  # fmt: skip
        log.record(None, "booked", UserFactory())
        clock.shift(timedelta(seconds=90))
        figures = read()
        clock.shift(timedelta(hours=1))
        later = read()

    assert figures["lms_database_up",] == 1
    assert figures["lms_outbox_age_seconds",] == 90
    assert figures["lms_certificate_lag_seconds",] == 90
    assert figures["lms_processes", "worker"] == 1
    assert figures["lms_processes", "clock"] == 0
    assert figures["lms_beat_age_seconds", "worker"] == 90
    assert figures["lms_worker_worked_age_seconds",] == 90
    assert figures["lms_disk_free_ratio", "one"] == 0.25
    assert figures["lms_events_last_hour", "booked"] == 1
    assert later["lms_events_last_hour", "booked"] == 0
    assert later["lms_processes", "worker"] == 0


def stay(booking, user, minutes=30, ended=Ended.LEFT, route="", **fields):
    return PresenceFactory(
        booking=booking,
        user=user,
        joined_at=AT - timedelta(minutes=minutes),
        seen_at=AT,
        left_at=AT,
        ended=ended,
        route=route,
        **fields,
    )


def both(minutes=30, **fields):
    booking = BookingFactory()
    return [
        stay(booking, user, minutes, **fields)
        for user in (booking.trainee, booking.trainer.user)
    ]


def test_stays_in_rooms_are_told_by_how_the_connection_was():
    both(route=Route.DIRECT)  # well, both
    both(route=Route.RELAY)  # relayed, both
    both()  # unconnected, both
    both(minutes=0.5)  # gone before it could connect: well
    lonely = BookingFactory()
    stay(lonely, lonely.trainee)  # nobody came: no fault of the connection
    lost, _other = both(route=Route.DIRECT)
    Presence.objects.filter(pk=lost.pk).update(ended=Ended.SILENT)
    weak, _other = both(route=Route.DIRECT)
    QualitySampleFactory(presence=weak, loss_percent=20, at=AT)
    QualitySampleFactory(presence=weak, loss_percent=30, at=AT + timedelta(minutes=1))

    with CaptureQueriesContext(connection) as caught:
        found = stays_by_how(AT)

    assert found == {"silent": 1, "unconnected": 2, "weak": 1, "relayed": 2, "well": 7}
    assert len(caught) == 2
    assert sum(stays_by_how(AT + timedelta(hours=1)).values()) == 0


# --- Alerts ------------------------------------------------------------------------------


def alerts():
    found = yaml.safe_load((ROOT / "deploy" / "alerts.yaml").read_text())
    [group] = found["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


def test_each_figure_that_an_alert_asks_for_is_there(client, read):
    Heartbeat.objects.create(
        name="worker",
        host="one",
        pid=1,
        started_at=now(),
        at=now(),
        worked_at=now(),
        disk_free=1,
        disk_size=2,
    )
    client.get("/accounts/login/")
    there = {name for name, *_labels in read()}

    asked = {
        name
        for rule in alerts().values()
        for name in re.findall(r"\blms_\w+", rule["expr"])
    }

    assert len(alerts()) == 8
    assert asked - there == set()


def test_each_alert_has_a_line_of_what_to_do():
    page = (ROOT / "docs" / "operations.md").read_text()

    told = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))

    assert alerts().keys() <= told
