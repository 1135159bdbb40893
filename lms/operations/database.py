"""The database: whether it answers, what it promises, whether it fits this code."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import Error, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.utils.translation import gettext as _

from lms.operations.findings import Finding, bad, first_line, good, warn

_MILLISECOND = timedelta(milliseconds=1)
FEWEST_FREE_CONNECTIONS = 10
_SYNCHRONOUS = {0: "OFF", 1: "NORMAL", 2: "FULL", 3: "EXTRA"}


@contextmanager
def given_up_after(length: timedelta) -> Iterator[None]:
    """Hold a transaction in which PostgreSQL ends each question that takes it longer.

    It cannot outlive that, whoever gets the connection next. In SQLite's file who reads
    waits for nobody.
    """
    if connection.vendor == "sqlite":
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = {length // _MILLISECOND}")
        yield


def look_at_database() -> Finding:
    """Whether it answers, and keeps what it has acknowledged."""
    start = time.perf_counter()
    try:
        _ask("SELECT 1")
        milliseconds = max(1, round((time.perf_counter() - start) * 1000))
        if connection.vendor == "sqlite":
            return _look_at_sqlite(milliseconds)
        return _look_at_postgresql(milliseconds)
    except Error as error:
        return bad(
            _("The database does not answer (%s).") % first_line(error),
            _("Start it, and compare DATABASE_URL with where it is."),
        )


def _look_at_sqlite(milliseconds: int) -> Finding:
    version = _ask("SELECT sqlite_version()")
    journal = str(_ask("PRAGMA journal_mode")).upper()
    synchronous = _SYNCHRONOUS[int(_ask("PRAGMA synchronous"))]
    words = _(
        "SQLite %(version)s answers in %(milliseconds)s ms, journal %(journal)s, "
        "synchronous %(synchronous)s."
    ) % {
        "version": version,
        "milliseconds": milliseconds,
        "journal": journal,
        "synchronous": synchronous,
    }
    if journal not in ("WAL", "MEMORY") or synchronous not in ("FULL", "EXTRA"):
        return bad(
            words,
            _(
                "It must be WAL and FULL, or a power cut may lose what was "
                "acknowledged: is the folder on a disk of this machine?"
            ),
        )
    return good(words)


def _look_at_postgresql(milliseconds: int) -> Finding:
    version = _ask("SHOW server_version")
    most = int(_ask("SHOW max_connections"))
    kept = int(_ask("SHOW superuser_reserved_connections"))
    used = int(_ask("SELECT count(*) FROM pg_stat_activity WHERE datname IS NOT NULL"))
    synchronous, fsync = _ask("SHOW synchronous_commit"), _ask("SHOW fsync")
    free = most - kept - used
    words = _(
        "PostgreSQL %(version)s answers in %(milliseconds)s ms, synchronous_commit "
        "%(synchronous)s; %(free)s of its %(most)s connections are free."
    ) % {
        "version": version,
        "milliseconds": milliseconds,
        "synchronous": synchronous,
        "free": free,
        "most": most,
    }
    if synchronous == "off" or fsync == "off":
        return bad(
            words,
            _(
                "synchronous_commit and fsync must be on, or a power cut may lose "
                "what was acknowledged."
            ),
        )
    if free < FEWEST_FREE_CONNECTIONS:
        return warn(
            words, _("Raise max_connections, or put a pooler in front (pgbouncer).")
        )
    return good(words)


def look_at_migrations() -> Finding:
    """Whether the tables are those that this code was written for."""
    executor = MigrationExecutor(connection)
    missing = unapplied(executor)
    if missing:
        return bad(
            _("%(count)s migrations are not applied, the first is %(name)s.")
            % {"count": len(missing), "name": missing[0]},
            _("Back up, then run “manage.py migrate”."),
        )
    unknown = _not_of_this_code(executor)
    if unknown:
        return warn(
            _(
                "All migrations are applied, and %(count)s that this code does not "
                "know, such as %(name)s."
            )
            % {"count": len(unknown), "name": unknown[0]},
            _("This process runs an older version than the database: restart it."),
        )
    return good(_("All migrations are applied."))


def unapplied(executor: MigrationExecutor | None = None) -> list[str]:
    """The migrations of this code that the database lacks, in order."""
    executor = executor or MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _back in plan]


def _not_of_this_code(executor: MigrationExecutor) -> list[str]:
    """Applied migrations of the apps of this code that are not in it."""
    on_disk = executor.loader.disk_migrations or {}
    known = set(on_disk)
    for migration in on_disk.values():
        known |= set(migration.replaces)
    apps = {app for app, _name in known}
    applied = set(executor.loader.applied_migrations or {})
    return sorted(f"{app}.{name}" for app, name in applied - known if app in apps)


def _ask(question: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(question)
        return str(cursor.fetchone()[0])
