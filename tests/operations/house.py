"""The product's real processes, started as the Procfile says, for tests to harm.

`House` serves a database and a folder of its own on a free port of loopback, and can
start again whatever dies, as systemd does with `Restart=always`. `Visitor` is a
signed-in person's HTTP client, `MailServer` a mail server that can refuse.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import socketserver
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.client import HTTPConnection, HTTPException
from http.cookies import SimpleCookie
from pathlib import Path
from socket import create_server
from threading import Lock, Thread
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.db import connection
from django.test import Client
from honcho.environ import parse_procfile

ROOT = Path(__file__).resolve().parent.parent.parent
# To wait for anything; PATIENCE=300 where the machine is busy with much else.
LONGEST_SECONDS = float(os.environ.get("PATIENCE", "60"))
PAUSE_SECONDS = 1.0  # before what died is started again, as in the units
AWAY = (OSError, HTTPException)  # what a visitor gets from a server that is not there
# What the kernel ends when its thread ends is started in one that lasts as long as we.
_starter = ThreadPoolExecutor(1)


def free_port(host: str = "127.0.0.1") -> int:
    with create_server((host, 0)) as server:
        return int(server.getsockname()[1])


def until(
    holds: Callable[[], object], what: str, seconds: float = LONGEST_SECONDS
) -> float:
    """Wait until it holds; return how many seconds that took."""
    start = time.monotonic()
    while not holds():
        assert time.monotonic() < start + seconds, f"Not in time: {what}."
        time.sleep(0.05)
    return time.monotonic() - start


# --- The processes -----------------------------------------------------------------


@dataclass
class Program:
    """One process with all that it starts; what it says is kept in a file.

    It is never an orphan: when this process goes, however it does, so does that one.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path

    def __post_init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        if self.is_running:
            return
        self._end_all()  # what a killed parent has left behind
        with self.log.open("ab") as log:
            self.process = _starter.submit(
                subprocess.Popen,
                ["setpriv", "--pdeathsig", "KILL", *self.command],
                cwd=ROOT,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            ).result()
        self.started_at = time.monotonic()

    def seconds_up(self) -> float:
        return time.monotonic() - self.started_at

    def kill(self) -> None:
        """End it and all it started, with no time to say goodbye (kill -9)."""
        self._end_all()
        if self.process:
            self.process.wait()

    def freeze(self) -> None:
        """Let it do nothing more, whatever it hears: only to be killed."""
        assert self.process
        os.killpg(self.process.pid, signal.SIGSTOP)

    def kill_one_child(self, choose: Callable[[list[int]], int]) -> bool:
        """Kill -9 one that it started, such as one of gunicorn's; False if none."""
        assert self.process
        pid = self.process.pid
        with suppress(OSError):
            text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
            if children := [int(each) for each in text.split()]:
                os.kill(choose(children), signal.SIGKILL)
                return True
        return False

    def end(self, seconds: float = 20) -> int:
        """Ask it to end, and wait for that; return its exit code."""
        assert self.process
        self.process.terminate()
        try:
            return self.process.wait(seconds)
        finally:
            self._end_all()

    def _end_all(self) -> None:
        if self.process:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def said(self, characters: int = 4000) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return text[-characters:]


@dataclass
class House:
    """The processes of the Procfile, on one database and one folder (DATA_DIR)."""

    folder: Path
    database: str
    environment: dict[str, str] = field(default_factory=dict)
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(60))
    static: Path | None = None  # made already, by `collect_static`

    def __post_init__(self) -> None:
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.logs = self.folder.parent / f"{self.folder.name}-logs"
        self.logs.mkdir(exist_ok=True)
        if self.static and not (self.folder / "static").exists():
            (self.folder / "static").symlink_to(self.static)
        if not (self.folder / "fonts").exists():  # making them takes 15 seconds
            (self.folder / "fonts").symlink_to(Path(settings.DATA_DIR) / "fonts")
        procfile = parse_procfile((ROOT / "Procfile").read_text())
        self.programs = {
            name: Program(
                name,
                ["sh", "-c", command],
                self.variables(),
                self.logs / f"{name}.log",
            )
            for name, command in procfile.processes.items()
        }
        self._minded: set[str] = set()
        self._is_open = True
        Thread(target=self._mind, daemon=True).start()

    def variables(self) -> dict[str, str]:
        """The environment in which its processes and commands run."""
        ours = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "DATABASE_URL": self.database,
            "DATA_DIR": str(self.folder),
            "DEBUG": "0",
            "DEMO": "0",
            "LISTEN": "127.0.0.1",
            "PORT": str(self.port),
            "PUBLIC_URL": self.url,
            "REHEARSAL": "1",
            "SECRET_KEY": self.secret,
        }
        return os.environ | ours | self.environment

    def manage(self, *words: str, check: bool = True) -> str:
        """Run a command of manage.py in the house; return what it said."""
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=self.variables(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if check:
            assert done.returncode == 0, f"manage.py {words}:\n{done.stdout}"
        return done.stdout

    def serve(self, database: str) -> None:
        """Serve another one from its next start on."""
        self.database = database
        for program in self.programs.values():
            program.environment = self.variables()

    # --- Starting and ending

    def start(self, *names: str) -> None:
        """Start these, or all; return once the web process is ready."""
        for name in names or self.programs:
            self.programs[name].start()
        if not names or "web" in names:
            self.wait_until_ready()

    def kill(self, *names: str) -> None:
        """Kill -9 these, or all."""
        for name in names or self.programs:
            self.programs[name].kill()

    def restart(self, *names: str) -> None:
        self.kill(*names)
        self.start(*names)

    def mind(self, *names: str) -> None:
        """From now on start again what dies of these, or of all, as systemd does."""
        self._minded = set(names or self.programs)

    def leave_alone(self) -> None:
        """No longer start again what dies."""
        self._minded = set()

    def _mind(self) -> None:
        since: dict[str, float] = {}
        while self._is_open:
            for name in tuple(self._minded):
                if self.programs[name].is_running:
                    since.pop(name, None)
                    continue
                died = since.setdefault(name, time.monotonic())
                if time.monotonic() >= died + PAUSE_SECONDS:
                    self.programs[name].start()
            time.sleep(0.02)

    def is_ready(self) -> bool:
        with suppress(*AWAY):
            return Visitor(self.url).get("/readyz").status == 200
        return False

    def wait_until_ready(self, seconds: float = LONGEST_SECONDS) -> float:
        """Wait until the database is served; return how many seconds that took."""
        try:
            return until(self.is_ready, "the web process is ready", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.said()}") from None

    def said(self) -> str:
        """What its processes said last, for a test that fails."""
        return "\n".join(
            f"--- {program.name}\n{program.said()}"
            for program in self.programs.values()
        )

    def close(self) -> None:
        """End all, whatever state they are in."""
        self._is_open = False
        self._minded = set()
        time.sleep(0.05)
        self.kill()

    # --- What it did

    def mails(self) -> list[EmailMessage]:
        """What it wrote into its folder for mail, the oldest first."""
        files = sorted(
            (self.folder / "mail").glob("*.eml"), key=lambda one: one.stat().st_mtime
        )
        return [_read_mail(file.read_bytes()) for file in files]


def collect_static(folder: Path) -> Path:
    """Make the static files once, for all houses; but for the CMS's, most of all."""
    house = House(folder / "collecting", "sqlite://:memory:")
    house.manage("collectstatic", "--noinput", "-v0", "-i", "wagtail*")
    house.close()
    return (folder / "collecting" / "static").resolve()


def copied_database(folder: Path) -> str:
    """Copy the test's own database as it stands (committed); return its address.

    On PostgreSQL the copy is one more database of the server: drop it afterwards with
    `drop_database`.
    """
    name = str(connection.settings_dict["NAME"])
    connection.close()
    if connection.vendor == "sqlite":
        folder.mkdir(parents=True, exist_ok=True)
        with sqlite3.connect(name) as source:
            source.execute("VACUUM INTO ?", [str(folder / "db.sqlite3")])
        source.close()
        return f"sqlite:///{folder / 'db.sqlite3'}"
    copy = f"house_{secrets.token_hex(4)}"
    with connection._nodb_cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {copy} TEMPLATE {name}")
    return own_database().replace(f"/{name}", f"/{copy}", 1)


def drop_database(address: str) -> None:
    if address.startswith("postgres"):
        name = urlsplit(address).path.removeprefix("/")
        with connection._nodb_cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def own_database() -> str:
    """The address of the database that this test works on."""
    at = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{at['NAME']}"
    parts = urlsplit(os.environ["DATABASE_URL"])
    return parts._replace(path=f"/{at['NAME']}").geturl()


def fill(disk: Path) -> None:
    """Leave no byte."""
    with (disk / "filling").open("wb", buffering=0) as file:
        for size in (2**20, 2**12, 1):
            while shutil.disk_usage(disk).free:
                try:
                    file.write(b"x" * size)
                except OSError:
                    break


# --- Who comes there ---------------------------------------------------------------


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    @property
    def location(self) -> str:
        return self.headers.get("Location", "")


class Visitor:
    """Somebody's HTTP client, signed in with a second factor where there is a `user`.

    It follows no redirects. A server that is not there raises one of `AWAY`: then
    nothing was acknowledged.
    """

    def __init__(self, url: str, user: Any = None, seconds: float = 30) -> None:
        self.host = urlsplit(url).netloc
        self.seconds = seconds
        # Any secret of this length will do: it is compared with what the form sends.
        self.cookies = {"csrftoken": secrets.token_hex(16)}
        if user is not None:
            client = Client()
            client.force_login(user)
            name = settings.SESSION_COOKIE_NAME
            self.cookies[name] = client.cookies[name].value

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self.ask("GET", path, headers=headers)

    def post(self, path: str, data: Any = ()) -> Answer:
        """Send a form: a dictionary, in which a list is sent as several values."""
        pairs = dict(data) | {"csrfmiddlewaretoken": self.cookies["csrftoken"]}
        return self.ask(
            "POST",
            path,
            urlencode(pairs, doseq=True).encode(),
            {"Content-Type": "application/x-www-form-urlencoded"},
        )

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        port = self.host.partition(":")[2]
        line = HTTPConnection("127.0.0.1", int(port or 80), timeout=self.seconds)
        try:
            line.request(
                method,
                path,
                body,
                {"Host": self.host, "Cookie": cookie, **(headers or {})},
            )
            answer = line.getresponse()
            got = Answer(answer.status, answer.headers, answer.read())
        finally:
            line.close()
        for each in answer.headers.get_all("Set-Cookie") or []:
            for name, morsel in SimpleCookie(each).items():
                self.cookies[name] = morsel.value
        return got


# --- Mail --------------------------------------------------------------------------


class MailServer(socketserver.ThreadingTCPServer):
    """A mail server on loopback that keeps what it took; it can refuse, or be away.

    `refuses` of True: it answers each letter with a "try again later". `answers` gets
    each letter that it took, and what says so to whoever sent it.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _MailSession)
        self.refuses = False
        self.answers: Callable[[EmailMessage, Callable[[], None]], None] = _say_so
        self.taken: list[EmailMessage] = []
        self.refused = 0
        self.lock = Lock()
        Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        """What EMAIL_URL is set to."""
        return f"smtp://127.0.0.1:{self.server_address[1]}"

    def times_taken(self) -> Counter[str]:
        """How often each mail came, by its Message-ID."""
        with self.lock:
            return Counter(str(each["Message-ID"]) for each in self.taken)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A worker that was killed while it sent is no fault of ours."""

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class _MailSession(socketserver.StreamRequestHandler):
    server: MailServer

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def handle(self) -> None:
        self.say("220 here")
        while line := self.rfile.readline():
            word = line[:4].upper().strip()
            if word == b"QUIT":
                self.say("221 bye")
                return
            if word == b"DATA":
                self.take()
            elif self.server.refuses and word == b"MAIL":
                self.server.refused += 1
                self.say("451 try again later")
            else:
                self.say("250 ok")

    def take(self) -> None:
        self.say("354 go on")
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        if line == b"":
            return  # killed in the middle: nothing was taken
        mail = _read_mail(b"".join(lines))
        with self.server.lock:
            self.server.taken.append(mail)
        self.server.answers(mail, lambda: self.say("250 taken"))


def _say_so(mail: EmailMessage, say: Callable[[], None]) -> None:
    say()


def _read_mail(words: bytes) -> EmailMessage:
    mail = message_from_bytes(words, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    return mail


def key_of(mail: EmailMessage) -> int:
    """The outbox's row of a mail, from its Message-ID."""
    found = re.match(r"<message-(\d+)@", str(mail["Message-ID"]))
    assert found, mail["Message-ID"]
    return int(found[1])
