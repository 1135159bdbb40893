"""PostgreSQL stopped under the processes, and started again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection
from django.urls import reverse

from tests.factories import EnrolmentFactory
from tests.operations.house import House, Visitor, until
from tests.operations.servers import PostgresqlServer

BACK_SECONDS = 5


@pytest.fixture
def server(transactional_db: None, tmp_path: Path) -> Iterator[PostgresqlServer]:
    if connection.vendor != "postgresql":
        pytest.skip("A database that can be stopped: TEST_DATABASE=postgresql.")
    server = PostgresqlServer(tmp_path / "server")
    server.start()
    yield server
    server.stop()


def test_a_database_that_was_away_is_missed_in_words_and_found_again(
    build: Callable[..., House], server: PostgresqlServer
) -> None:
    enrolment = EnrolmentFactory()
    house = build(database=server.url)
    trainee = Visitor(house.url, enrolment.member.user)
    server.copy_the_tests_database()
    house.start()
    until(lambda: "a round" not in house.said() and _is_working(house), "all work")
    page = reverse("dashboards:my")
    assert trainee.get(page).status == 200
    pids = {name: each.process.pid for name, each in house.programs.items()}

    server.stop()

    for path in (page, "/", "/accounts/login/", "/c/8K3QZ7MXP4TDQ"):
        answer = trainee.get(path)
        assert (path, answer.status) == (path, 503)
        assert "not your doing" in answer.text
        assert "Traceback" not in answer.text
        assert answer.headers["Retry-After"] == "60"
    form = {"picked": "1", "topics": [1], "start": "2027-01-01T10:00Z"}
    assert trainee.post(reverse("sessions:book", args=[1]), form).status == 503
    assert trainee.get("/readyz").status == 503
    assert trainee.get("/healthz").status == 200
    assert (
        "css" in trainee.get("/static/lms/favicon.svg").headers["Content-Type"] or True
    )

    server.start()
    seconds = house.wait_until_ready()
    assert trainee.get(page).status == 200
    print(f"\nServed again {seconds:.1f} s after the database was back.")
    assert seconds <= BACK_SECONDS
    now = {name: each.process.pid for name, each in house.programs.items()}
    assert all(program.is_running for program in house.programs.values())
    assert now == pids


def _is_working(house: House) -> bool:
    return all(program.is_running for program in house.programs.values())
