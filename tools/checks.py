"""Run the checks of `make test` or `make check`, two at a time, and say how each went.

One line per step with its seconds; the whole output of a step that failed, and of
pytest its closing line. All steps are run; those that failed are listed at the end.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
TEMPLATES = ["templates"]
LONGEST_STEP_SECONDS = 1200

# Django's own checks need settings that start, and a database of nobody's.
SETTINGS = {"DEBUG": "1", "DATABASE_URL": "sqlite://:memory:"}
POSTGRESQL = {"TEST_DATABASE": "postgresql"}


@dataclass(frozen=True)
class Step:
    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


def pytest(name: str, *arguments: str, **environment: str) -> Step:
    return Step(name, ["pytest", *arguments], environment)


STATIC = [
    Step("ruff format", ["ruff", "format", "--check"]),
    Step("ruff", ["ruff", "check"]),
    Step("imports", ["lint-imports"]),
    Step("djangofmt", ["djangofmt", "--check", *TEMPLATES]),
    Step("djlint", ["djlint", "--quiet", "--lint", *TEMPLATES]),
    Step("django", ["python", "manage.py", "check"], SETTINGS),
    Step(
        "migrations",
        ["python", "manage.py", "makemigrations", "--check", "--dry-run"],
        SETTINGS,
    ),
    Step("mypy", ["mypy"], SETTINGS),
]
LANES = {
    "test": [
        STATIC,
        [
            pytest("tests on SQLite", "--ignore=tests/browser"),
            pytest(
                "constraints and races on PostgreSQL",
                "--ignore=tests/browser",
                "-m",
                "constraints or races",
                **POSTGRESQL,
            ),
            pytest("the journey in a browser", "tests/browser/test_journey.py"),
        ],
    ],
    "check": [
        [pytest("all tests on PostgreSQL", "--ignore=tests/browser", **POSTGRESQL)],
        [pytest("every browser test", "tests/browser")],
    ],
    "format": [
        [
            Step("ruff", ["ruff", "check", "--fix", "--quiet"]),
            Step("ruff format", ["ruff", "format", "--quiet"]),
            Step("djangofmt", ["djangofmt", *TEMPLATES]),
        ]
    ],
}

failed: list[str] = []
running: dict[str, subprocess.Popen[str]] = {}
printing = Lock()


def run_lane(steps: Sequence[Step]) -> None:
    for step in steps:
        run(step)


def run(step: Step) -> None:
    start = time.monotonic()
    process = subprocess.Popen(
        step.command,
        cwd=ROOT,
        env=os.environ
        | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
        | dict(step.environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    running[step.name] = process
    try:
        output, _ = process.communicate(timeout=LONGEST_STEP_SECONDS)
    except subprocess.TimeoutExpired:
        end(process)
        output, _ = process.communicate()
        output += f"\nEnded: it took more than {LONGEST_STEP_SECONDS} seconds.\n"
    running.pop(step.name, None)
    with printing:
        tell(step, process.returncode, output, time.monotonic() - start)


def tell(step: Step, code: int, output: str, seconds: float) -> None:
    print(f"{'ok  ' if code == 0 else 'FAIL'} {seconds:6.1f} s  {step.name}")
    if code:
        failed.append(step.name)
        print(output.rstrip())
    elif step.command[0] == "pytest":
        print(output.rstrip().splitlines()[-1])
    sys.stdout.flush()


def end(process: subprocess.Popen[str]) -> None:
    """End the step with all that it started."""
    try:
        os.killpg(process.pid, signal.SIGTERM)
    except ProcessLookupError:
        return
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)


def end_all(number: int, _frame: object) -> None:
    for process in list(running.values()):
        end(process)
    os._exit(128 + number)


def main(goal: str) -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end_all)
    start = time.monotonic()
    lanes = LANES[goal]
    with ThreadPoolExecutor(max_workers=len(lanes)) as pool:
        list(pool.map(run_lane, lanes))  # a list, so that a mistake of ours is raised
    print(f"make {goal} took {time.monotonic() - start:.0f} s.")
    if failed:
        print(f"Failed: {', '.join(failed)}.", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
