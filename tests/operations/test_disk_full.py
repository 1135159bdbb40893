"""A disk that is full: what can be read is read, what cannot be saved is told so."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from django.urls import reverse
from django.utils.timezone import now

from courses.models import Source
from lms.people import sign_ins
from lms.people.models import User
from tests.factories import EnrolmentFactory, TrainerFactory
from tests.operations.house import House, Visitor, copied_database, fill, until
from tests.operations.servers import PostgresqlServer


def test_a_full_disk_is_told_in_words_and_nothing_is_harmed(
    build: Callable[..., House], disk: Path
) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL's disk is its own.")
    wish = a_wish()
    house = build(folder=disk)
    trainee, reader = Visitor(house.url, wish.user), a_reader(house, wish.user)
    house.serve(copied_database(disk))
    house.start()
    house.mind()

    tell_of_a_full_disk(disk, trainee, reader, wish)

    until(lambda: len(house.mails()) == 2, "both are told of the call")
    house.close()
    said = house.manage("shell", "-c", LOOK)
    assert said.strip().endswith("[('ok',)] 1")


def test_a_full_disk_of_postgresql_is_told_in_words_and_nothing_is_harmed(
    build: Callable[..., House], disk: Path
) -> None:
    """Its data and its log lie on one disk, as they do where nobody chose otherwise."""
    if connection.vendor != "postgresql":
        pytest.skip("TEST_DATABASE=postgresql.")
    wish = a_wish()
    server = PostgresqlServer(disk / "server")
    server.start()
    house = build(database=server.url)
    trainee, reader = Visitor(house.url, wish.user), a_reader(house, wish.user)
    server.copy_the_tests_database()
    house.start()
    house.mind()
    pids = {name: each.process.pid for name, each in house.programs.items()}

    tell_of_a_full_disk(disk, trainee, reader, wish)

    until(lambda: len(house.mails()) == 2, "both are told of the call")
    tell_of_a_server_that_ended_itself(disk, server, house, trainee)
    assert {name: each.process.pid for name, each in house.programs.items()} == pids
    server.stop()


def tell_of_a_server_that_ended_itself(
    disk: Path, server: PostgresqlServer, house: House, trainee: Visitor
) -> None:
    """Where its log needs room, PostgreSQL ends, and waits for room and for its start."""
    calls = reverse("sessions:agenda")
    fill(disk)
    with suppress(psycopg.Error), psycopg.connect(server.url, autocommit=True) as one:
        for _n in range(20):  # it keeps some room ahead
            one.execute("SELECT pg_switch_wal()")
            one.execute("CREATE TABLE something ()")
            one.execute("DROP TABLE something")
    until(lambda: trainee.get(calls).status == 503, "the database is away")
    assert "not your doing" in trainee.get(calls).text
    assert trainee.get("/readyz").status == 503

    (disk / "filling").unlink()
    server.start()
    house.wait_until_ready()
    assert trainee.get(calls).status == 200
    with psycopg.connect(server.url) as one:
        rows = one.execute("SELECT count(*) FROM training_sessions_booking").fetchone()
    assert rows == (1,)


LOOK = """
from django.db import connection
from sessions.models import Booking
with connection.cursor() as cursor:
    cursor.execute("PRAGMA integrity_check")
    print(cursor.fetchall(), Booking.objects.count())
"""


@dataclass
class Wish:
    """A call that somebody wants to book."""

    user: User
    page: str
    form: dict[str, Any]


def a_wish() -> Wish:
    enrolment = EnrolmentFactory(source=Source.MANAGER)  # the calendar leaves it
    TrainerFactory(programmes=[enrolment.programme], time_zone="UTC")
    wednesday = datetime.now(UTC) + timedelta(days=7)
    wednesday += timedelta(days=(2 - wednesday.weekday()) % 7)
    form = {
        "picked": "1",
        "topics": [enrolment.edition.topics.first().pk],
        "start": f"{wednesday:%Y-%m-%d}T10:00Z",
        "request_key": str(uuid4()),
    }
    page = reverse("sessions:book", args=[enrolment.pk])
    return Wish(enrolment.member.user, page, form)


def a_reader(house: House, user: User) -> Visitor:
    """Somebody who has not asked for a page for a while, so that their use is noted."""
    reader = Visitor(house.url, user)
    session = SessionStore(reader.cookies[settings.SESSION_COOKIE_NAME])
    before = now() - 2 * sign_ins.LOOK_AGAIN
    session[sign_ins.BEGAN] = session[sign_ins.USED] = before.timestamp()
    session.save()
    return reader


def tell_of_a_full_disk(
    disk: Path, trainee: Visitor, reader: Visitor, wish: Wish
) -> None:
    """Fill it: reading goes on, saving is refused in words, until there is room."""
    paths = (reverse("dashboards:my"), wish.page, "/readyz", "/healthz")
    assert [trainee.get(path).status for path in paths] == [200] * 4

    fill(disk)
    answers = [trainee.post(wish.page, wish.form) for _n in range(3)]
    read = [who.get(path).status for who in (trainee, reader) for path in paths]
    (disk / "filling").unlink()
    again = trainee.post(wish.page, wish.form)

    assert [answer.status for answer in answers] == [507] * 3
    assert "no room left" in answers[0].text
    assert read == [200] * 8
    assert (again.status, again.location[:7]) == (302, "/calls/")
