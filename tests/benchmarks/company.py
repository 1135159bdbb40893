"""A company's people as its manager looks: `python -m tests.benchmarks.company 10000`.

Two companies, of so many people and of one, each of whom is in two of four programmes
and has come somewhere: qualified, renewing, expired, in the middle, late, not begun.
Prints, as JSON, for each page of both managers its milliseconds (the median of several
whole answers, without the network), this process's own part of them, and its queries.
The environment says which database; it is migrated and filled.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import count as counter
from random import Random
from statistics import median
from typing import Any

from tests.benchmarks.rush import prepare

ROUNDS = 7
PROGRAMMES, TRAINERS = 4, 50
HOUR = timedelta(hours=1)
WAYS = [  # how far somebody is, and how many of a hundred are
    ("qualified", 50),
    ("ends soon", 6),
    ("renewing", 5),
    ("expired", 5),
    ("not begun", 9),
    ("begun", 10),
    ("late", 5),
    ("booked", 6),
    ("to sign off", 2),
    ("again", 2),
]
FileOf = Callable[[str], tuple[str, str]]
DONE = ("qualified", "ends soon", "renewing", "expired")


class Calls:
    """Gives each call a time of a trainer that nobody else has."""

    def __init__(self, trainers: list[Any], at: datetime) -> None:
        self.trainers, self.at = trainers, at.replace(minute=0, second=0, microsecond=0)
        self.past, self.coming = counter(TRAINERS * 4), counter(TRAINERS * 48)
        self.calls: list[Any] = []
        self.topics: list[Any] = []

    def add(self, enrolment: Any, asked: list[Any], state: str, outcome: str) -> None:
        from sessions.models import Booking, BookingTopic  # noqa: PLC0415

        is_past = state == "done" or outcome == "waiting"
        number = next(self.past) if is_past else -next(self.coming)
        starts_at = self.at - HOUR * (number // TRAINERS)
        trainer = self.trainers[number % TRAINERS]
        call = Booking(
            enrolment=enrolment,
            trainee_id=enrolment.member.user_id,
            trainer=trainer,
            starts_at=starts_at,
            ends_at=starts_at + HOUR * 0.75,
            busy_until=starts_at + HOUR * 0.9,
            state=state,
        )
        self.calls.append(call)
        self.topics += [
            BookingTopic(
                booking=call,
                topic_id=each.topic_id,
                title=each.title,
                minutes=20,
                booked_for=enrolment if state == "booked" else None,
                outcome="pending" if state == "booked" else outcome,
            )
            for each in asked
        ]

    def save(self) -> None:
        from sessions.models import Booking, BookingTopic  # noqa: PLC0415

        Booking.objects.bulk_create(self.calls, batch_size=5000)
        BookingTopic.objects.bulk_create(self.topics, batch_size=5000)
        self.calls, self.topics = [], []


def one_file(_serial: str) -> tuple[str, str]:
    """The name and digest of a certificate's file: one for all, which is not there."""
    return "certificates/of-all.pdf", "0" * 64


def fill(count: int, file_of: FileOf = one_file) -> list[int]:
    """Both companies; returns the keys of their managers' logins.

    `file_of` stores a certificate's file, by its serial.
    """
    from django.utils.timezone import now  # noqa: PLC0415  Django is set up

    from courses.models import Enrolment  # noqa: PLC0415
    from tests.factories import (  # noqa: PLC0415
        EditionFactory,
        EditionTopicFactory,
        ResellerFactory,
        TeamFactory,
        TopicPageFactory,
        TrainerFactory,
    )

    teams = TeamFactory.create_batch(PROGRAMMES)
    editions = []
    for number, team in enumerate(teams):
        need = None if number else 2
        edition = EditionFactory(
            topics=[], audience=[team], validity_months=12, need_count=need
        )
        for order in range(4):  # the first has a check
            topic = TopicPageFactory(parent=edition.programme, attempts_allowed=3)
            EditionTopicFactory(edition=edition, topic=topic, needs_check=order == 0)
        editions.append(edition)
    trainers = [
        TrainerFactory(
            programmes=[edition.programme for edition in editions], weekly_hours=[]
        )
        for _ in range(TRAINERS)
    ]
    calls, managers = Calls(trainers, now()), []
    for size in (count, 1):
        reseller = ResellerFactory(approved_on=(now() - timedelta(days=900)).date())
        members = _people(reseller, size)
        managers.append(members[0].user_id)
        _their_record(members, teams, editions, calls, file_of)
    if not Enrolment.objects.exists():
        raise RuntimeError("nobody was enrolled")
    return managers


def _people(reseller: Any, size: int) -> list[Any]:
    from django.utils.timezone import now  # noqa: PLC0415

    from lms.people.models import Member, User  # noqa: PLC0415

    chance = Random(size)
    first = ["Mara", "Liam", "Chiara", "Oluwaseun", "Zoë", "Amir", "Ines", "Jan"]
    last = ["Lindqvist", "O’Connor", "Rossi", "Adeyemi", "Novák", "Haddad", "Silva"]
    users = User.objects.bulk_create(
        User(
            email=f"person{number}@{reseller.pk}.example.com",
            full_name=f"{chance.choice(first)} {chance.choice(last)} {number}",
            password="!",
        )
        for number in range(size)
    )
    begun = (now() - timedelta(days=800)).date()
    return Member.objects.bulk_create(
        Member(
            user=user,
            reseller=reseller,
            is_manager=number == 0,
            joined_on=begun,
            away_from_on=now().date(),
            away_until_on=(now() + timedelta(days=9)).date(),
        )
        if chance.random() < 0.01
        else Member(
            user=user, reseller=reseller, is_manager=number == 0, joined_on=begun
        )
        for number, user in enumerate(users)
    )


def _their_record(
    members: list[Any],
    teams: list[Any],
    editions: list[Any],
    calls: Calls,
    file_of: FileOf,
) -> None:
    from django.utils.timezone import now  # noqa: PLC0415

    from certificates.models import Certificate  # noqa: PLC0415
    from certificates.serials import new_serial  # noqa: PLC0415
    from courses.models import (  # noqa: PLC0415
        Attempt,
        Enrolment,
        Evidence,
        TopicCompletion,
    )
    from lms.people.models import TeamMembership  # noqa: PLC0415

    chance = Random(len(members))
    today = now().date()
    chosen = [chance.sample(range(PROGRAMMES), 2) for _ in members]
    TeamMembership.objects.bulk_create(
        TeamMembership(member=member, team=teams[each], from_on=member.joined_on)
        for member, numbers in zip(members, chosen, strict=True)
        for each in numbers
    )
    words, weights = zip(*WAYS, strict=True)
    rows: list[Any] = []
    ways: list[str] = []
    for programme in range(PROGRAMMES):
        for member, numbers in zip(members, chosen, strict=True):
            if programme in numbers:
                (way,) = chance.choices(words, weights)
                for row in _cycles(member, editions[programme], way, chance, today):
                    rows.append(row)
                    ways.append(way if row.completed_at is None else "done")
    enrolments = Enrolment.objects.bulk_create(rows)
    evidence: list[Any] = []
    completed: list[Any] = []
    tried: list[Any] = []
    topics = {edition.pk: list(edition.topics.all()) for edition in editions}
    for row, way in zip(enrolments, ways, strict=True):
        asked = topics[row.edition_id]
        done = {"done": 4, "begun": 1, "booked": 2, "late": 1}.get(way, 0)
        for each in asked[:done]:
            kinds = ("read", "check", "call") if each.needs_check else ("read", "call")
            for kind in kinds:
                evidence.append(  # noqa: PERF401  a comprehension would be too long
                    Evidence(enrolment=row, topic_id=each.topic_id, kind=kind)
                )
            completed.append(TopicCompletion(enrolment=row, topic_id=each.topic_id))
        tries = chance.randint(1, 2) if done else chance.choice([0, 0, 0, 1, 3])
        tried += [
            Attempt(
                enrolment=row,
                topic_id=asked[0].topic_id,
                kind="check",
                questions=[],
                key=[],
                submitted_at=now(),
                answers=[],
                score_percent=80 if done else 20,
                passed=bool(done),
            )
            for _ in range(tries)
        ]
        if way == "done":
            calls.add(row, asked, "done", "covered")
        elif way == "again":
            calls.add(row, asked[:1], "done", "again")
        elif way == "booked":
            calls.add(row, asked[2:], "booked", "")
        elif way == "to sign off":
            calls.add(row, asked, "booked", "waiting")
    Evidence.objects.bulk_create(evidence, batch_size=5000)
    TopicCompletion.objects.bulk_create(completed, batch_size=5000)
    Attempt.objects.bulk_create(tried, batch_size=5000)
    calls.save()
    Certificate.objects.bulk_create(
        (
            Certificate(
                enrolment=row,
                serial=serial,
                state="ready",
                pdf=file[0],
                public_sha256="0" * 64,
                private_sha256="0" * 64,
                pdf_sha256=file[1],
                release_at=row.completed_at,
                issued_at=row.completed_at,
            )
            for row, way in zip(enrolments, ways, strict=True)
            if way == "done" and (serial := new_serial()) and (file := file_of(serial))
        ),
        batch_size=5000,
    )


def _cycles(
    member: Any, edition: Any, way: str, chance: Random, today: Any
) -> Iterator[Any]:
    """What stands of somebody in a programme: an enrolment, or two of one renewing."""
    from django.utils.timezone import now  # noqa: PLC0415

    from courses.models import Enrolment  # noqa: PLC0415

    facts = {
        "member": member,
        "programme": edition.programme,
        "edition": edition,
        "source": "team",
        "enrolled_at": now() - timedelta(days=700),
    }
    day = timedelta(days=1)
    if way in DONE:
        ends = {"expired": (-90, 0), "qualified": (91, 365)}.get(way, (1, 90))
        until = today + day * chance.randint(*ends)
        yield Enrolment(
            **facts,
            completed_at=now() - timedelta(days=400),
            valid_from=today - day * 400,
            valid_until=until,
        )
        if way == "renewing":
            facts |= {"source": "renewal", "cycle": 2, "due_on": until}
            yield Enrolment(**facts)
        return
    due = (-30, -1) if way == "late" else (1, 60)
    yield Enrolment(**facts, due_on=today + day * chance.randint(*due))


def pages() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Name, address and what is asked of each page that is measured."""
    from django.urls import reverse  # noqa: PLC0415

    from courses.models import ProgrammePage  # noqa: PLC0415

    slug = ProgrammePage.objects.order_by("path")[0].slug
    team = reverse("dashboards:team")
    yield "page", team, {}
    yield "page 100", team, {"page": "100"}
    yield "who needs attention", team, {"state": "attention"}
    yield "one state", team, {"state": "overdue"}
    yield "a name", team, {"q": "rossi"}
    yield "sorted by a programme", team, {"sort": slug}
    yield "page 100 by a date", team, {"sort": f"{slug}.date", "page": "100"}
    yield "calls", reverse("sessions:team_calls"), {}


def measured(manager: int) -> dict[str, dict[str, float]]:
    from django.db import connection  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415

    from lms.people.models import User  # noqa: PLC0415

    client = Client()
    client.force_login(User.objects.get(pk=manager))
    found = {}
    for name, address, params in pages():
        queries = 0

        def count(execute: Any, *query: Any) -> Any:
            nonlocal queries
            queries += 1
            return execute(*query)

        for _ in range(6):  # what is loaded once is loaded, what is planned is planned
            answer = client.get(address, params)
            if answer.status_code != 200:
                raise RuntimeError(f"{name}: {answer.status_code}")
        with connection.execute_wrapper(count):
            client.get(address, params)
        spent, own = [], []
        for _ in range(ROUNDS):
            start, began = time.perf_counter(), time.process_time()
            client.get(address, params)
            spent.append((time.perf_counter() - start) * 1000)
            own.append((time.process_time() - began) * 1000)
        found[name] = {
            "milliseconds": median(spent),
            "own": median(own),
            "queries": queries,
        }
    return found


def main(count: int) -> None:
    prepare()
    from django.db import connection  # noqa: PLC0415

    from tests.signed_in import signed_in_with_a_second_factor  # noqa: PLC0415

    signed_in_with_a_second_factor()
    many, one = fill(count)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    json.dump({"many": measured(many), "one": measured(one)}, sys.stdout)


if __name__ == "__main__":
    main(int(sys.argv[1]))
