"""The day of one person among many, as load: who they are, and what they ask the server.

Each signs in with their password, reads a topic, does its check, books a call on
another, sits in a third one's call (their page and the trainer's poll every two seconds)
and is signed off; every fourth has earned a certificate by it. Then their manager opens
the team's matrix, every fifth day a ZIP of all certificates, and somebody checks one.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from io import StringIO
from random import Random
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

HOST = "localhost"
PASSWORD = "four plain words here"
AT_ONE_COMPANY = 50  # of them so many have a certificate:
QUALIFIED = 20
TRAINERS = 20  # who take the calls that are booked
POLL_SECONDS, POLLS = 2.0, 5  # of each side
LONGEST_SECONDS = 30
LENGTH = timedelta(minutes=25)
TOKEN = "x" * 32
STATIC = re.compile(r'(?:href|src)="(/static/[^"]+)"')
START = re.compile(r"start=(\d{4}-\d\d-\d\dT\d\d(?::|%3A)\d\dZ)")


@dataclass(frozen=True)
class Person:
    """Whom a day is about, and where what they do lies."""

    number: int
    email: str
    enrolment: int
    read: tuple[int, str]  # a topic: its key, and its page
    booked: int  # the key of what the edition asks in another
    call: str
    trainer: str  # sessions of those who are there already
    manager: str
    serial: str


# --- Who is there ------------------------------------------------------------------


def fill(count: int) -> list[Person]:
    """The policy's programmes, and so many people in the middle of two of them."""
    from django.contrib.auth.hashers import make_password  # noqa: PLC0415
    from django.core.files.base import ContentFile  # noqa: PLC0415
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import transaction  # noqa: PLC0415
    from django.utils.timezone import now  # noqa: PLC0415

    from certificates.models import private_storage  # noqa: PLC0415
    from courses.models import (  # noqa: PLC0415
        Edition,
        Enrolment,
        Evidence,
        TopicCompletion,
    )
    from lms.people.models import Member, TeamMembership, User  # noqa: PLC0415
    from sessions.models import Booking, BookingTopic  # noqa: PLC0415
    from tests.factories import (  # noqa: PLC0415
        MemberFactory,
        ResellerFactory,
        TrainerFactory,
        UserFactory,
    )

    call_command("seed", stdout=StringIO())
    of_day, of_call = (
        Edition.objects.filter(section=section).latest("number")
        for section in ("1.3", "1.1")
    )
    to_read, to_book = list(of_day.topics.select_related("topic"))[:2]
    asked = list(of_call.topics.all())
    at, password = now(), make_password(PASSWORD)
    begun = at - timedelta(days=100)
    content = b"%PDF-1.7 " + bytes(range(256)) * 220  # as long as ours are
    pdf = private_storage().save("certificates/of-all.pdf", ContentFile(content))
    people = []
    with transaction.atomic():
        for _n in range(TRAINERS):
            TrainerFactory(programmes=[of_day.programme])
        companies = ResellerFactory.create_batch(
            -(-count // AT_ONE_COMPANY), approved_on=begun.date()
        )
        managers, serials = [], []
        for reseller in companies:
            boss = MemberFactory(reseller=reseller, is_manager=True)
            managers.append(_session(boss.user))
            serials.append(_qualified(reseller, of_day, begun, pdf, content))
        users = User.objects.bulk_create(
            User(
                email=f"learner{n}@example.com",
                full_name=f"Mara Lindqvist {n}",
                password=password,
            )
            for n in range(count)
        )
        members = Member.objects.bulk_create(
            Member(
                user=user,
                reseller=companies[n // AT_ONE_COMPANY],
                joined_on=begun.date(),
            )
            for n, user in enumerate(users)
        )
        TeamMembership.objects.bulk_create(
            TeamMembership(member=member, team_id=team, from_on=begun.date())
            for member in members
            for team in _teams(of_day, of_call)
        )
        days, calls = (
            Enrolment.objects.bulk_create(
                Enrolment(
                    member=member,
                    programme=edition.programme,
                    edition=edition,
                    source="team",
                    enrolled_at=begun,
                )
                for member in members
            )
            for edition in (of_day, of_call)
        )
        done: list[Any] = [
            Evidence(enrolment=row, topic_id=to_book.topic_id, kind=kind, at=begun)
            for row in days
            for kind in ("read", "check")
        ]
        completed, bookings, topics = [], [], []
        for n, row in enumerate(calls):
            *others, last = asked
            if n % 4:  # a call in the middle of it: nothing is finished by it
                others = []
            for each in others:
                done += _all_of(row, each, ("read", "check", "call"), begun)
                completed.append(
                    TopicCompletion(enrolment=row, topic_id=each.topic_id, at=begun)
                )
            done += _all_of(row, last, ("read", "check"), begun)
            trainer = TrainerFactory(
                user=UserFactory(), programmes=[of_call.programme], weekly_hours=[]
            )
            call = Booking(
                enrolment=row,
                trainee=users[n],
                trainer=trainer,
                starts_at=at,
                ends_at=at + LENGTH,
                busy_until=at + LENGTH,
                state="booked",
                created_by=users[n],
            )
            bookings.append(call)
            topics.append(
                BookingTopic(
                    booking=call,
                    topic_id=last.topic_id,
                    title=last.title,
                    minutes=25,
                    booked_for=row,
                )
            )
        Evidence.objects.bulk_create(done, batch_size=5000)
        TopicCompletion.objects.bulk_create(completed, batch_size=5000)
        Booking.objects.bulk_create(bookings)
        BookingTopic.objects.bulk_create(topics)
        for n, user in enumerate(users):
            people.append(
                Person(
                    number=n,
                    email=user.email,
                    enrolment=days[n].pk,
                    read=(to_read.topic_id, to_read.topic.url),
                    booked=to_book.pk,
                    call=bookings[n].ref,
                    trainer=_session(bookings[n].trainer.user),
                    manager=managers[n // AT_ONE_COMPANY],
                    serial=serials[n // AT_ONE_COMPANY],
                )
            )
    return people


def _all_of(row: Any, asked: Any, kinds: Iterable[str], at: Any) -> list[Any]:
    from courses.models import Evidence  # noqa: PLC0415

    return [
        Evidence(enrolment=row, topic_id=asked.topic_id, kind=kind, at=at)
        for kind in kinds
        if getattr(asked, f"needs_{kind}")
    ]


def _teams(*editions: Any) -> set[int]:
    """One that each asks for: who is in none, the clock takes out of it again."""
    return {edition.audience.order_by("pk")[0].team_id for edition in editions}


def _qualified(reseller: Any, edition: Any, at: Any, pdf: str, content: bytes) -> str:
    """Those of a company who have a certificate, with its file; a serial of theirs."""
    from hashlib import sha256  # noqa: PLC0415

    from certificates.models import Certificate  # noqa: PLC0415
    from courses.models import Enrolment  # noqa: PLC0415
    from lms.people.models import Member, TeamMembership, User  # noqa: PLC0415
    from tests.factories import CertificateFactory  # noqa: PLC0415

    users = User.objects.bulk_create(
        User(
            email=f"qualified{n}@{reseller.pk}.example.com",
            full_name=f"Jonas Weber {n}",
            password="!",
        )
        for n in range(QUALIFIED)
    )
    members = Member.objects.bulk_create(
        Member(user=user, reseller=reseller, joined_on=at.date()) for user in users
    )
    TeamMembership.objects.bulk_create(
        TeamMembership(member=member, team_id=team, from_on=at.date())
        for member in members
        for team in _teams(edition)
    )
    enrolments = Enrolment.objects.bulk_create(
        Enrolment(
            member=member,
            programme=edition.programme,
            edition=edition,
            source="team",
            enrolled_at=at,
            completed_at=at,
            valid_from=at.date(),
        )
        for member in members
    )
    made = Certificate.objects.bulk_create(
        CertificateFactory.build(
            enrolment=row,
            state="ready",
            pdf=pdf,
            pdf_sha256=sha256(content).hexdigest(),
            issued_at=at,
            release_at=at,
            ready_at=at,
        )
        for row in enrolments
    )
    return str(made[0].serial)


def _session(user: Any) -> str:
    from django.test import Client  # noqa: PLC0415

    client = Client()
    client.force_login(user)
    return str(client.cookies["sessionid"].value)


# --- What they do ------------------------------------------------------------------


class Failed(Exception):
    """An answer that should not have been."""


@dataclass
class Answer:
    status: int
    head: str
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")


@dataclass
class Browser:
    """Somebody's cookies, and the address they come from."""

    port: int
    whence: str
    session: str = ""

    async def ask(
        self, method: str, path: str, form: Any = None, *, htmx: bool = False
    ) -> Answer:
        kind = "application/x-www-form-urlencoded"
        if isinstance(form, str):
            kind, body = "application/json", form
        else:
            body = urlencode(form, doseq=True) if form is not None else ""
        cookies = f"csrftoken={TOKEN}"
        if self.session:
            cookies += f"; sessionid={self.session}"
        lines = [
            f"{method} {path} HTTP/1.1",
            f"Host: {HOST}:{self.port}",
            "Connection: close",
            f"X-Forwarded-For: {self.whence}",
            f"Cookie: {cookies}",
        ]
        if htmx:
            lines.append("HX-Request: true")
        if form is not None:
            lines += [
                f"X-CSRFToken: {TOKEN}",
                f"Content-Type: {kind}",
                f"Content-Length: {len(body)}",
            ]
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write("\r\n".join([*lines, "", body]).encode())
            answered = await reader.read()
        finally:
            writer.close()
        head, _empty, content = answered.partition(b"\r\n\r\n")
        text = head.decode("latin-1")
        if not text.startswith(("HTTP/1.1 ", "HTTP/1.0 ")):
            raise Failed(f"{method} {path}: no answer")
        if found := re.search(r"(?im)^set-cookie: +sessionid=([^;\r\n]+)", text):
            self.session = found[1]
        return Answer(int(text[9:12]), text, content)


@dataclass
class Diary:
    """How long everything took, and what failed."""

    took: dict[str, list[float]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    def note(self, step: str, seconds: float) -> None:
        self.took.setdefault(step, []).append(seconds)


@dataclass
class Day:
    """One person's day; each step is due at its time, whatever went before it.

    What is counted is the time from when it was due, or, where the answer before it
    came later, from then: a server that is slow does not slow the others down.
    """

    person: Person
    port: int
    diary: Diary
    began: float
    at: float = 0.0

    def __post_init__(self) -> None:
        number = self.person.number
        self.own = Browser(self.port, f"10.1.{number // 250}.{number % 250 + 1}")
        self.trainer = Browser(self.port, "10.2.0.1", self.person.trainer)
        self.manager = Browser(self.port, "10.3.0.1", self.person.manager)
        self.chance = Random(number)

    async def step(
        self,
        name: str,
        browser: Browser,
        method: str,
        path: str,
        form: Any = None,
        *,
        after: float = 1.0,
        wanted: tuple[int, ...] = (200,),
        htmx: bool = False,
    ) -> Answer:
        """Wait so many seconds after the step before, as a person does; then ask."""
        self.at = max(self.at + after, time.monotonic() - self.began)
        await asyncio.sleep(self.began + self.at - time.monotonic())
        return await self._ask(
            name, browser, method, path, form, wanted, self.began + self.at, htmx=htmx
        )

    async def _ask(
        self,
        name: str,
        browser: Browser,
        method: str,
        path: str,
        form: Any,
        wanted: tuple[int, ...],
        due: float,
        *,
        htmx: bool = False,
    ) -> Answer:
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                answer = await browser.ask(method, path, form, htmx=htmx)
        except (TimeoutError, OSError) as error:
            raise Failed(f"{name}: {type(error).__name__}") from error
        if answer.status not in wanted:
            raise Failed(f"{name}: {answer.status} {method} {path}")
        self.diary.note(name, time.monotonic() - due)
        return answer

    async def live(self) -> None:
        try:
            await self.sign_in()
            await self.learn()
            await self.book()
            await self.call()
            await self.look()
        except Failed as failure:
            self.diary.failed.append(str(failure))
        except Exception as error:  # noqa: BLE001  # told with the others
            self.diary.failed.append(repr(error))

    async def sign_in(self) -> None:
        login = "/accounts/login/"
        page = await self.step("sign-in page", self.own, "GET", login, after=0)
        for path in sorted(set(STATIC.findall(page.text))):
            await self.step("a file of it", self.own, "GET", path, after=0)
        form = {"login": self.person.email, "password": PASSWORD}
        await self.step(
            "sign in", self.own, "POST", login, form, after=3, wanted=(302,)
        )
        await self.step("my learning", self.own, "GET", "/my/", after=0)

    async def learn(self) -> None:
        key, url = self.person.read
        own, enrolment = self.own, self.person.enrolment
        await self.step("topic", own, "GET", url, after=2)
        path = f"/read/{enrolment}/{key}/"
        await self.step("read", own, "POST", path, {}, after=4, htmx=True)
        path = f"/check/{enrolment}/{key}/start/"
        page = await self.step("check", own, "POST", path, {}, htmx=True)
        (form,) = [each for each in _forms(page) if "/submit/" in each.action]
        await self.step(
            "hand in", own, "POST", form.action, _answers(form), after=5, htmx=True
        )

    async def book(self) -> None:
        path = f"/calls/book/{self.person.enrolment}/"
        query = urlencode({"topics": self.person.booked})
        page = await self.step("free times", self.own, "GET", f"{path}?{query}")
        times = sorted({each.replace("%3A", ":") for each in START.findall(page.text)})
        if not times:
            raise Failed("free times: none")
        for start in self.chance.sample(times, len(times)):
            form = {
                "picked": "1",
                "topics": [self.person.booked],
                "start": start,
                "request_key": str(uuid4()),
            }
            answer = await self.step(
                "book", self.own, "POST", path, form, after=2, wanted=(302, 409)
            )
            if answer.status == 302:
                return
        raise Failed("book: every time was taken")

    async def call(self) -> None:
        room = f"/calls/{self.person.call}/room/"
        both = (self.trainer, self.own)
        for each in both:
            await self.step("room", each, "GET", room)
        await asyncio.gather(*(self._poll(each, f"{room}poll/") for each in both))
        self.at += POLLS * POLL_SECONDS
        path = f"/calls/{self.person.call}/sign-off/"
        page = await self.step("sign-off page", self.trainer, "GET", path)
        (form,) = [
            each
            for each in _forms(page)
            if any(name.startswith("outcome-") for name in each.choices)
        ]
        said = [pair for pair in form.sent if pair[0] != "csrfmiddlewaretoken"]
        said += [
            (name, "covered") for name in form.choices if name.startswith("outcome-")
        ]
        await self.step(
            "sign off", self.trainer, "POST", path, said, after=2, wanted=(302,)
        )

    async def _poll(self, side: Browser, path: str) -> None:
        """Ask every two seconds by the clock, as the page of a call does."""
        tab, seen = str(uuid4()), 0
        begins = self.began + self.at + self.chance.random() * POLL_SECONDS
        for number in range(POLLS):
            due = begins + number * POLL_SECONDS
            await asyncio.sleep(due - time.monotonic())
            said = json.dumps({"tab": tab, "seen": seen, "messages": 0})
            answer = await self._ask("poll", side, "POST", path, said, (200,), due)
            if signals := json.loads(answer.body)["signals"]:
                seen = signals[-1]["id"]

    async def look(self) -> None:
        await self.step("matrix", self.manager, "GET", "/team/")
        if self.person.number % 5 == 0:
            path = "/certificates/pack/"
            await self.step("ZIP of 20", self.manager, "GET", path)
        someone = Browser(self.port, self.own.whence)
        await self.step("verify", someone, "GET", f"/c/{self.person.serial}")


def _forms(page: Answer) -> list[Any]:
    from tests.pageforms import forms_in  # noqa: PLC0415  Django is set up

    return forms_in(page.text)


def _answers(form: Any) -> list[tuple[str, str]]:
    """Some answer to each question; lines that are put in order get one place each."""
    said = list(form.hidden)
    places: dict[str, int] = {}
    for name, choices in form.choices.items():
        if not name.startswith("q"):
            continue
        question, dash, _line = name.partition("-")
        place = places[question] = places.get(question, -1) + 1
        offered = [choice for choice in choices if choice]
        said.append((name, offered[place % len(offered)] if dash else offered[0]))
    return said
