"""A house backed up and brought back: `python -m tests.benchmarks.losing 10000 EMPTY`.

Fills the database that the environment names with so many people, and gives each of
their certificates a file of its own, as large as a true one. Then runs the commands as
somebody types them; EMPTY is the address of the database to bring it back to, or
nothing for SQLite. Prints, as JSON, each command's seconds and the most memory it took.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path
from random import Random

from tests.benchmarks.company import fill
from tests.benchmarks.rush import prepare

FILE_BYTES = 58_000  # of a certificate


def main(people: int, empty: str) -> dict[str, float]:
    prepare()
    home = Path(os.environ["DATA_DIR"])
    fill(people, Files(home / "private"))
    file = home / "kept.tar"
    found = _timed("backup", "backup", "--to", str(file))
    found |= _timed("check", "backup", "--check", str(file))
    new = home / "new"
    os.environ |= {"DATA_DIR": str(new), "DATABASE_URL": empty}
    found |= _timed("restore", "restore", str(file))
    return found | {"megabytes": file.stat().st_size / 1e6}


class Files:
    """Stores a file of a true one's size for each certificate, under its digest."""

    def __init__(self, root: Path) -> None:
        self.root, self.chance = root, Random(1)

    def __call__(self, serial: str) -> tuple[str, str]:
        content = self.chance.randbytes(FILE_BYTES)
        digest = sha256(content).hexdigest()
        name = f"certificates/{serial}/{digest}.pdf"
        path = self.root / name
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        return name, digest


def _timed(name: str, *words: str) -> dict[str, float]:
    """Run a command of manage.py; its seconds, and the most megabytes it held."""
    start, most = time.monotonic(), 0
    process = subprocess.Popen([sys.executable, "manage.py", *words], stdout=sys.stderr)
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        # What the kernel adds up for who ended counts our own memory, before it began.
        if found := re.search(r"VmHWM:\s+(\d+)", status.read_text()):
            most = max(most, int(found[1]))
        time.sleep(0.01)
    if process.returncode:
        raise SystemExit(f"{words} ended with {process.returncode}.")
    return {name: time.monotonic() - start, f"{name} memory": most / 1024}


if __name__ == "__main__":
    json.dump(main(int(sys.argv[1]), sys.argv[2]), sys.stdout)
