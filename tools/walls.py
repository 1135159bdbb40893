"""Take each wall away, one at a time, and see whether a test notices (`make audit`).

A wall is a call of `visible_to`, `managed_by` or `of_people` in the house: taken away,
every row comes through. Each test runs as it always does, and is heard: which walls
does it pass? Then it runs again for each of these that nobody has missed yet, with that
one wall gone, and misses it if it fails now. What the second wall alone would notice,
which reads the code and asks nothing, does not count.

    python tools/walls.py [tests …] [--only sessions/views.py:30 …] [--jobs 2]
"""

import argparse
import ast
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, wraps
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ["lms", "content", "courses", "sessions", "certificates"]
WALLS = {"visible_to", "managed_by", "of_people"}
FOLDER = "WALLS_FOLDER"  # where the processes that test write what they found
ONLY = "WALLS_ONLY"


@dataclass(frozen=True)
class Wall:
    """One call, from the line of its name to its last."""

    path: str
    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.path}:{self.first}"


@cache
def walls() -> list[Wall]:
    """All of them, or those of the files and lines asked for."""
    only = set(os.environ.get(ONLY, "").split())
    found = [
        wall
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*.py"))
        for wall in walls_in(path.read_text(), str(path.relative_to(ROOT)))
    ]
    return [wall for wall in found if not only or {wall.path, str(wall)} & only]


def walls_in(source: str, path: str) -> Iterator[Wall]:
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(attr=name)) if name in WALLS:
                first, last = node.func.end_lineno, node.end_lineno
                yield Wall(path, first or 0, last or 0)  # always known


@cache
def wall_at(path: str, line: int) -> Wall | None:
    there = [each for each in walls() if each.path == path]
    return next((each for each in there if each.first <= line <= each.last), None)


# --- As a plugin of pytest -------------------------------------------------------------


@dataclass
class Walking:
    """What the test that runs has passed, and the wall that is gone while it does."""

    passed: set[Wall]
    gone: Wall | None = None


now = Walking(set())
missed: dict[Wall, str] = {}  # by which test
ever_passed: set[Wall] = set()


def pytest_collection_finish(session: Any) -> None:
    """Listen at every wall there is."""
    from django.apps import apps  # noqa: PLC0415  set up by now

    for model in apps.get_models():
        for kind in type(model._default_manager.all()).__mro__:
            for name in WALLS & vars(kind).keys():
                if not hasattr(vars(kind)[name], "listens"):
                    setattr(kind, name, listening(vars(kind)[name]))


def listening(wall: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(wall)
    def heard(rows: Any, *args: Any, **more: Any) -> Any:
        frame = sys._getframe(1)
        while "/django/" in frame.f_code.co_filename and frame.f_back:
            frame = frame.f_back  # a manager hands on
        file = Path(frame.f_code.co_filename)
        if file.is_relative_to(ROOT):
            here = wall_at(str(file.relative_to(ROOT)), frame.f_lineno)
            if here and here == now.gone:
                return rows.all()
            if here:
                now.passed.add(here)
        return wall(rows, *args, **more)

    heard.listens = True  # type: ignore[attr-defined]  # so that none listens twice
    return heard


class Staying:
    """Stands for the next test while a test goes on: what its module made is kept."""

    def __init__(self, item: Any) -> None:
        self.item = item

    def listchain(self) -> list[Any]:
        return self.item.listchain()[:-1]  # type: ignore[no-any-return]


def pytest_runtest_protocol(item: Any, nextitem: Any) -> bool:
    """Run a test; then again without each wall that it has passed and nobody missed."""
    from _pytest.runner import runtestprotocol  # noqa: PLC0415  in pytest alone

    now.passed, now.gone = set(), None
    staying: Any = Staying(item)
    reports = runtestprotocol(item, nextitem=staying)
    ever_passed.update(now.passed)
    if not any(report.failed or report.skipped for report in reports):
        for wall in now.passed - missed.keys():
            now.gone = wall
            item._initrequest()
            again = runtestprotocol(item, nextitem=staying, log=False)
            if any(report.failed for report in again):
                missed[wall] = item.nodeid
        now.gone = None
    item.session._setupstate.teardown_exact(nextitem)
    return True


def pytest_sessionfinish(session: Any) -> None:
    if folder := os.environ.get(FOLDER):
        found = {
            "missed": {str(wall): test for wall, test in missed.items()},
            "passed": [str(wall) for wall in ever_passed],
        }
        (Path(folder) / f"{os.getpid()}.json").write_text(json.dumps(found))


# --- As a program ----------------------------------------------------------------------


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tests", nargs="*", help="all, if none is named")
    parser.add_argument("--only", nargs="*", default=[], help="path, or path:line")
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    os.environ[ONLY] = " ".join(asked.only)
    began = time.monotonic()
    missed_by: dict[str, str] = {}
    passed: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
                *("-p", "tools.walls", "-n", str(asked.jobs), *asked.tests),
            ],
            cwd=ROOT,
            env=os.environ | {FOLDER: folder},
            check=False,
        )
        for part in Path(folder).glob("*.json"):
            found = json.loads(part.read_text())
            missed_by |= found["missed"]
            passed |= set(found["passed"])
    for wall in walls():
        said = "NOBODY NOTICES" if str(wall) in passed else "NO TEST PASSES IT"
        print(f"{wall}  {missed_by.get(str(wall), said)}")
    left = sum(str(wall) not in missed_by for wall in walls())
    print(
        f"\n{len(walls())} walls taken away in {time.monotonic() - began:.0f} s: "
        f"{len(walls()) - left} are missed, {left} are not."
    )
    return 1 if left or done.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
