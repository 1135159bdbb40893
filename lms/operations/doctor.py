"""A look at every part of the installation, each with its own time limit."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from math import inf
from queue import Empty, SimpleQueue
from threading import Thread

from django.db import Error, connections
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lms.operations import backup, database, keeping, mailing, outside, processes
from lms.operations.findings import Finding, Level, age, bad, first_line

logger = logging.getLogger(__name__)
LIMIT = timedelta(seconds=10)
PATIENCE = timedelta(seconds=2)  # with one question, where the caller waits for it


@dataclass(frozen=True)
class Check:
    """A look at one part, not waited for longer than `limit`."""

    key: str
    title: str | Promise
    look: Callable[[], Finding]
    limit: timedelta = LIMIT
    is_outside: bool = False  # asks no database


@dataclass(frozen=True)
class Result:
    """What a look found."""

    check: Check
    finding: Finding


CHECKS = [
    Check("database", gettext_lazy("Database"), database.look_at_database),
    Check("migrations", gettext_lazy("Migrations"), database.look_at_migrations),
    Check("cache", gettext_lazy("Cache"), keeping.look_at_cache),
    Check("storage", gettext_lazy("Files"), keeping.look_at_storage, is_outside=True),
    Check("disk", gettext_lazy("Disk"), keeping.look_at_disk),
    Check("keys", gettext_lazy("Keys"), keeping.look_at_keys),
    Check("backup", gettext_lazy("Backup"), backup.look_at_backup, is_outside=True),
    Check("time", gettext_lazy("Time"), keeping.look_at_time),
    Check("web", gettext_lazy("Web"), processes.look_at_web),
    Check("worker", gettext_lazy("Worker"), processes.look_at_worker),
    Check("clock", gettext_lazy("Clock"), processes.look_at_clock),
    Check("work", gettext_lazy("Waiting work"), processes.look_at_pending),
    Check("certificates", gettext_lazy("Certificates"), mailing.look_at_certificates),
    Check("mail", gettext_lazy("Mail"), mailing.look_at_mail),
    Check(
        "mail_server",
        gettext_lazy("Mail server"),
        outside.look_at_mail_server,
        is_outside=True,
    ),
    Check("round_trip", gettext_lazy("Mail arrives"), mailing.look_at_round_trip),
    Check(
        "address",
        gettext_lazy("Public address"),
        outside.look_at_address,
        is_outside=True,
    ),
    Check("relay", gettext_lazy("Relay"), outside.look_at_relay, is_outside=True),
]


def examine(
    checks: Iterable[Check] = CHECKS, *, own_lane: bool = False
) -> list[Result]:
    """Look at all parts; who does not answer in time is said to hang.

    What asks the database takes its turn on one connection, what looks outside waits
    for nobody: all of it together takes no longer than the longest limit. With
    `own_lane` the connection is the caller's, where PostgreSQL itself ends what takes
    it too long.
    """
    checks = list(checks)
    start = time.monotonic()
    answers = {check.key: SimpleQueue[Finding]() for check in checks}
    asking = [check for check in checks if not check.is_outside]
    lanes = [[check] for check in checks if check.is_outside]
    for lane in lanes if own_lane else [*lanes, asking]:
        Thread(target=_look_apart, args=(lane, answers), daemon=True).start()
    if own_lane:
        _look(asking, answers, until=start + LIMIT.total_seconds(), held_by=_patience)
    return [Result(check, _wait(check, answers[check.key], start)) for check in checks]


def worst(results: Iterable[Result]) -> Level:
    return max((result.finding.level for result in results), default=Level.OK)


def _look_apart(lane: list[Check], answers: dict[str, SimpleQueue[Finding]]) -> None:
    try:
        _look(lane, answers)
    finally:
        connections.close_all()


def _patience() -> AbstractContextManager[None]:
    return database.given_up_after(PATIENCE)


def _look(
    lane: list[Check],
    answers: dict[str, SimpleQueue[Finding]],
    *,
    until: float = inf,
    held_by: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> None:
    """Look at one after the other, each in such a context, and begin none after that."""
    for check in lane:
        if time.monotonic() < until:
            answers[check.key].put(_found(check, held_by))


def _found(
    check: Check, held_by: Callable[[], AbstractContextManager[None]]
) -> Finding:
    try:
        with held_by():
            return check.look()
    except Error as error:
        return bad(
            _("It cannot be told: the database says %r.") % first_line(error),
            _("See to the database and its migrations first."),
        )
    except Exception as error:  # of whatever kind: it is what was found
        logger.warning("Looking at %s failed", check.key, exc_info=True)
        return bad(
            _("This could not be looked at: %s.") % type(error).__name__,
            _("Read the log of this process."),
        )


def _wait(check: Check, answer: SimpleQueue[Finding], start: float) -> Finding:
    left = start + check.limit.total_seconds() - time.monotonic()
    try:
        return answer.get(timeout=max(0, left))
    except Empty:
        return bad(
            _("No answer within %s.") % age(check.limit),
            _("It hangs: see to it, or to the network between."),
        )
