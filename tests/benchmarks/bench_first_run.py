"""From a fresh clone to a served page, with one command.

The clone is of the last commit. What pip and uv keep from earlier is put aside;
Debian's packages are not taken away: where they are here already, so says the name.
"""

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes.util import find_library
from pathlib import Path
from urllib.request import urlopen

from tests.benchmarks.figures import Figure

ROOT = Path(__file__).resolve().parent.parent.parent
SETTINGS = {
    "DATABASE_URL",
    "DATA_DIR",
    "DEBUG",
    "DEMO",
    "PUBLIC_URL",
    "SECRET_KEY",
    "VIRTUAL_ENV",
}
LONGEST_WAIT_SECONDS = 300


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for_page(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + LONGEST_WAIT_SECONDS
    while time.monotonic() < end:
        try:
            with urlopen(f"http://127.0.0.1:{port}/", timeout=30):
                return
        except OSError:
            if process.poll() is not None:
                raise RuntimeError("make run ended before it served a page") from None
            time.sleep(0.05)
    raise TimeoutError("make run served no page")


@contextmanager
def _seconds_to_page(clone: Path, caches: Path) -> Iterator[float]:
    """Run `make run` in the clone and give the seconds until its first page."""
    port = _free_port()
    environment = {k: v for k, v in os.environ.items() if k not in SETTINGS}
    environment |= {
        "PORT": str(port),
        "UV_CACHE_DIR": str(caches),
        "PIP_NO_CACHE_DIR": "1",
    }
    start = time.monotonic()
    process = subprocess.Popen(
        ["make", "run"], cwd=clone, env=environment, stdout=subprocess.DEVNULL
    )
    try:
        _wait_for_page(port, process)
        yield time.monotonic() - start
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def bench_first_run() -> Iterator[Figure]:
    here = find_library("harfbuzz-subset") is not None
    aside = "system packages already here" if here else "system packages included"
    with tempfile.TemporaryDirectory() as folder:
        clone, caches = Path(folder) / "clone", Path(folder) / "caches"
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        with _seconds_to_page(clone, caches) as seconds:
            yield Figure(f"first run to a served page ({aside})", seconds, "s", 60)
        with _seconds_to_page(clone, caches) as seconds:
            yield Figure("second run to a served page", seconds, "s", 10)
