"""The clock: what has waited too long is asked for again; all safe to repeat."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Event, Thread

from django.core.management import call_command
from django.db import Error, IntegrityError, connection, transaction
from django.utils.timezone import now

from certificates import auditing, expiring, sampling, statements
from certificates.issuing import end_superseded
from certificates.preparing import enqueue_pending, enqueue_waiting
from content.versions import put_up_missing
from courses import due_notices, renewing
from courses.enrolling import follow_the_calendar
from courses.leaving import UNDO_FOR
from courses.rollout import carry_on
from lms import jobs
from lms.audit import chain
from lms.dashboards import digest
from lms.dashboards.models import Beat
from lms.mail.outbox import enqueue_due
from lms.operations import heartbeats, keeping
from lms.operations.chores import Chores, Job
from lms.people import at_rest, ending, invite_lists, sign_ins
from lms.privacy import retention
from sessions.absence import see_to_closed_accounts, withdraw_not_held
from sessions.asking import reopen_unanswered
from sessions.cancelling import cancel_run_out
from sessions.covered import end_covered
from sessions.earlier import offer_freed
from sessions.left import free_left
from sessions.load import tell_of_missing_times
from sessions.outside import enqueue_stale
from sessions.presence import end_silent, forget_signals
from sessions.unsigned import remind_unsigned, tell_left_unsigned

logger = logging.getLogger(__name__)
EVERY = timedelta(seconds=20)
EVERY_HOUR = timedelta(hours=1)
EVERY_DAY = timedelta(days=1)
TURN = "clock"  # the row that says who goes round


def _end_superseded_lately() -> None:
    end_superseded(out_since=now() - EVERY_DAY)


def _prune() -> None:
    call_command("prune_db_task_results", "--backend", "jobs", verbosity=0)


def _end_covered_soon() -> None:
    """What ends later the hourly round looks at, long before it begins."""
    end_covered(ends_before=now() + 4 * EVERY_HOUR)


def _free_left_lately() -> None:
    """Whose day is not over, or was a moment ago: the hourly round looks at all."""
    free_left(withdrawn_since=now() - UNDO_FOR - 2 * EVERY_HOUR)


EACH_ROUND: tuple[Job, ...] = (
    enqueue_due,
    ending.end_with_resellers,
    enqueue_pending,
    _end_superseded_lately,
    auditing.carry_on,
    statements.carry_on,
    sampling.carry_on,
    carry_on,
    cancel_run_out,
    _end_covered_soon,
    _free_left_lately,
    see_to_closed_accounts,
    withdraw_not_held,
    reopen_unanswered,
    offer_freed,
    remind_unsigned,
    tell_left_unsigned,
    invite_lists.carry_on,
    enqueue_stale,
    end_silent,
    forget_signals,
    chain.carry_on,
    heartbeats.ask_for_proof,
    _prune,
)
EACH_HOUR: tuple[Job, ...] = (
    ending.end_subsidiaries,
    ending.end_planned,
    ending.tell_of_ends,
    follow_the_calendar,
    renewing.carry_on,
    due_notices.carry_on,
    digest.carry_on,
    expiring.carry_on,
    end_superseded,
    put_up_missing,
    enqueue_waiting,
    end_covered,
    free_left,
    tell_of_missing_times,
    invite_lists.prune,
    heartbeats.forget_gone,
    jobs.end_dead,
)
EACH_DAY: tuple[Job, ...] = (
    chain.note_newest,
    retention.apply,
    sign_ins.forget_old,
    at_rest.encrypt_anew,
    keeping.note_disks,
)


def tick() -> bool:
    """Do one round, unless another clock just did; tell whether it was done.

    What each hour and each day asks is due until it was done to its end. What one job
    fails with keeps none of the others from being done: all that failed is raised at
    the end, together.
    """
    if not _is_my_turn():
        return False
    at, chores = now(), Chores()
    failures = []
    for every, asked in (
        (timedelta(), EACH_ROUND),
        (EVERY_HOUR, EACH_HOUR),
        (EVERY_DAY, EACH_DAY),
    ):
        for job in asked:
            if chores.is_due(job, every, at):
                failures += _failure_of(job, every, at, chores)
    if failures:
        raise ExceptionGroup("Parts of the clock's round failed", failures)
    return True


def _failure_of(
    job: Job, every: timedelta, at: datetime, chores: Chores
) -> list[Exception]:
    """Do it, and write down how it went; what it failed with, if it did."""
    try:
        job()
    except Exception as error:  # noqa: BLE001  raised by whoever asked, with the others
        chores.note_failed(job, every, at, error)
        return [error]
    chores.note_done(job, every, at)
    return []


def _is_my_turn() -> bool:
    """Take the row for this round: of two clocks one gets it."""
    at = now()
    if Beat.objects.filter(name=TURN, at__lte=at - EVERY).update(at=at):
        return True
    try:
        with transaction.atomic():
            return Beat.objects.get_or_create(name=TURN, defaults={"at": at})[1]
    except IntegrityError:  # the other clock made the row
        return False


@contextmanager
def turn_kept() -> Iterator[None]:
    """Keep the turn for as long as a round takes; a clock that is killed loses it."""
    is_over = Event()
    keeper = Thread(target=_keep_turn, args=(is_over,), daemon=True)
    keeper.start()
    try:
        yield
    finally:
        is_over.set()
        keeper.join()


def _keep_turn(is_over: Event) -> None:
    while not is_over.wait(EVERY.total_seconds() / 2):
        try:
            Beat.objects.filter(name=TURN).update(at=now())
        except Error as error:  # away, or busy: another clock may go beside this one
            logger.warning("The turn was not kept: %s", type(error).__name__)
        finally:
            connection.close()
