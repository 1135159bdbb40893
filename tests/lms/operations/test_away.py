"""What is answered by a view that fails for want of the database, of room, or of sense."""

import errno
import sqlite3

import psycopg
import pytest
from django.db import (
    IntegrityError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    transaction,
)
from django.test import RequestFactory

from lms.operations.away import server_error


def sqlite_error(code):
    error = sqlite3.OperationalError("words")
    error.sqlite_errorcode = code
    return error


def by(cause, error=None):
    error = error or OperationalError("words")
    error.__cause__ = cause
    return error


AWAY, FULL, OURS = 503, 507, 500


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (by(psycopg.OperationalError("refused")), AWAY),
        (by(psycopg.errors.AdminShutdown()), AWAY),
        (InterfaceError("the connection is closed"), AWAY),
        (by(sqlite_error(sqlite3.SQLITE_BUSY)), AWAY),
        (by(sqlite_error(sqlite3.SQLITE_CANTOPEN)), AWAY),
        (by(sqlite_error(sqlite3.SQLITE_IOERR_WRITE)), AWAY),
        (by(sqlite_error(sqlite3.SQLITE_FULL)), FULL),
        (by(psycopg.errors.DiskFull()), FULL),
        (OSError(errno.ENOSPC, "No space left on device"), FULL),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), FULL),
        (by(sqlite_error(sqlite3.SQLITE_ERROR)), OURS),  # no such table
        (by(None, ProgrammingError("words")), OURS),
        (by(None, IntegrityError("words")), OURS),
        (OSError(errno.ENOENT, "No such file"), OURS),
        (LookupError("words"), OURS),
    ],
)
def test_a_fault_is_told_by_its_kind(error, status):
    answer = told(error)

    assert answer.status_code == status
    assert ("Retry-After" in answer) == (status != OURS)
    assert "not your doing" in answer.text
    assert "words" not in answer.text


def test_what_an_error_came_from_counts():
    def fail():
        try:
            raise by(sqlite_error(sqlite3.SQLITE_FULL))
        except OperationalError:
            raise transaction.TransactionManagementError from None

    with pytest.raises(transaction.TransactionManagementError) as raised:
        fail()

    assert told(raised.value).status_code == FULL


def told(error):
    """The page that Django asks for while it handles the error."""
    try:
        raise error
    except type(error):
        return server_error(RequestFactory().get("/"))
