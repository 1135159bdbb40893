"""A call of two in real browsers, and what carries it: web processes, a relay, a net.

The two sides have cameras and microphones that Chromium makes up; the connections
between them are real. `Web` serves the product as a deployment does: processes of
gunicorn, two of them, behind one address where a proxy sends each request to the next.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from socket import create_server
from threading import Thread
from typing import Any
from urllib.request import Request, urlopen

from django.utils.timezone import now
from playwright.sync_api import Browser, Locator, Page, Playwright

from lms.people.models import User
from sessions.models import Booking
from tests.browser.journeys import LONGEST_SECONDS, Journey
from tests.factories import BookingFactory, EnrolmentFactory, TrainerFactory

ROOT = Path(__file__).resolve().parent.parent.parent
MADE_UP_DEVICES = "--use-fake-device-for-media-stream"
SAYS_YES = "--use-fake-ui-for-media-stream"  # to whoever asks for them, or the screen

# Each connection a page makes is kept, so that a test may count its frames or cut it.
KEEP_PEERS = """
globalThis.peers = [];
globalThis.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(configuration, ...rest) {
    super({...configuration, ...globalThis.forced}, ...rest);
    peers.push(this);
  }
};
"""
# And so is all that a screen reader is told, as it is there for a moment only.
KEEP_WORDS = """
globalThis.announced = [];
document.addEventListener("DOMContentLoaded", () => {
  const place = document.getElementById("announcer");
  const keep = () => announced.push(place.textContent);
  if (place) new MutationObserver(keep).observe(place, {childList: true});
});
"""
BY_RELAY_ALONE = "globalThis.forced = {iceTransportPolicy: 'relay'};"
FRAMES = """async () => {
  let frames = 0;
  for (const peer of peers) {
    if (peer.connectionState === "closed") continue;
    for (const row of (await peer.getStats()).values()) {
      if (row.type === "inbound-rtp" && row.kind === "video") {
        frames += row.framesDecoded;
      }
    }
  }
  return frames;
}"""
SELECTED_PAIRS = """async () => {
  const pairs = [];
  for (const peer of peers) {
    if (peer.connectionState !== "connected") continue;
    const rows = await peer.getStats();
    for (const row of rows.values()) {
      if (row.type !== "transport" || !row.selectedCandidatePairId) continue;
      const pair = rows.get(row.selectedCandidatePairId);
      pairs.push(rows.get(pair.localCandidateId).candidateType);
    }
  }
  return pairs;
}"""
PAUSE = """() => {
  const polls = performance.getEntriesByType("resource")
    .filter(({name}) => name.endsWith("/poll/")).slice(-4);
  const pauses = polls.slice(1).map((each, n) => each.startTime - polls[n].responseEnd);
  return pauses.sort((a, b) => a - b)[1];
}"""
SOUND = """async () => {
  let [energy, seconds] = [0, 0];
  for (const peer of peers) {
    for (const row of (await peer.getStats()).values()) {
      if (row.type === "inbound-rtp" && row.kind === "audio") {
        energy += row.totalAudioEnergy ?? 0;
        seconds += row.totalSamplesDuration ?? 0;
      }
    }
  }
  return [energy, seconds];
}"""
OPEN_PEERS = "() => peers.filter((each) => each.connectionState !== 'closed').length"
# Of all energy in two seconds: each beep of Chromium has 0.1, Firefox hums with 0.016.
SILENCE = 0.005


def until(
    holds: Callable[[], object], what: str, *, page: Page, seconds: float | None = None
) -> None:
    """Wait until it holds; `page` goes on with what it does in the meantime."""
    end = time.monotonic() + (seconds or LONGEST_SECONDS)
    while not holds():
        assert time.monotonic() < end, f"Not in time: {what}."
        page.wait_for_timeout(50)


@dataclass
class Side:
    """One of the two, in a browser of their own."""

    page: Page
    call: Booking
    name: str

    @property
    def room(self) -> Locator:
        return self.page.locator("#room")

    def enter(self) -> None:
        """Open the room, as the join button leads there."""
        self.page.goto(f"/calls/{self.call.ref}/join/")
        self.page.wait_for_url("**/room/")

    @property
    def announcer(self) -> Locator:
        """What a screen reader is told, for a moment: see `is_announced` too."""
        return self.page.locator("#announcer")

    @property
    def ladder(self) -> Locator:
        """The other ways to connect."""
        return self.page.locator("#ladder")

    def fault(self, kind: str) -> Locator:
        """What the page says that does not work."""
        return self.page.locator(f"[data-fault={kind}]")

    @property
    def notes(self) -> Locator:
        return self.page.locator("#notes .note-text")

    def write(self, words: str) -> None:
        """Send a text note."""
        if not self.page.locator("#notes").is_visible():
            self.press("messages")
        self.page.locator("#notes textarea").fill(words)
        self.page.keyboard.press("Enter")

    def control(self, what: str) -> Locator:
        """A button of the room's foot: `microphone`, `messages`, `leave` …"""
        return self.page.locator(f".room-controls [data-do={what}]")

    def press(self, what: str) -> None:
        """Press a button of the room: `microphone`, `camera`, `screen`, `leave` …"""
        self.control(what).click()

    def state(self) -> str | None:
        return self.room.get_attribute("data-state")

    def connected(self) -> None:
        self.until(lambda: self.state() == "connected", "connected")

    def frames(self) -> int:
        """How many pictures of the other side were decoded."""
        return int(self.page.evaluate(FRAMES))

    def sees_the_other(self, pictures: int = 5) -> None:
        """Wait until so many more pictures of the other side were decoded."""
        before = self.frames()
        self.until(lambda: self.frames() >= before + pictures, "pictures go on")

    def hears_the_other(self) -> bool:
        """Whether there was any sound in the next two seconds that were played."""
        before, then = self.page.evaluate(SOUND)
        self.until(lambda: self.page.evaluate(SOUND)[1] >= then + 2, "sound is played")
        return bool(self.page.evaluate(SOUND)[0] - before > SILENCE)

    def is_told(self, what: str, value: str) -> None:
        """Wait until the page says so of the other side: `other-microphone`, "off"."""
        self.until(
            lambda: self.room.get_attribute(f"data-{what}") == value, f"{what}: {value}"
        )

    def is_announced(self, words: str) -> None:
        """Wait until a screen reader has been told."""
        self.until(
            lambda: any(words in each for each in self.page.evaluate("announced")),
            f"a screen reader is told: {words}",
        )

    def connections(self) -> int:
        """How many the page has made so far."""
        return int(self.page.evaluate("peers.length"))

    def is_hung_up(self) -> bool:
        return not self.page.evaluate(OPEN_PEERS)

    def cut(self) -> None:
        """Close the connection behind the page's back."""
        self.page.evaluate("() => peers.forEach((each) => each.close())")

    def pause_between_polls(self) -> float:
        """The seconds from an answer to the next question, by the page's own clock."""
        return float(self.page.evaluate(PAUSE)) / 1000

    def ways(self) -> list[str]:
        """How what is sent goes out: `host`, `relay` …"""
        return list(self.page.evaluate(SELECTED_PAIRS))

    def until(self, holds: Callable[[], object], what: str) -> None:
        until(holds, f"{self.name}: {what}", page=self.page)


def call_now(*, begun: timedelta = timedelta(minutes=2), **people: Any) -> Booking:
    """A call that has begun (or soon does), of people with names, in our own room."""
    enrolment = people.pop("enrolment", None) or EnrolmentFactory(
        member__user__full_name="Jonas Weber"
    )
    trainer = people.pop("trainer", None) or TrainerFactory(
        programmes=[enrolment.programme],
        user__full_name="Eleanor Whitcombe",
    )
    starts_at = now().replace(microsecond=0) - begun
    return BookingFactory(
        enrolment=enrolment,
        trainer=trainer,
        starts_at=starts_at,
        **people,
    )


def side(journey: Journey, call: Booking, user: User, **options: Any) -> Side:
    """A browser of one of the two (or of anybody else), who has signed in."""
    page = journey.signed_in(user.email, **options)
    page.context.add_init_script(KEEP_PEERS)
    page.context.add_init_script(KEEP_WORDS)
    return Side(page, call, user.full_name)


def both(journey: Journey, call: Booking, **options: Any) -> tuple[Side, Side]:
    """Trainee and trainer."""
    return (
        side(journey, call, call.trainee, **options),
        side(journey, call, call.trainer.user, **options),
    )


def meet(*sides: Side) -> None:
    """Let them enter the room, and wait until each sees the other."""
    for each in sides:
        each.enter()
    for each in sides:
        each.connected()
        each.sees_the_other()


# --- The product's processes, behind one address ---------------------------------------

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


class Proxy(ThreadingHTTPServer):
    """One address; each request goes to the next process that takes it.

    Where none does it is a 502, as from any proxy.
    """

    daemon_threads = True

    def __init__(self, host: str, ports: Sequence[int]) -> None:
        super().__init__((host, 0), Passing)
        self.ports = ports
        self.turn = count()
        self.answered: Counter[int] = Counter()  # by each process

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away is no fault."""


class Passing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        first = next(self.server.turn)
        for number in range(len(self.server.ports)):
            port = self.server.ports[(first + number) % len(self.server.ports)]
            behind = HTTPConnection("127.0.0.1", port, timeout=LONGEST_SECONDS)
            try:
                behind.request(
                    self.command, self.path, body or None, dict(self.headers.items())
                )
                answer = behind.getresponse()
                words = answer.read()
            except (OSError, HTTPException):
                continue
            finally:
                behind.close()
            self.server.answered[port] += 1
            self.tell(answer.status, answer.getheaders(), words)
            return
        self.tell(502, [("Content-Type", "text/html")], b"<h1>Bad gateway</h1>")

    def tell(self, status: int, headers: list[tuple[str, str]], words: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(words)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(words)


for _method in ("GET", "HEAD", "POST"):
    setattr(Passing, f"do_{_method}", Passing.pass_on)


# Not of those that the kernel gives to whoever asks for any: between two starts of a
# process, or before the first, some other connection of the machine might have it.
PORTS = range(15_000, 30_000)


def free_port() -> int:
    while True:
        port = secrets.choice(PORTS)
        try:
            with create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue


@dataclass
class Web:
    """Two processes of gunicorn, as the Procfile starts them, on one database."""

    folder: Path
    database: str
    host: str = "127.0.0.1"
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(60))
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ports = [free_port(), free_port()]
        self.running: dict[int, subprocess.Popen[bytes]] = {}
        self.proxy = Proxy(self.host, self.ports)
        self.url = f"http://localhost:{self.proxy.server_port}"
        Thread(target=self.proxy.serve_forever, args=(0.02,), daemon=True).start()
        # Nobody opens the CMS here: its files, most of all there are, stay away.
        self._run("manage.py", "collectstatic", "--noinput", "-v0", "-i", "wagtail*")
        self.start()

    def _environment(self) -> dict[str, str]:
        ours = {
            "DATABASE_URL": self.database,
            "DATA_DIR": str(self.folder),
            "DEBUG": "0",
            "DEMO": "0",
            "PUBLIC_URL": self.url,
            "REHEARSAL": "1",
            "SECRET_KEY": self.secret,
        }
        return os.environ | ours | self.environment

    def _run(self, *program: str) -> None:
        command = [sys.executable, *program]
        subprocess.run(command, cwd=ROOT, env=self._environment(), check=True)

    def start(self) -> None:
        """Start those that do not run; return once each answers."""
        with (self.folder / "web.log").open("ab") as log:
            for port in self.ports:
                if port not in self.running:
                    self.running[port] = subprocess.Popen(
                        [
                            *(sys.executable, "-m", "gunicorn", "lms.wsgi"),
                            *("--bind", f"127.0.0.1:{port}", "--preload"),
                            *("--workers", "1", "--threads", "4"),
                            "--no-control-socket",
                        ],
                        cwd=ROOT,
                        env=self._environment(),
                        stdout=log,
                        stderr=log,
                        start_new_session=True,
                    )
        for port in self.ports:
            self._wait_for(port)

    def _wait_for(self, port: int) -> None:
        asked = Request(f"http://127.0.0.1:{port}/healthz")
        asked.add_header("Host", self.url.removeprefix("http://"))
        end = time.monotonic() + LONGEST_SECONDS
        while time.monotonic() < end and self.running[port].poll() is None:
            try:
                with urlopen(asked, timeout=LONGEST_SECONDS):
                    return
            except OSError:
                time.sleep(0.05)
        said = (self.folder / "web.log").read_text()[-2000:]
        raise AssertionError(f"A web process does not answer:\n{said}")

    def kill(self) -> None:
        """End them all at once, with no time to say goodbye (kill -9)."""
        for process in self.running.values():
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.running.clear()

    def close(self) -> None:
        self.kill()
        self.proxy.shutdown()
        self.proxy.server_close()


# --- A relay ----------------------------------------------------------------------------


# What differs from place to place; and where it writes, as it writes to us.
OF_THE_PLACE = (
    *("realm=", "external-ip=", "listening-port=", "tls-listening-port=", "cert="),
    *("pkey=", "static-auth-secret=", "syslog", "no-stdout-log"),
)


@contextmanager
def relay(folder: Path, secret: str, *options: str) -> Iterator[int]:
    """A real coturn on this machine alone, as docs/coturn.conf says; gives its port."""
    program = shutil.which("turnserver", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program, "coturn is missing: `make check` installs it (apt: coturn)."
    lines = (ROOT / "docs" / "coturn.conf").read_text().splitlines()
    rules = [line for line in lines if not line.startswith(OF_THE_PLACE)]
    port = free_port()
    configuration = folder / "turnserver.conf"
    configuration.write_text(
        "\n".join(
            [
                *rules,
                f"listening-port={port}",
                "realm=relay.example.com",
                "listening-ip=127.0.0.1",
                *("relay-ip=127.0.0.1", "relay-ip=::1"),
                *("no-tls", "no-dtls"),
                f"static-auth-secret={secret}",
                f"pidfile={folder / 'relay.pid'}",
                f"userdb={folder / 'relay.db'}",
                *("log-file=stdout", "simple-log"),
                *options,
            ]
        )
    )
    with (folder / "relay.log").open("wb") as log:
        process = subprocess.Popen(
            [program, "-c", str(configuration)], stdout=log, stderr=log
        )
    try:
        yield port
        assert process.poll() is None, (folder / "relay.log").read_text()
    finally:
        process.terminate()
        process.wait()


# --- A net that can be cut ---------------------------------------------------------------


@dataclass
class Net:
    """A network of one browser's own, joined to this machine by a cable."""

    name: str = field(default_factory=lambda: f"q{secrets.token_hex(3)}")

    def __post_init__(self) -> None:
        self.as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
        path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
        self.ip = shutil.which("ip", path=path) or ""
        assert self.ip, "ip is missing: `make check` installs it (apt: iproute2)."
        place = secrets.randbelow(2**14)  # of 198.18.0.0/15, which is for such trials
        first = f"198.{18 + place // 2**13}.{place % 2**13 // 2**6}"
        at = place % 2**6 * 4
        self.here, self.there = f"{first}.{at + 1}", f"{first}.{at + 2}"
        self.cable = f"{self.name}a"

    def __enter__(self) -> Net:
        far = f"{self.name}b"
        self._do("netns", "add", self.name)
        try:
            self._do(
                *("link", "add", self.cable, "type", "veth"),
                *("peer", "name", far, "netns", self.name),
            )
            self._do("address", "add", f"{self.here}/30", "dev", self.cable)
            self._do("-n", self.name, "address", "add", f"{self.there}/30", "dev", far)
            self._do("-n", self.name, "link", "set", "lo", "up")
            self._do("-n", self.name, "link", "set", far, "up")
            self.mend()
            self._do("-n", self.name, "route", "add", "default", "via", self.here)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._do("netns", "del", self.name)  # and the cable with it

    def _do(self, *words: str) -> None:
        subprocess.run([*self.as_root, self.ip, *words], check=True)

    def cut(self) -> None:
        self._do("link", "set", self.cable, "down")

    def mend(self) -> None:
        self._do("link", "set", self.cable, "up")

    def browser(
        self, playwright: Playwright, folder: Path, flags: list[str]
    ) -> Browser:
        """Chromium in there; what it calls localhost is this machine."""
        program = folder / "chromium"
        chromium = shutil.which("chromium")
        if self.as_root:  # sudo closes the pipes that lead to the browser, but for two
            program.write_text(
                "#!/bin/sh\n"
                f"exec sudo -n {self.ip} netns exec {self.name} setpriv "
                f"--reuid={os.getuid()} --regid={os.getgid()} --init-groups sh -c "
                f"'exec 3<&0 4>&1 </dev/null >&2; exec {chromium} \"$@\"' "
                'sh "$@" <&3 >&4\n'
            )
        else:
            program.write_text(
                f'#!/bin/sh\nexec {self.ip} netns exec {self.name} {chromium} "$@"\n'
            )
        program.chmod(0o755)
        rules = f"MAP localhost {self.here}, MAP * ~NOTFOUND, EXCLUDE {self.here}"
        kept = [each for each in flags if "host-resolver-rules" not in each]
        return playwright.chromium.launch(
            executable_path=program, args=[*kept, f"--host-resolver-rules={rules}"]
        )
