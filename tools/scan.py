"""Let sqlmap and wapiti at the demo, as each kind of person (`make scan`).

The demo is served from a folder of its own. Every page that somebody can reach is read
as a browser reads it; each form, and each address with parameters, of a kind that was
not met before goes to sqlmap, whole; wapiti crawls by itself. Limits are lifted by
emptying the cache, or most of what is sent would be refused unread.

    python tools/scan.py [--only sqlmap|wapiti] [--pages 300] [--people manager staff]
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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from http.client import HTTPConnection
from pathlib import Path
from socket import create_server
from threading import Event, Thread
from urllib.parse import parse_qsl, urldefrag, urlencode, urljoin, urlsplit

ROOT = Path(__file__).resolve().parent.parent
# Who scans, by what of the demo's people they are.
PEOPLE = ("nobody", "trainee", "trainer", "manager", "staff")
STARTS = ("/start/", "/", "/my/", "/team/", "/standing/", "/settings/", "/cms/")
ALIKE = 4  # pages of one view that are read
# These end the scanner's own sign-in, or leave the site.
LEFT_ALONE = re.compile(r"/(logout|sign-ins|static|media|cms/pages/\d+/edit/preview)\b")
LINKS = re.compile(r'(?:href|hx-get)="([^"]+)"')
FOUND = re.compile(r"sqlmap identified the following injection point")
QUIET = ("--batch", "--level=1", "--risk=1", "--technique=BEU", "--dbms=SQLite")
MODULES = "sql,xss,exec,file,redirect,crlf"
LONGEST_SECONDS = 900
CSRF = "csrfmiddlewaretoken"


@dataclass(frozen=True)
class Door:
    """Something that takes what is sent: an address, how, and what."""

    method: str
    url: str
    sent: tuple[tuple[str, str], ...]

    @property
    def kind(self) -> tuple[str, str, tuple[str, ...]]:
        """The same for two that one view answers."""
        names = {re.sub(r"\d+", "0", name) for name, _ in self.sent}
        return self.method, view_of(self.url), tuple(sorted(names))


def view_of(path: str) -> str:
    """The name of the view that answers there, whatever its keys."""
    from django.urls import Resolver404, resolve  # noqa: PLC0415  after Django

    try:
        return resolve(path).view_name or path
    except Resolver404:
        return path


class Visitor:
    """Somebody's HTTP client; redirects are not followed but for links."""

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


def doors(visitor: Visitor, pages: int) -> Iterator[Door]:
    """All that takes something, of what is reached from the start."""
    from tests.pageforms import forms_in  # noqa: PLC0415  after Django

    ways, seen = deque(STARTS), Counter[tuple[str, ...]]()
    read: set[str] = set()
    while ways and len(read) < pages:
        url = ways.popleft()
        parts = urlsplit(url)
        shape = (
            view_of(parts.path),
            *sorted(name for name, _ in parse_qsl(parts.query)),
        )
        if url in read or seen[shape] >= ALIKE or LEFT_ALONE.search(url):
            continue
        seen[shape] += 1
        read.add(url)
        if parts.query:
            yield Door("GET", parts.path, tuple(parse_qsl(parts.query)))
        text = visitor.get(url)
        for link in LINKS.findall(text):
            to = urljoin(url, urldefrag(unescape(link))[0])
            if to.startswith("/") and not to.startswith("//"):
                ways.append(to)
        for form in forms_in(text):
            to = urlsplit(urljoin(url, unescape(form.action) or parts.path)).path
            sent = [*form.sent]
            named = {name for name, _ in sent}
            sent += [(k, v[0]) for k, v in form.choices.items() if k not in named]
            named |= form.choices.keys()
            if named - {CSRF} and not LEFT_ALONE.search(to):
                yield Door(form.method.upper(), to, tuple(sent))


def sqlmap(door: Door, visitor: Visitor, folder: Path) -> bool:
    """Tell whether sqlmap finds a way in; raises if it could not look."""
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
    done = subprocess.run(
        [
            *("sqlmap", "-r", str(request), "-p", ",".join(sorted(names))),
            *QUIET,
            *("--flush-session", "--disable-coloring", "--ignore-code=*"),
            *("--skip-waf", "--ignore-stdin", "--output-dir", str(folder / "sqlmap")),
        ],
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )
    tested = "does not seem to be injectable" in done.stdout
    if not tested and not FOUND.search(done.stdout):
        raise RuntimeError(f"sqlmap did not look: {done.stdout[-1500:]}")
    if found := FOUND.search(done.stdout):
        print(done.stdout[found.start() - 300 : found.end() + 900])
    return bool(found)


def wapiti(visitor: Visitor, folder: Path) -> int:
    """Let wapiti crawl and attack as somebody; return how many faults it reports."""
    report = folder / "wapiti.json"
    done = subprocess.run(
        [
            *("wapiti", "-u", f"http://127.0.0.1:{visitor.port}/start/"),
            *("-H", f"Cookie: {visitor.cookie}", "-m", MODULES, "--flush-session"),
            *("--max-scan-time", "600", "--max-attack-time", "120"),
            *("-f", "json", "-o", str(report), "--verify-ssl", "0"),
        ],
        capture_output=True,
        text=True,
        timeout=3 * LONGEST_SECONDS,
        check=False,
    )
    if not report.exists():
        raise RuntimeError(f"wapiti did not look: {done.stdout[-1500:]}")
    found = json.loads(report.read_text())
    faults = {name: each for name, each in found["vulnerabilities"].items() if each}
    for name, each in faults.items():
        print(f"  wapiti: {name}: {each[:3]}")
    print(f"  wapiti: {found['infos'].get('crawled_pages_nbr', '?')} pages", flush=True)
    return sum(len(each) for each in faults.values())


@contextmanager
def served(folder: Path) -> Iterator[int]:
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
            "--no-control-socket",
        ],
        cwd=ROOT,
    )
    over = Event()
    lifting = Thread(target=lift_limits, args=(folder / "db.sqlite3", over))
    lifting.start()
    try:
        yield port
    finally:
        over.set()
        lifting.join()
        web.terminate()
        web.wait()


def lift_limits(database: Path, over: Event) -> None:
    while not over.wait(1):
        with sqlite3.connect(database, timeout=20) as connection:
            connection.execute("DELETE FROM cache")
        connection.close()


def signed_in(who: str) -> str:
    """The cookie of a new sign-in of one of the demo's people of that kind."""
    import django  # noqa: PLC0415

    django.setup()
    from django.test import Client  # noqa: PLC0415

    from lms.people.models import Member, User  # noqa: PLC0415
    from sessions.models import Trainer  # noqa: PLC0415

    people = User.objects.filter(is_active=True).order_by("pk")
    managers = Member.objects.filter(is_manager=True).values("user")
    found = {
        "staff": people.filter(is_staff=True),
        "trainer": people.filter(pk__in=Trainer.objects.values("user")),
        "manager": people.filter(pk__in=managers),
        "trainee": people.filter(memberships__enrolments__bookings__isnull=False),
    }.get(who)
    client = Client(headers={"host": "127.0.0.1"})
    client.get("/accounts/login/")
    if found is not None:
        person = found.first()
        if person is None:
            raise SystemExit(f"The demo has no {who}.")
        client.force_login(person)
    return "; ".join(f"{name}={each.value}" for name, each in client.cookies.items())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=["sqlmap", "wapiti"])
    parser.add_argument("--pages", type=int, default=300)
    parser.add_argument("--people", nargs="+", choices=PEOPLE, default=PEOPLE)
    arguments = parser.parse_args()
    tools = [arguments.only] if arguments.only else ["sqlmap", "wapiti"]
    if missing := [name for name in tools if not shutil.which(name)]:
        print(f"Please run: sudo apt-get install -y {' '.join(missing)}")
        return 1
    sys.path.insert(0, str(ROOT))
    faults = 0
    met: set[tuple[str, str, tuple[str, ...]]] = set()
    with tempfile.TemporaryDirectory() as name, served(Path(name)) as port:
        time.sleep(5)
        for who in arguments.people:
            visitor = Visitor(port, signed_in(who))
            new = {door.kind: door for door in doors(visitor, arguments.pages)}
            new = {kind: door for kind, door in new.items() if kind not in met}
            met |= new.keys()
            print(f"{who}: {len(new)} forms and addresses not met before", flush=True)
            for door in new.values() if "sqlmap" in tools else ():
                start = time.monotonic()
                visitor.cookie = signed_in(who)
                has_fault = sqlmap(door, visitor, Path(name))
                faults += has_fault
                said = "FOUND" if has_fault else "nothing"
                seconds = time.monotonic() - start
                print(
                    f"  {door.method} {door.url}: {said}, {seconds:.0f} s", flush=True
                )
            if "wapiti" in tools:
                visitor.cookie = signed_in(who)
                faults += wapiti(visitor, Path(name))
    print(f"{len(met)} forms and addresses, {faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
