"""An upgrade of a house in use: nobody who asks meanwhile is sent away.

The release before serves while this one migrates its database, goes on serving on the
new schema, and hands its socket, which systemd holds, to this one.
"""

from __future__ import annotations

import io
import json
import os
import secrets
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from socket import create_server, socket
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection
from honcho.environ import parse_procfile

from tests.operations.house import (
    AWAY,
    Visitor,
    drop_database,
    own_database,
    until,
)
from tests.operations.test_drill import connected
from tests.releases import PREVIOUS

ROOT = Path(__file__).resolve().parent.parent.parent
PEOPLE = 160
AFTER_EACH_STEP = 4  # bookings that must come, before the next


@pytest.fixture(scope="session")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release before, in a folder of its own."""
    commit = PREVIOUS["commit"]
    shallow = subprocess.run(
        ["git", "rev-parse", "--is-shallow-repository"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if shallow.stdout.strip() != "false":
        pytest.skip(f"This copy has no whole history, so no {commit}.")
    kept = subprocess.run(
        ["git", "archive", commit], cwd=ROOT, capture_output=True, check=True
    )
    folder = tmp_path_factory.mktemp("before")
    with tarfile.open(fileobj=io.BytesIO(kept.stdout)) as tar:
        tar.extractall(folder, filter="data")
    return folder


@dataclass
class Site:
    """A house whose socket outlives the processes that serve there."""

    folder: Path
    database: str
    line: socket
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(60))
    web: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://localhost:{self.line.getsockname()[1]}"

    def variables(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DJANGO_", "PYTEST_", "SIGN_OFF"))
        }
        return kept | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "DJANGO_SETTINGS_MODULE": "lms.settings",
            "DATABASE_URL": self.database,
            "DATA_DIR": str(self.folder),
            "DEBUG": "0",
            "DEMO": "0",
            "LISTEN": "127.0.0.1",
            "PORT": self.url.rpartition(":")[2],
            "PUBLIC_URL": self.url,
            "REHEARSAL": "1",
            "SECRET_KEY": self.secret,
        }

    def run(self, tree: Path, *command: str) -> str:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=tree,
            env=self.variables(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout

    def serve(self, tree: Path) -> None:
        """Start the web process of a tree as its unit does, on the socket at hand."""
        command = parse_procfile((tree / "Procfile").read_text()).processes["web"]
        hand_over = (
            "import os, sys; os.dup2(int(sys.argv[1]), 3);"
            "os.environ |= {'LISTEN_PID': str(os.getpid()), 'LISTEN_FDS': '1'};"
            "os.execvp('sh', ['sh', '-c', sys.argv[2]])"
        )
        number = self.line.fileno()
        with (self.folder / "web.log").open("ab") as log:
            self.web = subprocess.Popen(
                [sys.executable, "-c", hand_over, str(number), command],
                cwd=tree,
                env=self.variables(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[number],
                start_new_session=True,
            )

    def end(self) -> None:
        """As systemd does: ask, and wait for what is under way."""
        assert self.web
        self.web.terminate()
        self.web.wait(30)

    def close(self) -> None:
        if self.web and self.web.poll() is None:
            os.killpg(self.web.pid, signal.SIGKILL)
            self.web.wait()


@pytest.fixture
def site(tmp_path: Path, transactional_db: None) -> Iterator[Site]:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "fonts").symlink_to(Path(settings.DATA_DIR) / "fonts")
    database = f"sqlite:///{folder / 'db.sqlite3'}"
    if connection.vendor == "postgresql":
        name = f"house_upgraded_{os.getpid()}"
        with connection._nodb_cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}")
        own = own_database()
        database = own.replace(f"/{connection.settings_dict['NAME']}", f"/{name}", 1)
    with create_server(("127.0.0.1", 0), backlog=1024) as line:
        line.set_inheritable(True)
        site = Site(folder, database, line)
        yield site
        site.close()
    drop_database(database)


class Crowd:
    """People who look and book, one request after another, and what they got."""

    def __init__(self, site: Site, people: list[dict[str, Any]]) -> None:
        self.site, self.people = site, people
        self.booked: list[str] = []
        self.looked = 0
        self.wrong: list[str] = []
        self._is_over = Event()
        self._threads = [Thread(target=self._book), Thread(target=self._look)]

    def _visitor(self, person: dict[str, Any]) -> Visitor:
        visitor = Visitor(self.site.url)
        visitor.cookies["sessionid"] = person["session"]
        return visitor

    def _book(self) -> None:
        for number, person in enumerate(self.people):
            # Ever more slowly: on a busy machine migrating takes a minute.
            if self._is_over.wait(0.1 + number / 100):
                return
            key = str(uuid4())
            form = {
                "picked": "1",
                "topics": [person["topic"]],
                "start": person["start"],
                "request_key": key,
            }
            try:
                answer = self._visitor(person).post(person["page"], form)
            except AWAY as error:
                self.wrong.append(f"booking: {error!r}")
                continue
            if answer.location.startswith("/calls/"):
                self.booked.append(key)
            else:
                self.wrong.append(f"booking: {answer.status} {answer.text[:2000]}")

    def _look(self) -> None:
        visitor = self._visitor(self.people[-1])
        while not self._is_over.wait(0.02):
            for page in ("/my/", self.people[-1]["page"], "/readyz", "/calls/"):
                try:
                    answer = visitor.get(page)
                except AWAY as error:
                    self.wrong.append(f"{page}: {error!r}")
                    continue
                self.looked += 1
                if answer.status != 200:
                    self.wrong.append(f"{page}: {answer.status} {answer.text[:2000]}")

    @contextmanager
    def at_work(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._is_over.set()
            for thread in self._threads:
                thread.join()

    def goes_on(self) -> None:
        """Wait until some more have booked, and looked."""
        booked, looked = len(self.booked) + AFTER_EACH_STEP, self.looked + 8
        until(
            lambda: (
                (len(self.booked) >= booked and self.looked >= looked) or self.wrong
            ),
            "people book",
        )
        assert self.wrong == []


def test_nobody_is_sent_away_while_a_house_is_upgraded(
    site: Site, before: Path
) -> None:
    script = str(ROOT / "tests/operations/release_before.py")
    people = json.loads(site.run(before, script, str(PEOPLE)))
    site.serve(before)
    crowd = Crowd(site, people)
    with crowd.at_work():
        crowd.goes_on()  # the release before, on its own schema

        site.run(ROOT, "manage.py", "migrate", "--verbosity=0")
        site.run(
            ROOT, "manage.py", "collectstatic", "--noinput", "-v0", "-i", "wagtail*"
        )
        crowd.goes_on()  # the release before, on the new schema

        site.end()
        site.serve(ROOT)
        crowd.goes_on()  # this release

    assert crowd.wrong == []
    site.run(ROOT, "manage.py", "migrate", "--check")
    with connected(site.database) as database:
        kept = database.execute(
            "SELECT request_key FROM training_sessions_booking WHERE state = 'booked'"
        ).fetchall()
    keys = {str(key).replace("-", "") for (key,) in kept}
    assert keys == {key.replace("-", "") for key in crowd.booked}
