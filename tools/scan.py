"""Let sqlmap and wapiti at every form, as each kind of person (`make scan`).

The demo is served from a folder of its own, with the world of `tests/test_access.py` in
it: its table names every address of ours, and what stands there. From these and the
links on them every page is read as a browser reads it. Each form, and each address with
parameters, of a kind that was not met before goes to sqlmap, whole; wapiti, whose own
crawler would lose its way, gets a page on which all of them stand. Before each attack
the database is brought back to what it was, or a form would work once only; the limits
are lifted, or most of what is sent would be refused unread.

    python tools/scan.py [--only sqlmap|wapiti] [--pages 1500] [--people manager staff]
"""

import argparse
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from html import escape, unescape
from http.client import HTTPConnection
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from socket import create_server
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urldefrag, urlencode, urljoin, urlsplit

ROOT = Path(__file__).resolve().parent.parent
# Who scans, of the people of the table's world.
PEOPLE = ("anonymous", "tess", "trainer", "manager", "staff")
STARTS = ("/start/", "/", "/my/", "/team/", "/standing/", "/settings/", "/cms/")
ALIKE = 4  # pages of one view that are read
# These end the scanner's own sign-in, or leave the site.
LEFT_ALONE = re.compile(
    r"/(logout|sign-ins|static|media|cms/pages/\d+/edit/preview|leave-company)\b"
)
LINKS = re.compile(r'(?:href|hx-get|data-url|data-chooser-url)="([^"]+)"')
FOUND = re.compile(r"sqlmap identified the following injection point")
QUIET = ("--batch", "--level=1", "--risk=1", "--technique=BEU", "--dbms=SQLite")
MODULES = ("sql", "xss", "exec", "file", "redirect", "crlf")
LONGEST_SECONDS = 900
CSRF = "csrfmiddlewaretoken"

Kind = tuple[str, str, tuple[str, ...]]


@dataclass(frozen=True)
class Door:
    """Something that takes what is sent: an address, how, and what."""

    method: str
    url: str
    sent: tuple[tuple[str, str], ...]

    @property
    def kind(self) -> Kind:
        """The same for two that one view answers."""
        names = {re.sub(r"\d+", "0", name) for name, _ in self.sent}
        return self.method, view_of(self.url), tuple(sorted(names))


def tests(module: str) -> Any:
    """A module of the tests, which are without types; once Django is set up."""
    return import_module(f"tests.{module}")


def view_of(path: str) -> str:
    """The name of the view that answers there, whatever its keys."""
    from django.urls import Resolver404, resolve  # noqa: PLC0415  after Django

    try:
        return resolve(path).view_name or path
    except Resolver404:
        return path


class Visitor:
    """Somebody's HTTP client; redirects are not followed but as links."""

    def __init__(self, port: int, cookie: str) -> None:
        self.port, self.cookie = port, cookie

    def get(self, url: str) -> str:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", url, headers={"Cookie": self.cookie})
        answer = connection.getresponse()
        is_page = "html" in (answer.headers["Content-Type"] or "")
        text = answer.read().decode(errors="replace") if is_page else ""
        connection.close()
        return text + f'<a href="{answer.headers["Location"] or ""}">'

    @property
    def is_sent_to_sign_in(self) -> bool:
        return 'href="/accounts/login/' in self.get("/settings/")[-99:]


class Reading:
    """All that takes something, of what somebody reaches."""

    def __init__(self, visitor: Visitor, most: int) -> None:
        self.visitor, self.most = visitor, most
        self.read: set[str] = set()
        self.is_cut = False
        self.token = ""  # of whoever reads

    def doors(self, starts: list[str]) -> Iterator[Door]:
        forms_in = tests("pageforms").forms_in
        ways, seen = deque(starts), Counter[tuple[str, ...]]()
        first = set(starts)
        while ways:
            url = ways.popleft()
            parts = urlsplit(url)
            names = sorted(name for name, _ in parse_qsl(parts.query))
            shape = (view_of(parts.path), *names)
            is_known = seen[shape] >= ALIKE and url not in first
            if url in self.read or is_known or LEFT_ALONE.search(url):
                continue
            if len(self.read) >= self.most:
                self.is_cut = True
                return
            seen[shape] += 1
            self.read.add(url)
            if parts.query:
                yield Door("GET", parts.path, tuple(parse_qsl(parts.query)))
            text = self.visitor.get(url)
            for link in LINKS.findall(text):
                to = urljoin(url, urldefrag(unescape(link))[0])
                if to.startswith("/") and not to.startswith("//"):
                    ways.append(to)
            for form in forms_in(text):
                to = urlsplit(urljoin(url, unescape(form.action) or parts.path)).path
                sent = [*form.sent]
                self.token = dict(sent).get(CSRF, self.token)
                named = {name for name, _ in sent}
                sent += [(k, v[0]) for k, v in form.choices.items() if k not in named]
                named |= form.choices.keys()
                if named - {CSRF} and not LEFT_ALONE.search(to):
                    yield Door(form.method.upper(), to, tuple(sent))


def every_door(reading: Reading, world: Any, who: str) -> dict[Kind, Door]:
    """Each kind of form that somebody reaches, and each address that takes a POST."""
    access, expected = tests("test_access"), tests("crowd").expected
    table, address = access.TABLE, access.address
    open_to = {
        name: address(name, entry.args(world))
        for name, entry in table.items()
        if expected(name, who) in (200, 302) and not LEFT_ALONE.search(f"/{name}")
    }
    pages = [url for name, url in open_to.items() if table[name].method == "get"]
    found = {each.kind: each for each in reading.doors([*STARTS, *pages])}
    views = {view for method, view, _names in found if method == "POST"}
    for name, url in open_to.items():
        if table[name].method == "post" and view_of(url) not in views:
            body = {name: str(each) for name, each in access.body_for(world).items()}
            door = Door("POST", url, tuple((body | {CSRF: reading.token}).items()))
            found[door.kind] = door
    return found


def sqlmap(door: Door, visitor: Visitor, folder: Path) -> str:
    """Return what sqlmap says of it, in a word."""
    form = urlencode(door.sent)
    path = f"{door.url}?{form}" if door.method == "GET" else door.url
    token = dict(door.sent).get(CSRF, "")
    lines = [
        f"{door.method} {path} HTTP/1.1",
        f"Host: 127.0.0.1:{visitor.port}",
        f"Cookie: {visitor.cookie}",
        f"X-CSRFToken: {token}",
    ]
    if door.method == "POST":
        lines += ["Content-Type: application/x-www-form-urlencoded", "", form]
    request = folder / "request.txt"
    request.write_text("\r\n".join([*lines, ""]))
    names = {name for name, _ in door.sent} - {CSRF}
    command = [
        *("sqlmap", "-r", str(request), "-p", ",".join(sorted(names))),
        *QUIET,
        *("--flush-session", "--disable-coloring", "--ignore-code=*"),
        *("--skip-waf", "--ignore-stdin", "--output-dir", str(folder / "sqlmap")),
    ]
    said = run(command, LONGEST_SECONDS)
    if not said:
        return "CUT"
    if found := FOUND.search(said):
        print(said[found.start() - 300 : found.end() + 900])
        return "FOUND"
    if "does not seem to be injectable" in said:
        return "nothing"
    print(said[-1500:])
    return "NOT LOOKED"


def run(command: list[str], seconds: float) -> str:
    """Return what it says; nothing of one that did not end in time."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout


def page_of(doors: Mapping[Kind, Door], port: int) -> str:
    """A page with every form on it."""
    lines = []
    for door in doors.values():
        to = f"http://127.0.0.1:{port}{door.url}"
        lines.append(f'<form method="{door.method}" action="{escape(to)}">')
        lines += [
            f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
            for name, value in door.sent
        ]
        lines.append("</form>")
    return "<!doctype html><title>Forms</title>" + "\n".join(lines)


@contextmanager
def shown(page: str, folder: Path) -> Iterator[str]:
    """Serve one page; yields its address."""
    (folder / "shown").mkdir(exist_ok=True)
    (folder / "shown" / "index.html").write_text(page)

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(folder / "shown"))

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  theirs
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


def wapiti(
    doors: Mapping[Kind, Door], visitor: Visitor, seconds: int, scene: "Scene"
) -> int:
    """Let wapiti at all of them, module by module; return how many faults it reports.

    What it could not end in its time is said; so is how many forms it has taken.
    """
    report, faults = scene.folder / "wapiti.json", 0
    is_nobody = visitor.is_sent_to_sign_in
    with shown(page_of(doors, visitor.port), scene.folder) as start:
        common = [
            *("wapiti", "-u", start, "--scope", "punk", "-S", "insane", "-d", "1"),
            *("-H", f"Cookie: {visitor.cookie}", "--skip", CSRF),
            *("--store-session", str(scene.folder / "wapiti"), "--no-bugreport"),
            *("-f", "json", "-o", str(report)),
        ]
        scene.restore()
        said = run([*common, "--flush-session", "-m", ""], LONGEST_SECONDS)
        taken = taken_by_wapiti(scene.folder / "wapiti")
        left = {each for each in doors.values() if (each.method, each.url) not in taken}
        print(
            f"  wapiti takes {len(doors) - len(left)} of {len(doors)} forms", flush=True
        )
        for each in left:
            print(f"  wapiti LEAVES OUT {each.method} {each.url}", flush=True)
        if left == set(doors.values()):
            raise RuntimeError(f"wapiti did not look: {said[-1500:]}")
        for module in MODULES:
            began = time.monotonic()
            scene.restore()
            bound = ["--max-attack-time", str(seconds)]
            attack = ["--skip-crawl", "--flush-attacks", "-m", module, *bound]
            report.unlink(missing_ok=True)
            said = run([*common, *attack], seconds + LONGEST_SECONDS)
            if not report.exists():
                print(f"  wapiti {module}: CUT, without a report", flush=True)
                faults += 1
                continue
            heard = json.loads(report.read_text())
            reported = heard["vulnerabilities"] | heard["anomalies"]
            found = {name: each for name, each in reported.items() if each}
            faults += sum(len(each) for each in found.values())
            for name, each in found.items():
                print(f"  wapiti: {name}: {json.dumps(each[:5], indent=1)}")
            outcome = "CUT" if "Max attack time was reached" in said else "whole"
            if visitor.is_sent_to_sign_in and not is_nobody:
                outcome += ", SIGNED OUT on the way"
            took = time.monotonic() - began
            counted = sum(len(each) for each in found.values())
            print(f"  wapiti {module}: {counted}, {outcome}, {took:.0f} s", flush=True)
    return faults


def taken_by_wapiti(folder: Path) -> set[tuple[str, str]]:
    """By which method it attacks which address, from what it keeps of its session."""
    (kept,) = folder.glob("*.db")
    with closing(sqlite3.connect(kept)) as connection:
        rows = connection.execute("SELECT method, path FROM paths WHERE evil = 0")
        return {(method, urlsplit(path).path) for method, path in rows}


@dataclass
class Scene:
    """The demo's database, and what it was before anybody attacked it."""

    folder: Path
    port: int

    @property
    def database(self) -> Path:
        return self.folder / "db.sqlite3"

    def keep(self) -> None:
        copy(self.database, self.folder / "kept.sqlite3")

    def restore(self) -> None:
        copy(self.folder / "kept.sqlite3", self.database)


def copy(source: Path, target: Path) -> None:
    with (
        closing(sqlite3.connect(source, timeout=60)) as one,
        closing(sqlite3.connect(target, timeout=60)) as other,
    ):
        one.backup(other)


@contextmanager
def served(folder: Path) -> Iterator[Scene]:
    """Serve the demo from the folder; its limits are lifted while it is."""
    with create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])
    os.environ |= {"DEBUG": "1", "DEMO": "1", "PORT": str(port)}
    os.environ |= {"DATA_DIR": str(folder), "DATABASE_URL": ""}
    os.environ["DJANGO_SETTINGS_MODULE"] = "lms.settings"
    subprocess.run([sys.executable, ROOT / "tools" / "prepare.py"], check=True)
    web = subprocess.Popen(
        [
            *(sys.executable, "-m", "gunicorn", "lms.wsgi", "--preload"),
            *("--bind", f"127.0.0.1:{port}", "--threads", "4", "--log-level=error"),
            *("--no-control-socket", "--config", "python:tools.scan"),
        ],
        cwd=ROOT,
        stderr=(folder / "log").open("w"),
    )
    try:
        yield Scene(folder, port)
    finally:
        web.terminate()
        web.wait()


def pre_request(worker: Any, request: Any) -> None:
    """Forget all that limits have counted: gunicorn calls this before each request."""
    from django.core.cache import cache  # noqa: PLC0415  in the process that serves

    cache.clear()


def signed_in(person: Any) -> str:
    """The cookie of somebody's new sign-in."""
    from django.test import Client  # noqa: PLC0415

    client = Client(headers={"host": "127.0.0.1"})
    client.get("/accounts/login/")
    if person is not None:
        client.force_login(person)
    return "; ".join(f"{name}={each.value}" for name, each in client.cookies.items())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=["sqlmap", "wapiti"])
    parser.add_argument("--pages", type=int, default=1500)
    parser.add_argument("--people", nargs="+", choices=PEOPLE, default=PEOPLE)
    parser.add_argument("--seconds", type=int, default=300, help="for each module")
    arguments = parser.parse_args()
    tools = [arguments.only] if arguments.only else ["sqlmap", "wapiti"]
    if missing := [name for name in tools if not shutil.which(name)]:
        print(f"Please run: sudo apt-get install -y {' '.join(missing)}")
        return 1
    sys.path.insert(0, str(ROOT))
    with tempfile.TemporaryDirectory() as name, served(Path(name)) as scene:
        return scan(scene, tools, arguments)


def scan(scene: Scene, tools: list[str], arguments: argparse.Namespace) -> int:
    import django  # noqa: PLC0415  after the settings are known

    django.setup()
    world = tests("test_access").make_world()
    cookies = {who: signed_in(world.people[who]) for who in arguments.people}
    scene.keep()
    met: set[Kind] = set()
    said = Counter[str]()
    for who in arguments.people:
        visitor = Visitor(scene.port, cookies[who])
        reading = Reading(visitor, arguments.pages)
        doors = every_door(reading, world, who)
        doors = {kind: door for kind, door in doors.items() if kind not in met}
        met |= doors.keys()
        cut = ", CUT" if reading.is_cut else ""
        said["cut"] += reading.is_cut
        print(
            f"{who}: {len(reading.read)} pages read{cut}; "
            f"{len(doors)} forms and addresses not met before",
            flush=True,
        )
        if "wapiti" in tools:
            said["faults"] += wapiti(doors, visitor, arguments.seconds, scene)
        for door in doors.values() if "sqlmap" in tools else ():
            began = time.monotonic()
            scene.restore()
            word = sqlmap(door, visitor, scene.folder)
            said[word] += 1
            took = time.monotonic() - began
            print(f"  {door.method} {door.url}: {word}, {took:.0f} s", flush=True)
    for line in (scene.folder / "log").read_text().splitlines():
        if line.startswith("ERROR"):
            said["errors"] += 1
            print(line)
    print(f"{len(met)} forms and addresses: {dict(said)}")
    return 1 if set(+said) - {"nothing"} else 0


if __name__ == "__main__":
    sys.exit(main())
