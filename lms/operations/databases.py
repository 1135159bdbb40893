"""The database as one file, taken while it is used, and brought back from it.

SQLite copies itself by its own online backup, `pg_dump` reads PostgreSQL: both at one
moment, and nobody who writes meanwhile waits.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import psycopg
from django.db import OperationalError, connection
from psycopg import sql
from psycopg.conninfo import make_conninfo

from lms.operations.archive import Trouble

_TIMEOUT_SECONDS = 60
_SERVERS = Path("/usr/lib/postgresql")


class Snapshot(NamedTuple):
    """What a copy holds: rows by table, the migrations of each app."""

    rows: dict[str, int]
    migrations: dict[str, list[str]]


def engine() -> str:
    return connection.vendor


def snapshot(target: Path) -> Snapshot:
    """Copy the database as it is at one moment into a file that is there and empty."""
    if connection.vendor == "sqlite":
        return _copy_sqlite(target)
    return _dump_postgresql(target)


def is_empty() -> bool:
    """Whether there is no database yet, or one without any table."""
    if connection.vendor == "sqlite":
        path = _sqlite_path()
        return not path.exists() or path.stat().st_size == 0
    with _postgresql() as server:
        (found,) = _row(
            server,
            sql.SQL(
                "SELECT count(*) FROM pg_class c JOIN pg_namespace n"
                " ON n.oid = relnamespace WHERE relkind IN ('r', 'p', 'v', 'm', 'S')"
                " AND nspname !~ '^pg_' AND nspname <> 'information_schema'"
            ),
        )
    return bool(found == 0)


def require_same(source: Path, wanted: Snapshot) -> None:
    """Raise Trouble unless a copy of SQLite is whole and holds what it should."""
    with closing(sqlite3.connect(source)) as copy:
        faults = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if faults != "ok":
            raise Trouble(f"The copy of the database is damaged: {faults}")
        if _of_sqlite(copy) != wanted:
            raise Trouble("The copy of the database holds something else.")


def put_back(source: Path, wanted: Snapshot) -> None:
    """Make the file the database, all at once. Raises Trouble, and nothing is there."""
    connection.close()
    if connection.vendor == "sqlite":
        _put_sqlite(source)
    else:
        _load_postgresql(source, wanted)


# --- SQLite ------------------------------------------------------------------------


def _sqlite_path() -> Path:
    return Path(connection.settings_dict["NAME"])


def _copy_sqlite(target: Path) -> Snapshot:
    path = _sqlite_path()
    if not path.exists():
        raise Trouble(f"There is no database: {path} is not there.")
    address = f"file:{quote(str(path))}?mode=ro"
    try:
        with (
            closing(
                sqlite3.connect(address, uri=True, timeout=_TIMEOUT_SECONDS)
            ) as live,
            closing(sqlite3.connect(target)) as copy,
        ):
            live.backup(copy)  # in one step: one moment, however much is written
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, none beside it
            faults = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
            found = _of_sqlite(copy)
    except sqlite3.Error as error:
        raise Trouble(f"The database cannot be copied: {error}.") from None
    if faults != "ok":
        raise Trouble(
            f"The database is damaged, and no backup was made: {faults}. Bring back the "
            "last good backup."
        )
    return found


def _of_sqlite(copy: sqlite3.Connection) -> Snapshot:
    names = [
        name
        for (name,) in copy.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table'"
            " AND name NOT LIKE 'sqlite@_%' ESCAPE '@' ORDER BY name"
        )
    ]
    rows = {
        name: copy.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]  # noqa: S608  its own tables
        for name in names
    }
    return Snapshot(rows, _migrations(copy) if "django_migrations" in rows else {})


def _put_sqlite(source: Path) -> None:
    path = _sqlite_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.restoring")
    shutil.move(source, beside)  # it may lie on another disk
    for leftover in ("-wal", "-shm"):  # of the empty one
        path.with_name(path.name + leftover).unlink(missing_ok=True)
    synced(beside)
    beside.replace(path)
    synced(path.parent)


def synced(path: Path) -> None:
    """Wait until a file, or what a folder lists, lies on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# --- PostgreSQL --------------------------------------------------------------------


@contextmanager
def _postgresql() -> Iterator[psycopg.Connection[Any]]:
    """A connection of our own to the database that the settings name."""
    try:
        server = psycopg.connect(**connection.get_connection_params())
    except (psycopg.Error, OperationalError) as error:
        raise Trouble(f"The database does not answer: {error}") from None
    with closing(server):
        yield server


def _row(
    server: psycopg.Connection[Any], asked: sql.SQL | sql.Composed
) -> tuple[Any, ...]:
    """The one row that this question is answered with."""
    return tuple(server.execute(asked).fetchone() or ())


def _dump_postgresql(target: Path) -> Snapshot:
    with _postgresql() as server:
        server.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        server.read_only = True
        (moment,) = _row(server, sql.SQL("SELECT pg_export_snapshot()"))
        _run(
            server,
            "pg_dump",
            f"--snapshot={moment}",
            "--format=custom",
            "--compress=1",  # as every release reads it: gzip:1 came with 16
            "--no-owner",
            "--no-privileges",
            f"--file={target}",
        )
        return _of_postgresql(server)


def _of_postgresql(server: psycopg.Connection[Any]) -> Snapshot:
    tables = server.execute(
        "SELECT schemaname, tablename FROM pg_tables WHERE schemaname !~ '^pg_'"
        " AND schemaname <> 'information_schema' ORDER BY 1, 2"
    ).fetchall()
    rows = {}
    for schema, name in tables:
        count = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, name))
        (rows[name if schema == "public" else f"{schema}.{name}"],) = _row(
            server, count
        )
    return Snapshot(rows, _migrations(server) if "django_migrations" in rows else {})


def _load_postgresql(source: Path, wanted: Snapshot) -> None:
    with _postgresql() as server:
        _run(
            server,
            "pg_restore",
            "--single-transaction",
            "--exit-on-error",
            "--no-owner",
            "--no-privileges",
            f"--dbname={_address(server)}",
            str(source),
        )
        if _of_postgresql(server) != wanted:
            raise Trouble(
                "The database was brought back, and does not hold what the backup says: "
                "somebody wrote into it. Empty it, and begin again."
            )
        server.rollback()
        server.autocommit = True
        server.execute("ANALYZE")


def _run(server: psycopg.Connection[Any], program: str, *words: str) -> None:
    """Run one of PostgreSQL's own programs against the server we are connected to."""
    info = server.info
    path = _client(program, info.server_version // 10_000)
    if program == "pg_dump":
        words = (*words, f"--dbname={_address(server)}")
    done = subprocess.run(  # noqa: S603  what is run is found by us
        [path, "--no-password", *words],
        env=os.environ | {"PGPASSWORD": info.password},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["it says nothing"]
        raise Trouble(f"{program} failed: {' '.join(said[:4])}")


def _address(server: psycopg.Connection[Any]) -> str:
    """How we are connected, in words that older programs know too: no password."""
    words = server.info.get_parameters()
    if (
        words.get("sslcertmode") == "allow"
    ):  # our own library says so of itself, from 16
        del words["sslcertmode"]
    return make_conninfo(**words)


def _client(program: str, server: int) -> str:
    """The program of the server's version, or else of the next one after it."""
    found: dict[int, str] = {}
    folders = [*os.get_exec_path(), *map(str, _SERVERS.glob("*/bin"))]
    for path in filter(None, (shutil.which(program, path=each) for each in folders)):
        done = subprocess.run(  # noqa: S603  as above
            [path, "--version"], capture_output=True, text=True, check=False
        )
        if version := re.search(r"(\d+)\.\d+", done.stdout):
            found.setdefault(int(version[1]), path)
    if fitting := [version for version in found if version >= server]:
        return found[min(fitting)]
    here = f" ({max(found)} is here)" if found else ""
    raise Trouble(
        f"{program} of PostgreSQL {server} or newer is needed{here}: "
        f"apt-get install postgresql-client-{server}"
    )


def _migrations(database: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    asked = "SELECT app, name FROM django_migrations ORDER BY app, name"
    for app, name in database.execute(asked).fetchall():
        found.setdefault(app, []).append(name)
    return found
