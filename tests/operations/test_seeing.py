"""What real processes show of themselves: beats, a line of the log, figures."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import timedelta
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from django.db.models import F
from django.urls import reverse

from lms.operations import processes
from lms.operations.findings import Level
from lms.operations.models import Heartbeat
from tests.factories import EnrolmentFactory
from tests.operations.house import House, Visitor, until

TOKEN = "0123456789abcdef0123"
LOOKS = {
    "web": processes.look_at_web,
    "worker": processes.look_at_worker,
    "clock": processes.look_at_clock,
}


def levels() -> dict[str, Level]:
    return {name: look().level for name, look in LOOKS.items()}


def figures(house: House) -> str:
    place = str(urlsplit(house.url).netloc)
    with closing(HTTPConnection(place, timeout=30)) as asked:
        asked.request("GET", "/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        return asked.getresponse().read().decode()


def test_processes_are_seen_and_missed(build: Any) -> None:
    """All beat; one that is killed is missed, and nobody is named in the log."""
    house: House = build(LOG_FORMAT="json", METRICS_TOKEN=TOKEN, BEHIND_PROXY="0")
    enrolment = EnrolmentFactory()
    house.start()
    until(lambda: Heartbeat.objects.filter(name="web").count() == 2, "both serve")
    until(
        lambda: set(levels().values()) == {Level.OK}, "all live, and the worker works"
    )

    person = enrolment.member.user
    for _again in range(20):  # whichever of the two answers
        page = Visitor(house.url, person).get(reverse("dashboards:my"))
        assert page.status == 200
    told = figures(house)
    assert 'lms_requests_total{status="200",view="dashboards:my"} 20.0' in told
    assert 'lms_processes{name="web"} 2.0' in told

    house.kill("worker")
    Heartbeat.objects.update(at=F("at") - timedelta(seconds=100))
    assert levels()["worker"] is Level.OK  # it may be slow
    Heartbeat.objects.filter(name="worker").update(at=F("at") - timedelta(seconds=60))
    assert levels()["worker"] is Level.BAD

    written = house.programs["web"].said(100_000)
    lines = [json.loads(line) for line in written.splitlines() if line[:1] == "{"]
    seen = [line for line in lines if line.get("view") == "dashboards:my"]
    assert len(seen) == 20
    assert {line["user"] for line in seen} == {person.pk}
    assert len({line["request"] for line in seen}) == 20
    assert person.email not in written
    assert person.full_name not in written
