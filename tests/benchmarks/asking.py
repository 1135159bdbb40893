"""One house under `make scale`: answers what the lines of its input ask, as JSON.

`pages` measures each page once, of somebody else each time: milliseconds, those of the
processor (this process's and its database server's, so that other work on the machine
does not count) and queries. `staff` does so of the channel team's pages, `plans` tells
how the database finds the rows of all of these, `tick` and `night` what the clock's
rounds ask and take, `sizes` bytes and rows. The environment says which house. With a
number, the house is filled with so many people instead.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

MANY_ROWS = 1000  # of a table: from there on it is not to be read whole
PEOPLE = 40  # of each kind, drawn once
OFTEN_READ = 20_000  # rows that one node of a plan may touch

Sql = tuple[str, Any]


@dataclass(frozen=True)
class Look:
    """Who opens what; None is nobody signed in. `form` is sent by POST."""

    user: int | None
    address: str
    form: dict[str, str] | None = None


class House:
    """People drawn from the house, and what they look at."""

    def __init__(self) -> None:
        from django.db import connection  # noqa: PLC0415  Django is set up
        from django.urls import reverse  # noqa: PLC0415

        self.chance, self.connection, self.reverse = Random(7), connection, reverse
        self.clients: dict[int | None, Any] = {}
        self.number = 0

    def drawn(self, rows: Iterable[Any]) -> list[Any]:
        """Some of those rows, so that every measure is of another."""
        found = list(rows)
        return self.chance.sample(found, min(PEOPLE, len(found)))

    def near(self, model: Any, **only: Any) -> list[Any]:
        """Rows from all over a table that may be too long to be read."""
        rows = model.objects.filter(**only).order_by("pk")
        first = rows.values_list("pk", flat=True).first()
        last = rows.values_list("pk", flat=True).last()
        places = {self.chance.randint(first, last) for _ in range(PEOPLE)}
        return [rows.filter(pk__gte=place).first() for place in places]

    def pages(self) -> dict[str, list[Look]]:
        """What people and one company look at: what must not grow with the house."""
        from certificates.models import Certificate  # noqa: PLC0415
        from courses.models import Enrolment  # noqa: PLC0415
        from lms.people.models import Member  # noqa: PLC0415
        from sessions.models import Booking, Trainer  # noqa: PLC0415
        from tests.benchmarks.filling import PASSWORD  # noqa: PLC0415

        at = self.reverse
        members = self.near(Member, is_manager=False, left_on=None)
        users = [member.user_id for member in members]
        open_ones = self.near(
            Enrolment, completed_at=None, bookings=None, member__left_on=None, cycle=1
        )
        calls = self.near(Booking, state="booked", enrolment__member__left_on=None)
        managers = [
            member
            for member in self.near(Member, is_manager=True, reseller__depth=1)
            if Member.objects.filter(
                reseller__path__startswith=member.reseller.path
            ).count()
            <= 100
        ] or self.near(Member, is_manager=True, reseller__depth=1)
        theirs = [
            (manager, Member.objects.filter(reseller=manager.reseller_id)[9:10].get())
            for manager in managers
        ]
        certificates = self.near(Certificate)
        trainers = self.drawn(Trainer.objects.values_list("user_id", flat=True))

        def topic(enrolment: Enrolment) -> str:
            return str(enrolment.edition.topics.all()[0].topic.url)

        return {
            "my learning": [Look(user, at("dashboards:my")) for user in users],
            "topic": [Look(each.member.user_id, topic(each)) for each in open_ones],
            "book a call": [
                Look(each.member.user_id, at("sessions:book", args=[each.pk]))
                for each in open_ones
            ],
            "call": [
                Look(each.trainee_id, at("sessions:booking", args=[each.ref]))
                for each in calls
            ],
            "calls": [Look(user, at("sessions:agenda")) for user in users],
            "trainer's day": [Look(user, at("sessions:today")) for user in trainers],
            "own certificates": [
                Look(user, at("certificates:certificates")) for user in users
            ],
            "own log": [Look(user, at("dashboards:own_log")) for user in users],
            "search": [
                Look(user, at("dashboards:search") + "?q=support") for user in users
            ],
            "team of 100": [
                Look(each.user_id, at("dashboards:team")) for each in managers
            ],
            "team's calls": [
                Look(each.user_id, at("sessions:team_calls")) for each in managers
            ],
            "team's certificates": [
                Look(each.user_id, at("certificates:team")) for each in managers
            ],
            "person": [
                Look(each.user_id, at("dashboards:person", args=[other.pk]))
                for each, other in theirs
            ],
            "verify": [
                Look(None, at("verify", args=[each.serial])) for each in certificates
            ],
            "verify a file": [
                Look(None, at("by_hash", args=[each.pdf_sha256]))
                for each in certificates
            ],
            "sign in": [
                Look(None, at("account_login"), {"login": email, "password": PASSWORD})
                for email in (member.user.email for member in members)
            ],
        }

    def staff_pages(self) -> dict[str, list[Look]]:
        """What the channel team looks at, over everybody."""
        from lms.people.models import Reseller, User  # noqa: PLC0415
        from sessions.models import Trainer  # noqa: PLC0415

        staff, _new = User.objects.get_or_create(
            email="staff@bytekast.example.com",
            defaults={"full_name": "Staff", "is_staff": True, "password": "!"},
        )
        User.objects.filter(pk=staff.pk).update(
            may_change_people=True, may_edit_content=True
        )
        at = self.reverse
        company = self.near(Reseller, depth=1)[0]
        trainer = Trainer.objects.order_by("pk")[0].user_id
        return {"ready to book": [Look(trainer, at("sessions:ready"))]} | {
            name: [Look(staff.pk, address)]
            for name, address in {
                "standing": at("dashboards:standing"),
                "one company": at("dashboards:reseller", args=[company.pk]),
                "waiting": at("dashboards:waiting"),
                "log": at("dashboards:log"),
                "where people stop": at("dashboards:stopping"),
                "trainers": at("sessions:trainers"),
                "certificates": at("certificates:staff"),
                "feedback": at("sessions:feedback"),
                "handbook": at("dashboards:standing_handbook"),
            }.items()
        }

    def client(self, user: int | None) -> Any:
        from django.test import Client  # noqa: PLC0415

        from lms.people.models import User  # noqa: PLC0415

        if user is None:
            return Client()
        if user not in self.clients:
            self.clients[user] = Client()
            self.clients[user].force_login(User.objects.get(pk=user))
        return self.clients[user]

    def open(self, look: Look) -> Any:
        self.number += 1  # nobody is held up for asking often
        place = f"198.18.{self.number // 250 % 250}.{self.number % 250}"
        client = self.client(look.user)
        if look.form is None:
            answer = client.get(look.address, REMOTE_ADDR=place)
        else:
            answer = client.post(look.address, look.form, REMOTE_ADDR=place)
        if hasattr(answer, "streaming_content"):
            b"".join(answer.streaming_content)
        if answer.status_code != (200 if look.form is None else 302):
            raise RuntimeError(f"{look}: {answer.status_code}")
        return answer

    def server_seconds(self) -> float:
        """The processor's time of our database server's process, where it is here."""
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (pid,) = cursor.fetchone()
        try:
            spent = Path(f"/proc/{pid}/schedstat").read_text().split()[0]
        except OSError:
            return 0.0
        return int(spent) / 1e9

    def measured(self, look: Look) -> dict[str, float]:
        self.client(look.user)
        with watched(self.connection) as asked:
            before = self.server_seconds() + time.process_time()
            start = time.perf_counter()
            self.open(look)
            spent = time.perf_counter() - start
            after = self.server_seconds() + time.process_time()
        return {
            "ms": spent * 1000,
            "processor": (after - before) * 1000,
            "queries": len(asked) - 1,
        }


@contextmanager
def watched(connection: Any) -> Iterator[list[tuple[str, Any, float]]]:
    """Each query, its values and its seconds, as they are made."""
    asked: list[tuple[str, Any, float]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            asked.append((sql, params, time.perf_counter() - began))

    with connection.execute_wrapper(note):
        yield asked


class Plans:
    """How the database finds the rows that queries ask for."""

    def __init__(self, connection: Any, many: int = MANY_ROWS) -> None:
        from tests.benchmarks.filling import rows  # noqa: PLC0415

        self.connection = connection
        self.large = {name for name, count in rows().items() if count > many}
        self.seen: dict[str, list[str]] = {}

    def faults(self, sql: str, params: Any) -> list[str]:
        """Where a large table is read whole, or far more than is answered."""
        if sql in self.seen or sql.split()[0] not in ("SELECT", "UPDATE", "DELETE"):
            return self.seen.get(sql, [])
        is_read = sql.startswith("SELECT") and " FOR " not in sql[-60:]
        how = "ANALYZE, TIMING OFF, " if is_read else ""
        with self.connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN ({how}FORMAT JSON) {sql}", params)
            (plan,) = cursor.fetchone()
        found = [
            fault for node in _nodes(plan[0]["Plan"]) if (fault := self._fault(node))
        ]
        self.seen[sql] = found
        return found

    def _fault(self, node: dict[str, Any]) -> str:
        table = node.get("Relation Name")
        if table not in self.large or node.get("Actual Loops") == 0:
            return ""
        if node["Node Type"] == "Seq Scan":
            return f"reads {table} whole"
        loops = node.get("Actual Loops", 1)
        touched = loops * (
            node.get("Actual Rows", 0) + node.get("Rows Removed by Filter", 0)
        )
        if touched > OFTEN_READ:
            return f"reads {touched:.0f} rows of {table} by {node.get('Index Name')}"
        return ""


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from _nodes(below)


class Answers:
    """What may be asked, by name."""

    def __init__(self) -> None:
        self.house = House()
        self.kept: dict[str, dict[str, list[Look]]] = {}
        self.place: dict[str, int] = defaultdict(int)

    def _of(self, kind: str) -> dict[str, list[Look]]:
        if kind not in self.kept:
            self.kept[kind] = getattr(self.house, kind)()
        return self.kept[kind]

    def _once(self, kind: str) -> dict[str, dict[str, float]]:
        found = {}
        for name, looks in self._of(kind).items():
            self.place[name] += 1
            found[name] = self.house.measured(looks[self.place[name] % len(looks)])
        return found

    def pages(self) -> Any:
        return self._once("pages")

    def warm(self) -> Any:
        """Open each topic once: what is made of its text is kept by the process."""
        for look in self._of("pages")["topic"]:
            self.house.open(look)
        return len(self._of("pages")["topic"])

    def staff(self) -> Any:
        return self._once("staff_pages")

    def plans(self) -> Any:
        return self._plans("pages")

    def staff_plans(self) -> Any:
        return self._plans("staff_pages")

    def _plans(self, kind: str) -> Any:
        found: dict[str, list[list[Any]]] = {}
        plans = Plans(self.house.connection)
        for name, looks in self._of(kind).items():
            with watched(self.house.connection) as asked:
                for look in looks[:3]:
                    self.house.open(look)
            found[name] = self._faults(plans, asked)
        return found

    def _faults(self, plans: Plans, asked: list[tuple[str, Any, float]]) -> Any:
        lines = {}
        for sql, params, seconds in asked:
            if faults := plans.faults(sql, params):
                lines.setdefault(sql, [seconds * 1000, faults, sql[:6000]])
        return list(lines.values())

    def tick(self) -> Any:
        """An idle round of the clock; before it, rounds until little is left to do."""
        return self._round(begins_day=False)

    def night(self) -> Any:
        """A round with what each hour and each day asks."""
        return self._round(begins_day=True)

    def _round(self, *, begins_day: bool) -> Any:
        from lms.dashboards import clock  # noqa: PLC0415
        from lms.dashboards.models import Beat  # noqa: PLC0415
        from lms.operations.chores import name_of  # noqa: PLC0415
        from lms.operations.models import ClockJob  # noqa: PLC0415

        def turn() -> tuple[float, float, list[tuple[str, Any, float]]]:
            Beat.objects.all().delete()
            if begins_day:
                ClockJob.objects.all().delete()
            with watched(self.house.connection) as asked:
                before = self.house.server_seconds() + time.process_time()
                began = time.perf_counter()
                clock.tick()
                spent = time.perf_counter() - began
                after = self.house.server_seconds() + time.process_time()
            return spent * 1000, (after - before) * 1000, asked

        for job in (*clock.EACH_HOUR, *clock.EACH_DAY):
            ClockJob.objects.update_or_create(
                name=name_of(job), defaults={"done_at": _now(), "again_at": None}
            )
        first = turn()[0]
        rounds = [turn() for _ in range(3)]
        spent, processor, asked = sorted(rounds, key=lambda each: each[1])[1]
        slow = sorted(asked, key=lambda each: -each[2])[:12]
        return {
            "first": first,
            "ms": spent,
            "processor": processor,
            "queries": len(asked),
            "slow": [[seconds * 1000, sql[:700]] for sql, _params, seconds in slow],
            "faults": self._faults(Plans(self.house.connection), asked),
        }

    def sizes(self) -> Any:
        from tests.benchmarks.filling import rows, sizes  # noqa: PLC0415

        return {"bytes": sizes(), "rows": rows()}


def _now() -> Any:
    from django.utils.timezone import now  # noqa: PLC0415

    return now()


def main() -> None:
    importlib.import_module("lms.wsgi")  # as the server loads it
    from tests.signed_in import signed_in_with_a_second_factor  # noqa: PLC0415

    signed_in_with_a_second_factor()
    if sys.argv[1:]:  # nothing is asked of a house before it is filled
        from tests.benchmarks.filling import fill  # noqa: PLC0415

        fill(int(sys.argv[1]), lambda line: print(line, flush=True))
        return
    answers = Answers()
    for line in sys.stdin:
        answer: Callable[[], Any] = getattr(answers, line.strip())
        print(json.dumps(answer()), flush=True)


if __name__ == "__main__":
    main()
