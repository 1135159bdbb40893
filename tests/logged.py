"""Every page that changes a record of ours writes into the log, or this tells it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.test import Client

# What the log has to know of: people, what they learn, their calls, their proofs.
WATCHED = {
    "account_emailaddress",
    "certificates_certificate",
    "courses_edition",
    "courses_enrolment",
    "courses_evidence",
    "courses_moreattempts",
    "courses_programmerequest",
    "mfa_authenticator",
    "people_approval",
    "people_invitation",
    "people_member",
    "people_namecorrection",
    "people_reseller",
    "people_teammembership",
    "people_user",
    "training_sessions_booking",
    "training_sessions_bookingtopic",
    "training_sessions_trainer",
}
# The tests in which this is watched.
LOGGED_PAGES = {
    "test_access.py",
    "test_book_views.py",
    "test_call_changes.py",
    "test_changing.py",
    "test_logged.py",
    "test_membership.py",
    "test_requests.py",
    "test_staff_views.py",
    "test_trainer_views.py",
}
_WRITE = re.compile(r'(INSERT INTO|UPDATE|DELETE FROM) "(\w+)"')
# That somebody signed in again, and how often a passkey was used, change nothing.
_NO_CHANGE = re.compile(
    r'UPDATE "people_user" SET "last_login" = \S+ WHERE'
    r'|UPDATE "mfa_authenticator" SET .*"last_used_at"'
)


@contextmanager
def watched_pages() -> Iterator[None]:
    """Fail on a page that answers well, changed a record, and logged nothing."""
    ask = Client.request

    def watched(client: Client, **request: Any) -> Any:
        written: set[str] = set()

        def watch(execute: Any, sql: Any, *args: Any) -> Any:
            if (match := _WRITE.match(str(sql))) and not _NO_CHANGE.match(str(sql)):
                written.add(match[2])
            return execute(sql, *args)

        with connection.execute_wrapper(watch):
            response = ask(client, **request)
        changed = written & WATCHED
        if changed and "audit_event" not in written and response.status_code < 400:
            method, path = request["REQUEST_METHOD"], request["PATH_INFO"]
            raise AssertionError(f"{method} {path} wrote {changed}, and no event.")
        return response

    Client.request = watched  # type: ignore[method-assign]
    try:
        yield
    finally:
        Client.request = ask  # type: ignore[method-assign]
