"""`make bench`: run every `bench_*` function of every `bench_*.py` in this folder.

Each yields Figures. They find Django set up as in production (DEBUG off), asked as
http://testserver, on an SQLite database of their own with the demo's people in it.
Names after the command choose the files: `python -m tests.benchmarks first_run`.
"""

import importlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import django
from django.core.management import call_command

from tests.benchmarks.figures import Figure
from tests.signed_in import signed_in_with_a_second_factor

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def set_up(data: Path) -> None:
    """Make a seeded house in the folder `data` and set Django up for it."""
    os.environ.pop("DATABASE_URL", None)
    os.environ.update(
        DATA_DIR=str(data),
        PUBLIC_URL="http://testserver",
        SECRET_KEY="only for benchmarks, " * 3,
    )
    subprocess.run(
        [sys.executable, ROOT / "tools" / "prepare.py"],
        env=os.environ | {"DEBUG": "1", "DEMO": "1"},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    os.environ.update(
        DEBUG="0", DEMO="0", REHEARSAL="1", DJANGO_SETTINGS_MODULE="lms.settings"
    )
    django.setup()
    signed_in_with_a_second_factor()
    call_command("collectstatic", verbosity=0, interactive=False)
    importlib.import_module("lms.wsgi")  # as gunicorn loads it


def benchmarks(only: list[str]) -> Iterator[Callable[[], Iterator[Figure]]]:
    for path in sorted(HERE.glob("bench_*.py")):
        if not only or path.stem.removeprefix("bench_") in only:
            module = importlib.import_module(f"tests.benchmarks.{path.stem}")
            for name, value in vars(module).items():
                if name.startswith("bench_"):
                    yield value


def main(only: list[str]) -> int:
    over = 0
    with tempfile.TemporaryDirectory() as data:
        set_up(Path(data))
        for benchmark in benchmarks(only):
            for figure in benchmark():
                print(figure, flush=True)
                over += figure.is_over
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
