"""Take each wall away, one at a time, and see whether a test notices (`make audit`).

A wall is a call of `visible_to`, `managed_by` or `of_people` in the house: taken away,
every row comes through. First all tests run once, to learn which of them pass which
wall (kept in `.cache/walls.json`; `--learn` does it anew, after changes). Then, in a
copy of the house, each wall goes in turn, and the tests that pass it run until one
fails, the walls' own after the room's. What the second wall alone notices, which reads
the code and asks nothing, is told apart.

    python tools/walls.py [--learn] [--only sessions/views.py:30 …] [--jobs 2]
"""

import argparse
import ast
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from queue import Queue
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ["lms", "content", "courses", "sessions", "certificates"]
WALLS = {"visible_to", "managed_by", "of_people"}
KEPT = ROOT / ".cache" / "walls.json"
SECOND = "tests/test_second_wall.py"
# Those of the whole house are asked after those of a room.
WHOLE = "tests/test_"
LONGEST_SECONDS = 600
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]


@dataclass(frozen=True)
class Wall:
    """One call: where it is, and what it leaves to be read without it."""

    path: str
    first: int  # the line of its name
    last: int
    start: int  # in bytes
    end: int

    def __str__(self) -> str:
        return f"{self.path}:{self.first}"


def walls() -> Iterator[Wall]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            yield from walls_in(path.read_text(), str(path.relative_to(ROOT)))


def walls_in(source: str, path: str) -> Iterator[Wall]:
    """The calls in one module, in their order."""
    lines = [0]
    for line in source.encode().splitlines(keepends=True):
        lines.append(lines[-1] + len(line))
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(value=rows, attr=name)) if name in WALLS:
                (name_at, _end), (last, end) = (
                    place(lines, node.func),
                    place(lines, node),
                )
                found.append(Wall(path, name_at, last, place(lines, rows)[1], end))
    return iter(sorted(found, key=lambda wall: wall.start))


def place(lines: list[int], node: ast.expr) -> tuple[int, int]:
    """Where an expression ends: the line, and how many bytes stand before."""
    line, column = node.end_lineno or 0, node.end_col_offset or 0  # always known
    return line, lines[line - 1] + column


def without(source: str, wall: Wall) -> str:
    """The module with every row coming through."""
    text = source.encode()
    return (text[: wall.start] + b".all()" + text[wall.end :]).decode()


# --- Learning which test passes which wall: as a plugin of pytest -----------------------

PASSED: dict[str, set[str]] = {}


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
    def heard(*args: Any, **more: Any) -> Any:
        frame = sys._getframe(1)
        while "/django/" in frame.f_code.co_filename and frame.f_back:
            frame = frame.f_back  # a manager hands on
        file = Path(frame.f_code.co_filename)
        test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
        if test and file.is_relative_to(ROOT):
            at = f"{file.relative_to(ROOT)}:{frame.f_lineno}"
            PASSED.setdefault(at, set()).add(test)
        return wall(*args, **more)

    heard.listens = True  # type: ignore[attr-defined]  # so that none listens twice
    return heard


SECONDS: dict[str, float] = {}


def pytest_runtest_logreport(report: Any) -> None:
    SECONDS[report.nodeid] = SECONDS.get(report.nodeid, 0) + report.duration


def pytest_sessionfinish(session: Any) -> None:
    if folder := os.environ.get("WALLS_FOLDER"):
        kept = {at: {test: SECONDS[test] for test in PASSED[at]} for at in PASSED}
        (Path(folder) / f"{os.getpid()}.json").write_text(json.dumps(kept))


def learn(tests: list[str], jobs: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [*PYTEST, "-n", str(jobs), "-p", "tools.walls", *tests],
            cwd=ROOT,
            env=os.environ | {"WALLS_FOLDER": folder},
            check=False,
        )
        kept: dict[str, dict[str, float]] = {}
        for part in Path(folder).glob("*.json"):
            for at, found in json.loads(part.read_text()).items():
                kept.setdefault(at, {}).update(found)
    KEPT.write_text(json.dumps(kept, indent=1, sort_keys=True))


# --- Taking away -----------------------------------------------------------------------


def tests_at(wall: Wall, kept: dict[str, dict[str, float]]) -> list[str]:
    """The tests that pass a wall: those of its room first, the quicker ones first."""
    seconds: dict[str, float] = {}
    for line in range(wall.first, wall.last + 1):
        seconds |= kept.get(f"{wall.path}:{line}", {})
    return sorted(
        seconds,
        key=lambda test: (
            test.startswith(WHOLE),
            not test.startswith(own_test(wall)),
            seconds[test],
        ),
    )


def own_test(wall: Wall) -> str:
    """`tests/people/test_views.py` is of `lms/people/views.py`."""
    parts = Path(wall.path.removeprefix("lms/")).with_suffix("").parts
    return f"tests/{parts[0]}/test_{parts[-1]}.py"


def copy_of_the_house(folder: Path) -> Path:
    files = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in files.stdout.splitlines():
        if (ROOT / name).is_file() and not (ROOT / name).is_symlink():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    for name in (".venv", ".cache"):
        (folder / name).symlink_to((ROOT / name).resolve())
    return folder


def fails(house: Path, tests: list[str]) -> str:
    """The first test to fail; empty if none does."""
    names = house / "walls-tests.txt"
    names.write_text("\n".join(tests))
    try:
        done = subprocess.run(
            [*PYTEST, "-x", "--tb=no", f"@{names}"],
            cwd=house,
            capture_output=True,
            text=True,
            timeout=LONGEST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return ""
    if done.returncode == 0:
        return ""
    failed = [x for x in done.stdout.splitlines() if x.startswith(("FAILED", "ERROR"))]
    if not failed:
        raise SystemExit(f"The tests did not run:\n{done.stdout}{done.stderr}")
    return failed[0].split()[1]


def notice(house: Path, wall: Wall, kept: dict[str, dict[str, float]]) -> str:
    """The test that notices when a wall is gone; empty if none does."""
    path = house / wall.path
    whole = path.read_text()
    path.write_text(without(whole, wall))
    try:
        tests = tests_at(wall, kept)
        return (tests and fails(house, tests)) or fails(house, [SECOND])
    finally:
        path.write_text(whole)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--learn", action="store_true", help="run all tests first")
    parser.add_argument("--only", nargs="*", default=[], help="path, or path:line")
    parser.add_argument("--tests", nargs="*", default=[], help="to learn from")
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    if asked.learn or not KEPT.exists():
        learn(asked.tests, asked.jobs)
    kept = json.loads(KEPT.read_text())
    chosen = [
        wall
        for wall in walls()
        if not asked.only or {wall.path, str(wall)} & set(asked.only)
    ]
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        houses: Queue[Path] = Queue()
        for number in range(asked.jobs):
            (Path(folder) / str(number)).mkdir()
            houses.put(copy_of_the_house(Path(folder) / str(number)))

        def take_away(wall: Wall) -> tuple[Wall, str]:
            house = houses.get()
            try:
                failed = notice(house, wall, kept)
            finally:
                houses.put(house)
            print(f"{wall}  {failed or 'NOBODY NOTICES'}", flush=True)
            return wall, failed

        with ThreadPoolExecutor(asked.jobs) as pool:
            noticed = dict(pool.map(take_away, chosen))
    return report(noticed, time.monotonic() - began)


def report(noticed: dict[Wall, str], seconds: float) -> int:
    code_alone = [wall for wall, by in noticed.items() if by.startswith(SECOND)]
    nobody = [wall for wall, by in noticed.items() if not by]
    print(
        f"\n{len(noticed)} walls taken away in {seconds:.0f} s: "
        f"{len(noticed) - len(code_alone) - len(nobody)} are missed by who asks, "
        f"{len(code_alone)} by who reads the code alone, {len(nobody)} by nobody."
    )
    for title, found in (("Code alone", code_alone), ("Nobody", nobody)):
        for wall in found:
            print(f"{title}: {wall}")
    return 1 if nobody else 0


if __name__ == "__main__":
    sys.exit(main())
