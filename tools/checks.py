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
LONGEST_STEP_SECONDS = 3000  # it hangs

# Django's own checks need settings that start, and a database of nobody's.
SETTINGS = {"DEBUG": "1", "DATABASE_URL": "sqlite://:memory:"}
SQLITE = {"TEST_DATABASE": "sqlite", "DATABASE_URL": ""}
POSTGRESQL = {"TEST_DATABASE": "postgresql"}


@dataclass(frozen=True)
class Step:
    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


def pytest(name: str, environment: Mapping[str, str], *arguments: str) -> Step:
    return Step(name, ["pytest", *arguments], environment)


STATIC = [
    Step("ruff format", ["ruff", "format", "--check"]),
    Step("ruff", ["ruff", "check"]),
    Step("imports", ["lint-imports"]),
    Step("djangofmt", ["djangofmt", "--check", "templates"]),
    Step("djlint", ["djlint", "--quiet", "--lint", "templates"]),
    Step("django", ["python", "manage.py", "check"], SETTINGS),
    Step(
        "migrations",
        ["python", "manage.py", "makemigrations", "--check", "--dry-run"],
        SETTINGS,
    ),
    Step("mypy", ["mypy"], SETTINGS),
]
# Each begins with one half: what a file's tests share is made once. Who has no more
# takes of the other's.
BY_TWO = ["-n", "2", "--dist", "worksteal"]
RACES = ["-m", "constraints or races"]
CACHE = ("tests/lms/test_shared_cache.py", "tests/lms/test_limits.py")
JOURNEY = "tests/browser/test_journey.py"
LANES = {
    "test": [
        [pytest("tests on SQLite", SQLITE, *BY_TWO)],
        [
            *STATIC,
            pytest("constraints and races on PostgreSQL", POSTGRESQL, *RACES),
            pytest("the journey in a browser", SQLITE, JOURNEY),
        ],
    ],
    # But for what `make test` has run on PostgreSQL and in a browser. What waits more
    # than it works is beside what works on both cores, and is done before the other
    # browsers come, which a cut network would stop.
    "check": [
        [
            pytest(
                "the other tests on PostgreSQL",
                POSTGRESQL,
                *BY_TWO,
                "-m",
                "not (constraints or races)",
            ),
            pytest(
                "the other browser tests",
                SQLITE,
                "tests/browser",
                f"--ignore={JOURNEY}",
                *("-m", "not (networks or firefox)"),
                *BY_TWO,
            ),
        ],
        [
            pytest("a cut network", SQLITE, "tests/browser", "-m", "networks"),
            pytest("the cache in Redis", SQLITE | {"TEST_CACHE": "redis"}, *CACHE),
            pytest(
                "the drill, PostgreSQL away, two machines",
                POSTGRESQL,
                "tests/operations/test_drill.py",
                "tests/operations/test_database_away.py",
                "tests/operations/test_machines.py",
            ),
            pytest("operations, with real processes", SQLITE, "tests/operations"),
        ],
    ],
    "format": [
        [
            Step("ruff", ["ruff", "check", "--fix", "--quiet"]),
            Step("ruff format", ["ruff", "format", "--quiet"]),
            Step("djangofmt", ["djangofmt", "templates"]),
        ]
    ],
}

running: set[subprocess.Popen[str]] = set()
printing = Lock()


def run_lanes(lanes: Sequence[Sequence[Step]]) -> list[str]:
    """Run the lanes beside each other; return the names of the steps that failed."""
    with ThreadPoolExecutor(max_workers=len(lanes)) as pool:
        return [name for failed in pool.map(run_lane, lanes) for name in failed]


def run_lane(steps: Sequence[Step]) -> list[str]:
    return [step.name for step in steps if not passes(step)]


def passes(step: Step) -> bool:
    start = time.monotonic()
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.Popen(
        step.command,
        cwd=ROOT,
        env=os.environ | {"PATH": path} | dict(step.environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    running.add(process)
    try:
        output, _ = process.communicate(timeout=LONGEST_STEP_SECONDS)
    except subprocess.TimeoutExpired:
        end(process)
        output, _ = process.communicate()
        output += f"\nEnded: it took more than {LONGEST_STEP_SECONDS} seconds.\n"
    running.discard(process)
    with printing:
        tell(step, process.returncode, output, time.monotonic() - start)
    return process.returncode == 0


def tell(step: Step, code: int, output: str, seconds: float) -> None:
    print(f"{'FAIL' if code else 'ok  '} {seconds:6.1f} s  {step.name}")
    if code and output:
        print(output.rstrip())
    elif not code and step.command[0] == "pytest":
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
    for process in list(running):
        end(process)
    os._exit(128 + number)


def main(goal: str) -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end_all)
    start = time.monotonic()
    failed = run_lanes(LANES[goal])
    print(f"make {goal} took {time.monotonic() - start:.0f} s.", flush=True)
    if failed:
        print(f"Failed: {', '.join(failed)}.", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
