"""One connection to SQLite's file, held for as long as a process lives.

The last that is closed takes the files beside it along (the log of what was written, and
its index). On a full disk nobody could make them again, and so nobody could read.
"""

from __future__ import annotations

import sqlite3

from django.db import connection

_held: list[sqlite3.Connection] = []


def hold_database() -> None:
    """Hold SQLite's file open from now on; nothing on PostgreSQL."""
    if connection.vendor != "sqlite":
        return
    path = connection.settings_dict["NAME"]
    held = sqlite3.connect(path, check_same_thread=False)
    held.execute("SELECT count(*) FROM sqlite_master").fetchone()  # opens them all
    _held.append(held)
