"""Forty calls at once, as the server sees them: `python -m tests.benchmarks.polling`.

Two gunicorn workers of four threads, as the Procfile starts them. Prints, as JSON, how
polls were answered when all eighty people poll as in a call (every two seconds); those
of four calls that are just connecting meanwhile (every 300 ms, each telling the other
something); when all forty connect in the same instant, until the last has got all that
the other told; and when the next poll is sent as soon as one is answered. Beside it,
the share of a core that it took. The environment says which database.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Any
from uuid import uuid4

from tests.benchmarks.rush import prepare

CALLS = 40
AGREEING = 0.15  # seconds between polls while an answer is due
TO_AGREE = 6  # requests with something to tell, until two are connected
STEADY = 2.0  # seconds between polls, in a call
QUICK = 0.3  # and while connecting,
JOINING = 8  # as these people do at one time
SECONDS = 20
AT_ONCE = 16  # requests, when the next is sent as soon as one is answered
HOST = "testserver"
TOKEN = "x" * 32
TICKS = os.sysconf("SC_CLK_TCK")
CANDIDATE = {"candidate": {"candidate": "candidate:1 1 udp 1 192.0.2.1 9 typ host"}}


@dataclass
class Page:
    """The page of one person in the room of a call."""

    ref: str
    session: str
    tab: str = field(default_factory=lambda: str(uuid4()))
    seen: int = 0
    other: str = ""
    got: int = 0  # signals of the other

    async def poll(self, port: int, *, telling: bool = False) -> float:
        """Ask once; return how long it took, in seconds."""
        said: dict[str, Any] = {"tab": self.tab, "seen": self.seen, "messages": 0}
        if telling and self.other:
            key = str(uuid4())
            said["signals"] = [{"to": self.other, "key": key, "body": CANDIDATE}]
        body = json.dumps(said)
        began = time.perf_counter()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            f"POST /calls/{self.ref}/room/poll/ HTTP/1.1\r\n"
            f"Host: {HOST}\r\nConnection: close\r\n"
            f"Cookie: sessionid={self.session}; csrftoken={TOKEN}\r\n"
            f"X-CSRFToken: {TOKEN}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        answered = await reader.read()
        took = time.perf_counter() - began
        writer.close()
        head, _empty, content = answered.partition(b"\r\n\r\n")
        if b" 200 " not in head.split(b"\r\n")[0]:
            raise RuntimeError(answered[:400])
        answer = json.loads(content)
        if answer["signals"]:
            self.seen = answer["signals"][-1]["id"]
            self.got += len(answer["signals"])
        self.other = answer["other"]["tab"] if answer["other"] else ""
        return took


def make_calls(count: int) -> list[Page]:
    """Calls of so many trainers that begin now, and who is signed in for them."""
    from django.test import Client  # noqa: PLC0415  once Django is set up
    from django.utils.timezone import now  # noqa: PLC0415

    from tests.factories import BookingFactory, EditionFactory  # noqa: PLC0415
    from tests.signed_in import signed_in_with_a_second_factor  # noqa: PLC0415

    signed_in_with_a_second_factor()
    edition = EditionFactory()
    pages = []
    for _n in range(count):
        call = BookingFactory(enrolment__edition=edition, starts_at=now())
        for user in (call.trainee, call.trainer.user):
            client = Client()
            client.force_login(user)
            pages.append(Page(call.ref, client.cookies["sessionid"].value))
    return pages


@contextmanager
def served() -> Iterator[tuple[int, int]]:
    """Serve as the Procfile says; gives the port and the process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    gunicorn = Path(sys.executable).with_name("gunicorn")
    words = f"lms.wsgi --bind 127.0.0.1:{port} --preload --workers 2 --threads 4"
    server = subprocess.Popen(
        [gunicorn, *words.split(), "--no-control-socket", "--log-level", "warning"],
        stdout=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with socket.socket() as door:
                if door.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield port, server.pid
    finally:
        server.terminate()
        server.wait(20)


def children(pid: int) -> list[int]:
    """A process and all below it."""
    below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in below for each in children(int(child)))]


def spent(pid: int) -> float:
    """The processor's seconds of a process and all that were below it, ended or not."""
    total = 0
    for each in children(pid):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        total += sum(int(ticks) for ticks in fields[11:15])
    return total / TICKS


def database_server() -> int | None:
    """The process of PostgreSQL above the backends; SQLite's work is ours."""
    from django.db import connection  # noqa: PLC0415  once Django is set up

    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = cursor.fetchone()[0]
    stat = Path(f"/proc/{backend}/stat").read_text()
    connection.close()
    return int(stat.rpartition(")")[2].split()[1])


async def every(seconds: float, pages: list[Page], port: int, *, telling: bool) -> Any:
    """Let each page poll every so often, each at another moment; what each took."""
    times: list[float] = []
    start = time.monotonic()

    async def talk(number: int, page: Page) -> None:
        at = start + seconds * number / len(pages)
        while at < start + SECONDS:
            await asyncio.sleep(max(0, at - time.monotonic()))
            times.append(await page.poll(port, telling=telling))
            at = max(at + seconds, time.monotonic())

    await asyncio.gather(*(talk(n, page) for n, page in enumerate(pages)))
    return times


async def joining(pages: list[Page], port: int) -> Any:
    """Let some connect while the others are in a call; what it took those."""
    some, others = pages[:JOINING], pages[JOINING:]
    times, _others = await asyncio.gather(
        every(QUICK, some, port, telling=True),
        every(STEADY, others, port, telling=False),
    )
    return times


async def all_connecting(pages: list[Page], port: int) -> Any:
    """Let all connect at once: each tells, and asks, until it has got what is told it."""
    times: list[float] = []

    async def talk(page: Page) -> None:
        page.got = told = 0
        while page.got < TO_AGREE or told < TO_AGREE:
            times.append(await page.poll(port, telling=told < TO_AGREE))
            told += 1
            await asyncio.sleep(AGREEING)

    await asyncio.gather(*(talk(page) for page in pages))
    return times


async def at_most(pages: list[Page], port: int) -> Any:
    """Send the next as soon as one is answered, so many at once; what each took."""
    times: list[float] = []
    until = time.monotonic() + SECONDS
    lots = [pages[number::AT_ONCE] for number in range(AT_ONCE)]

    async def talk(lot: list[Page]) -> None:
        number = 0
        while time.monotonic() < until:
            times.append(await lot[number % len(lot)].poll(port))
            number += 1

    await asyncio.gather(*(talk(lot) for lot in lots))
    return times


def measure(work: Any, web: int, database: int | None) -> dict[str, float]:
    before = spent(web), spent(database) if database else 0
    began = time.monotonic()
    times = asyncio.run(work)
    seconds = time.monotonic() - began
    return {
        "seconds": seconds,
        "per second": len(times) / seconds,
        "p50": quantiles(times, n=100)[49] * 1000,
        "p95": quantiles(times, n=100)[94] * 1000,
        "web": (spent(web) - before[0]) / seconds * 100,
        "database": ((spent(database) - before[1]) if database else 0) / seconds * 100,
    }


def main() -> dict[str, dict[str, float]]:
    prepare()
    pages, database = make_calls(CALLS), database_server()
    with served() as (port, web):
        for _n in range(2):  # all come in, and see each other
            for page in pages:
                asyncio.run(page.poll(port))
        if not all(page.other for page in pages):
            raise RuntimeError("Not everybody met.")
        return {
            "in a call": measure(
                every(STEADY, pages, port, telling=False), web, database
            ),
            "connecting": measure(joining(pages, port), web, database),
            "all connecting": measure(all_connecting(pages, port), web, database),
            "at most": measure(at_most(pages, port), web, database),
        }


if __name__ == "__main__":
    json.dump(main(), sys.stdout)
