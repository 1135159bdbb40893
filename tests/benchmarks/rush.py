"""A rush for calls in a database of its own: `python -m tests.benchmarks.rush`.

Prints, as JSON, for each way to book: requests answered, calls booked, seconds, and
the processor's seconds, ours and the database server's. The environment says which
database; it is migrated, and filled with people and trainers.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

from django.core.management import call_command

PROCESSES = 12
REQUESTS = 720
AT_ONE_TIME = 24  # that want the same call
PER_DAY = 5  # windows into which one call fits
WINDOW, STEP = 75, 95  # minutes
LENGTH = timedelta(minutes=45)

Ask = tuple[Any, datetime]  # an enrolment, a time


def prepare() -> None:
    """Set Django up as the server does: every view is loaded before it forks."""
    importlib.import_module("lms.wsgi")
    call_command("migrate", verbosity=0, interactive=False)
    call_command("createcachetable", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)


def programme_with(trainers: int) -> Any:
    """A programme of one topic of 45 minutes, and who may take its calls."""
    from tests.factories import (  # noqa: PLC0415  once Django is set up
        EditionFactory,
        EditionTopicFactory,
        TrainerFactory,
    )

    edition = EditionFactory(topics=[])
    EditionTopicFactory(edition=edition, call_minutes=45)
    for _n in range(trainers):
        TrainerFactory(
            programmes=[edition.programme],
            time_zone="UTC",
            weekly_hours=[
                (day, 480 + n * STEP, 480 + n * STEP + WINDOW)
                for day in range(7)
                for n in range(PER_DAY)
            ],
        )
    return edition


def enrol(edition: Any, count: int) -> list[Any]:
    from courses.models import Enrolment, Source  # noqa: PLC0415
    from lms.people.models import Member, User  # noqa: PLC0415
    from tests.factories import ResellerFactory  # noqa: PLC0415

    reseller = ResellerFactory()
    people = User.objects.bulk_create(
        User(
            email=f"{uuid4()}@example.com",
            full_name=f"Person {n}",
            time_zone="Europe/Berlin",
            password="!",
        )
        for n in range(count)
    )
    members = Member.objects.bulk_create(
        Member(user=person, reseller=reseller, joined_on="2020-01-01")
        for person in people
    )
    return Enrolment.objects.bulk_create(
        Enrolment(
            member=member,
            programme=edition.programme,
            edition=edition,
            source=Source.TEAM,
        )
        for member in members
    )


def asks_for(edition: Any, at_one_time: int, *, in_step: bool = True) -> list[Ask]:
    """As many people for each window, at starts that all overlap.

    In step all want the same time at once, then all the next; else in any order.
    """
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    asks = []
    for n, enrolment in enumerate(enrol(edition, REQUESTS)):
        days, window = divmod(n // at_one_time, PER_DAY)
        minutes = 480 + window * STEP + n % 3 * 15
        at = midnight + timedelta(days=3 + days, minutes=minutes)
        asks.append((enrolment, at))
    if not in_step:
        Random(1).shuffle(asks)
    return asks


def by_rule(asks: Sequence[Ask]) -> Callable[[Ask], bool]:
    """Book through `book_call`; tell whether it was."""
    from lms.errors import Refused  # noqa: PLC0415
    from sessions.booking import book_call  # noqa: PLC0415

    topics = list(asks[0][0].edition.topics.all())

    def book(ask: Ask) -> bool:
        enrolment, at = ask
        try:
            book_call(
                enrolment,
                topics,
                starts_at=at,
                request_key=uuid4(),
                by=enrolment.member.user,
            )
        except Refused:
            return False
        return True

    return book


def by_page(asks: Sequence[Ask]) -> Callable[[Ask], bool]:
    """Book through the page, signed in before: middleware, view, template."""
    from django.test import Client  # noqa: PLC0415
    from django.urls import reverse  # noqa: PLC0415

    topic = asks[0][0].edition.topics.get().pk
    signed_in = {}
    for enrolment, _at in asks:
        client = Client()
        client.force_login(enrolment.member.user)
        signed_in[enrolment.pk] = client.cookies["sessionid"].value
    client = Client(headers={"HX-Request": "true"})

    def book(ask: Ask) -> bool:
        enrolment, at = ask
        client.cookies["sessionid"] = signed_in[enrolment.pk]
        form = {
            "picked": "1",
            "topics": [topic],
            "start": f"{at:%Y-%m-%dT%H:%MZ}",
            "request_key": str(uuid4()),
        }
        answer = client.post(reverse("sessions:book", args=[enrolment.pk]), form)
        booked = answer.headers.get("Location", "").startswith("/calls/")
        if not booked and answer.status_code != 409:
            raise RuntimeError(f"Answered with {answer.status_code}.")
        return booked

    return book


def rush(
    asks: list[Ask], way: Callable[[Sequence[Ask]], Callable[[Ask], bool]]
) -> dict[str, float]:
    """Let twelve processes ask at once, each the next of those for the same time."""
    from tests.processes import run_in_processes  # noqa: PLC0415

    def work(number: int, barrier: Any) -> tuple[float, ...]:
        own = asks[number::PROCESSES]
        book = way(own)
        book(own[0])  # warms up, and is not counted
        ours, servers = time.process_time(), server_time()
        barrier.wait()
        start = time.time()
        booked = sum(book(ask) for ask in own[1:])
        end = time.time()
        ours, servers = time.process_time() - ours, server_time() - servers
        return len(own) - 1, booked, start, end, ours, servers

    answered, booked, starts, ends, ours, servers = zip(
        *run_in_processes(PROCESSES, work), strict=True
    )
    return {
        "answered": sum(answered),
        "booked": sum(booked),
        "seconds": max(ends) - min(starts),
        "ours": sum(ours),
        "server's": sum(servers),
    }


def server_time() -> float:
    """The processor seconds that PostgreSQL spent on this process; SQLite's are ours."""
    from django.db import connection  # noqa: PLC0415  once Django is set up

    if connection.vendor != "postgresql":
        return 0
    connection.ensure_connection()
    stat = Path(f"/proc/{connection.connection.info.backend_pid}/stat").read_text()
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def main() -> dict[str, dict[str, float]]:
    prepare()
    found = {}
    for name, at_one_time, trainers, in_step, way in [
        ("rule, conflict", AT_ONE_TIME, 1, False, by_rule),
        ("rule, conflict in step", AT_ONE_TIME, 1, True, by_rule),
        ("rule, no conflict", 3, 3, True, by_rule),
        ("page, conflict", AT_ONE_TIME, 1, False, by_page),
    ]:
        asks = asks_for(programme_with(trainers), at_one_time, in_step=in_step)
        found[name] = rush(asks, way)
    return found


if __name__ == "__main__":
    json.dump(main(), sys.stdout)
