"""What is answered while the database is away, or while no room is left on a disk."""

from __future__ import annotations

import errno
import sqlite3
import sys
from collections.abc import Iterator

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views import defaults

from lms.operations.heartbeats import disk_here

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
_LEAST_ROOM = 2**20  # bytes
_DISK_FULL = "53100"  # PostgreSQL's word for it
_AGAIN_AFTER_SECONDS = "60"


def server_error(request: HttpRequest) -> HttpResponse:
    """Say in words why this cannot be done just now; of any other fault, that it is ours.

    Django asks for this page while it handles the error. Nothing is looked up for it.
    """
    causes = list(_causes(sys.exc_info()[1]))
    if any(_is_full(cause) for cause in causes):
        return _told("507.html", 507)
    if any(_is_away(cause) for cause in causes):
        return _told("away.html", 503)
    return defaults.server_error(request)


def _told(template: str, status: int) -> HttpResponse:
    response = render(None, template, status=status)
    response["Retry-After"] = _AGAIN_AFTER_SECONDS
    return response


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and what it came from."""
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _is_full(error: BaseException) -> bool:
    if isinstance(error, sqlite3.Error):
        code = _sqlite_code(error)
        # Beside a full disk it cannot make its own small files: that it calls otherwise.
        return code == sqlite3.SQLITE_FULL or (
            code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN) and _no_room_here()
        )
    if isinstance(error, OSError):
        return error.errno in _NO_ROOM
    return getattr(error, "sqlstate", None) == _DISK_FULL


def _no_room_here() -> bool:
    free, size = disk_here()
    return size > 0 and free < _LEAST_ROOM


def _is_away(error: BaseException) -> bool:
    """Whether the database could not be reached, or could not answer in time.

    SQLite calls a table that is missing an "operational" error as well: that is ours.
    """
    if isinstance(error, InterfaceError):
        return True
    cause = error.__cause__
    return isinstance(error, OperationalError) and not (
        isinstance(cause, sqlite3.Error) and _sqlite_code(cause) == sqlite3.SQLITE_ERROR
    )


def _sqlite_code(error: sqlite3.Error) -> int:
    """SQLite's primary code, without what it says more."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
