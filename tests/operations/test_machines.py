"""One house on several machines that share a database, a cache, files and keys alone."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4
from zipfile import ZipFile

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import connection
from django.urls import reverse
from django.utils.timezone import now

from certificates.models import Certificate
from lms.people.models import User
from sessions.models import Booking
from tests.browser.rooms import Net
from tests.factories import (
    BookingFactory,
    EditionFactory,
    EditionTopicFactory,
    EnrolmentFactory,
    MemberFactory,
    TrainerFactory,
)
from tests.operations.house import House, MailServer, Visitor, until
from tests.operations.machines import Machine, Pooler, Proxy
from tests.operations.work import (
    People,
    deeds_for,
    expect_each_mail_once,
    expect_whole,
    is_settled,
)
from tests.redis_server import RedisServer
from tests.s3_server import S3Server

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor != "postgresql", reason="Machines share no file of SQLite's."
    ),
]
PASSWORD = "four plain words here"
ALL_DAY = [(day, 0, 1440) for day in range(7)]


def test_booking_and_mail_work_behind_a_pooler(
    build: Callable[..., House], mail_server: MailServer, tmp_path: Path
) -> None:
    """Each transaction may have another of four connections; nothing is lost by it."""
    pooler = Pooler(tmp_path / "pooler").start()
    house = build(database=pooler.url, EMAIL_URL=mail_server.url)
    people = People(deeds_for(house, 40, Random(1)), Random(1), hands=8)
    house.start()

    with people.at_work() as heard:
        people.finish(120)
    until(is_settled, "all is sent and made")
    house.close()
    pooler.close()

    expect_whole(house, heard)
    expect_each_mail_once(mail_server, 0)
    assert set(heard.pages) == {302}, heard.refused


class Floor:
    """Two machines, what they share, and the proxy before them."""

    def __init__(
        self, build: Callable[..., House], folder: Path, stack: ExitStack
    ) -> None:
        first, second = (stack.enter_context(Net()) for _n in range(2))
        at = first.here  # what is shared listens where both reach it
        self.pooler = Pooler(folder / "pooler", bind=at)
        stack.callback(self.pooler.close)
        self.pooler.start()
        self.redis = RedisServer(bind=at)
        stack.callback(self.redis.remove)
        self.redis.start()
        self.files = S3Server(bind=at)
        stack.callback(self.files.remove)
        self.files.start()
        keys = folder / "keys"
        shutil.copytree(Path(django_settings.DATA_DIR) / "keys", keys)
        self.proxy = Proxy(folder / "proxy", {})
        self.machines = {}
        for name, net in (("first", first), ("second", second)):
            (folder / name).mkdir()
            (folder / name / "keys").symlink_to(keys)  # the one folder that is shared
            house = build(
                folder / name,
                self.pooler.url,
                LISTEN=net.there,
                BEHIND_PROXY="1",
                PUBLIC_URL=self.proxy.url,
                REDIS_URL=self.redis.url,
                S3_URL=self.files.url,
                SIGN_OFF_UNDO_MINUTES="0",
            )
            self.machines[name] = Machine.put_in(net, house)
            self.proxy.machines[name] = f"{net.there}:{house.port}"
        self.proxy.start()
        stack.callback(self.proxy.close)


@pytest.fixture
def floor(build: Callable[..., House], tmp_path: Path) -> Iterator[Floor]:
    with ExitStack() as stack:
        yield Floor(build, tmp_path, stack)


def on_both(who: Visitor, path: str, wanted: int = 200) -> list[Any]:
    """Ask until each of the two has answered."""
    answers: dict[str, Any] = {}
    for _try in range(20):
        answer = who.get(path)
        assert answer.status == wanted, answer.text[-500:]
        answers[answer.headers["X-Machine"]] = answer
        if len(answers) == 2:
            return list(answers.values())
    raise AssertionError(f"Only {set(answers)} answered.")


def call_of(
    enrolment: Any, trainer: Any, *, before: int = 0
) -> tuple[Booking, dict[str, str]]:
    """A call begun so many minutes ago, and what its trainer sends to sign it off."""
    at = now() - timedelta(minutes=before)
    call = BookingFactory(enrolment=enrolment, trainer=trainer, starts_at=at)
    said = call.topics.get().pk
    form = {f"outcome-{said}": "covered", f"note-{said}": "", f"private-{said}": ""}
    return call, form


@pytest.mark.allow_hosts(["127.0.0.1", "localhost", "198.18.0.0/15"])
def test_two_machines_are_one_house(floor: Floor) -> None:
    edition = EditionFactory(topics=[])
    asked = EditionTopicFactory(edition=edition, needs_read=False, call_minutes=20)
    manager = MemberFactory(is_manager=True)
    people = [
        EnrolmentFactory(
            edition=edition,
            member__reseller=manager.reseller,
            member__user__password="!",
            source="manager",
        )
        for _n in range(2)
    ]
    books = EnrolmentFactory(
        edition=edition,
        member__user=people[0].member.user,
        source="manager",
        member__reseller=MemberFactory().reseller,
    )
    trainer = TrainerFactory(
        programmes=[edition.programme], time_zone="UTC", weekly_hours=ALL_DAY
    )
    # As in real houses, which do not know the tests' quick way.
    password = PBKDF2PasswordHasher().encode(PASSWORD, "salt", iterations=1000)
    User.objects.filter(memberships__enrolments__in=people).update(password=password)
    for machine in floor.machines.values():
        machine.start()
    stranger = Visitor(floor.proxy.url)
    until(lambda: _is_there(stranger, "first"), "the first is there")
    until(lambda: _is_there(stranger, "second"), "the second is there")

    # Signed in on one, known on both; who guesses is counted on both.
    user = people[0].member.user
    trainee = Visitor(floor.proxy.url)
    login = reverse("account_login")
    answer = trainee.post(login, {"login": user.email, "password": PASSWORD})
    assert answer.status == 302
    on_both(trainee, "/my/")
    words = {"login": people[1].member.user.email, "password": "wrong"}
    said = [stranger.post(login, words).text for _guess in range(6)]
    assert ["Too many failed" in each for each in said] == [False] * 5 + [True]

    # Booked on one, seen on both.
    book = reverse("sessions:book", args=[books.pk])
    page = trainee.get(f"{book}?topics={asked.pk}").text
    start = page.partition("start=")[2][:20].replace("%3A", ":").partition("Z")[0]
    form = {"picked": "1", "topics": [asked.pk], "start": f"{start}Z"}
    answer = trainee.post(book, form | {"request_key": str(uuid4())})
    assert answer.status == 302, answer.text[-2000:]
    on_both(trainee, answer.location)

    # In a call, each poll to another machine: they see each other on both.
    call, signed = call_of(people[0], trainer)
    holder = Visitor(floor.proxy.url, trainer.user)
    room = reverse("sessions:room", args=[call.ref])
    met = {
        (side, answered.headers["X-Machine"])
        for side, answered in _polls(room, trainee, holder)
    }
    assert len(met) == 4

    # Signed off; the second's worker makes the certificate, each machine sends it.
    floor.machines["first"].house.programs["worker"].end()
    done = holder.post(reverse("sessions:sign_off", args=[call.ref]), signed)
    assert done.status == 302
    made = _made(people[0])
    for path in ("certificates:pdf", "certificates:pack", "verify"):
        serial = [] if path.endswith("pack") else [made.serial]
        sent = on_both(trainee, reverse(path, args=serial))
        if path == "certificates:pdf":
            assert {sha256(each.body).hexdigest() for each in sent} == {made.pdf_sha256}
        if path == "certificates:pack":
            with ZipFile(BytesIO(sent[0].body)) as archive:
                assert any(name.endswith(".pdf") for name in archive.namelist())
    for machine in floor.machines.values():
        assert not list(machine.house.folder.glob("private/**/*.pdf"))

    # One is cut off: the other serves on, and makes what is earned.
    floor.machines["first"].house.programs["worker"].start()
    floor.machines["second"].net.cut()
    call, signed = call_of(people[1], trainer, before=60)
    until(
        lambda: holder.get("/healthz").headers.get("X-Machine") == "first",
        "the first answers",
    )
    done = holder.post(reverse("sessions:sign_off", args=[call.ref]), signed)
    assert done.status == 302
    begun = time.monotonic()
    while time.monotonic() < begun + 3:
        answer = trainee.get("/my/")
        assert (answer.status, answer.headers["X-Machine"]) == (200, "first")
    _made(people[1])
    floor.machines["second"].net.mend()
    on_both(trainee, "/my/")


def _is_there(visitor: Visitor, name: str) -> bool:
    answer = visitor.get("/readyz")
    return (answer.status, answer.headers.get("X-Machine")) == (200, name)


def _polls(room: str, *sides: Visitor) -> Iterator[tuple[int, Any]]:
    """What each got of each machine from the moment on that it sees the other."""
    tabs = [str(uuid4()) for _side in sides]
    for each in sides:
        assert each.get(room).status == 200
    for _round in range(8):
        for number, each in enumerate(sides):
            words = json.dumps({"tab": tabs[number], "seen": 0, "messages": 0})
            token = {"X-CSRFToken": each.cookies["csrftoken"]}
            kind = {"Content-Type": "application/json"}
            answer = each.ask("POST", f"{room}poll/", words.encode(), token | kind)
            assert answer.status == 200, answer.text[-500:]
            if json.loads(answer.body)["other"]:
                yield number, answer
        if _round % 3 == 1:
            sides[0].get("/healthz")  # or each side would always meet the same one


def _made(enrolment: Any) -> Certificate:
    found = Certificate.objects.filter(enrolment=enrolment, state="ready")
    until(found.exists, "the certificate is made")
    return found.get()
