"""What the doctor says of the processes and of the work that waits."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django_tasks_db.models import DBTaskResult

from lms.jobs import end_dead
from lms.operations.findings import Level
from lms.operations.heartbeats import CLOCK, SILENT_AFTER, WEB, WORKER
from lms.operations.models import ClockJob, Heartbeat
from lms.operations.processes import (
    LONGEST_PROOF,
    LONGEST_WAIT,
    MANY_TRIES,
    cut_short,
    look_at_clock,
    look_at_pending,
    look_at_web,
    look_at_worker,
)
from lms.operations.tasks import prove

AT = datetime(2027, 3, 1, 9, tzinfo=UTC)
LOOKS = {WEB: look_at_web, WORKER: look_at_worker, CLOCK: look_at_clock}

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock():
    with time_machine.travel(AT, tick=False) as traveller:
        yield traveller


def beat_of(name, host="here", worked_at=None):
    Heartbeat.objects.create(
        name=name, host=host, pid=1, started_at=AT, at=AT, worked_at=worked_at
    )


@pytest.mark.parametrize("name", LOOKS)
def test_a_process_that_never_was_is_told(name, clock):
    found = LOOKS[name]()

    assert found.level is Level.BAD
    assert found.step


@pytest.mark.parametrize("name", LOOKS)
def test_a_process_gone_silent_is_told_with_its_last_sign_of_life(name, clock):
    beat_of(name, worked_at=AT)
    assert LOOKS[name]().level is Level.OK

    clock.shift(SILENT_AFTER[name])

    found = LOOKS[name]()
    assert found.level is Level.BAD
    minutes = SILENT_AFTER[name].seconds // 60
    assert found.words.endswith(f"The last sign of life was {minutes} minutes ago.")


def test_two_machines_are_counted_in_one_query(clock, django_assert_num_queries):
    beat_of(WORKER, "one", worked_at=AT - timedelta(seconds=50))
    beat_of(WORKER, "two", worked_at=AT - timedelta(seconds=5))

    with django_assert_num_queries(1):
        found = look_at_worker()

    assert found.words == "2 workers live; the last piece of work ended 5 seconds ago."


def test_a_worker_that_lives_and_does_nothing_is_told(clock):
    beat_of(WORKER, worked_at=AT)
    clock.shift(LONGEST_PROOF)
    Heartbeat.objects.update(at=AT + LONGEST_PROOF)
    assert look_at_worker().level is Level.OK

    clock.shift(timedelta(seconds=1))

    assert look_at_worker().level is Level.WARN


def test_a_worker_that_has_just_begun_is_well_until_it_should_have_worked(clock):
    Heartbeat.objects.create(  # of one that was killed
        name=WORKER,
        host="gone",
        pid=1,
        started_at=AT - timedelta(days=1),
        at=AT - timedelta(hours=1),
        worked_at=AT - timedelta(hours=1),
    )
    beat_of(WORKER)
    assert look_at_worker().level is Level.OK

    clock.shift(LONGEST_PROOF)
    Heartbeat.objects.filter(host="here").update(at=AT + LONGEST_PROOF)
    assert look_at_worker().level is Level.OK
    clock.shift(timedelta(seconds=1))

    assert look_at_worker().level is Level.WARN


def test_work_that_waits_is_well_for_five_minutes_then_told(clock):
    assert look_at_pending().words == "No work waits."
    prove.enqueue()
    clock.shift(LONGEST_WAIT)
    assert look_at_pending().level is Level.OK

    clock.shift(timedelta(seconds=1))

    found = look_at_pending()
    assert found.level is Level.BAD
    assert found.words == "1 piece of work has waited for 5 minutes."


def test_work_that_waits_while_a_worker_is_at_it_is_no_fault(clock):
    prove.enqueue()
    clock.shift(LONGEST_WAIT + timedelta(minutes=1))
    beat_of(WORKER, worked_at=AT + timedelta(minutes=2))

    assert look_at_pending().level is Level.WARN


def test_work_for_later_and_work_that_is_done_do_not_wait(clock):
    prove.using(run_after=AT + timedelta(hours=1)).enqueue()
    prove.enqueue()
    DBTaskResult.objects.filter(run_after__gt=AT + timedelta(days=365)).update(
        status="SUCCESSFUL"
    )
    clock.shift(timedelta(minutes=59))
    assert look_at_pending().words == "No work waits."

    clock.shift(timedelta(minutes=3))

    assert look_at_pending().words == "1 piece of work has waited for 2 minutes."


def begun(at):
    """A piece of work that somebody began then, and has not ended."""
    prove.enqueue()
    DBTaskResult.objects.filter(status="READY").update(status="RUNNING", started_at=at)


def test_what_a_worker_is_at_is_no_fault(clock):
    Heartbeat.objects.create(
        name=WORKER, host="here", pid=1, started_at=AT - timedelta(hours=1), at=AT
    )
    begun(AT - timedelta(minutes=30))

    assert look_at_pending().words == "No work waits."


def test_what_a_worker_died_in_is_told_until_it_is_noted_as_failed(clock):
    beat_of(WORKER)  # which began only now
    begun(AT - timedelta(minutes=30))

    found = look_at_pending()
    assert found.level is Level.WARN
    assert found.words == (
        "No work waits. 1 piece of work was begun 30 minutes ago by a worker that died "
        "in it."
    )

    clock.shift(timedelta(minutes=30))
    assert end_dead() == 1
    assert look_at_pending().words == "No work waits."


def test_what_is_begun_beside_what_all_workers_are_at_was_cut(clock):
    Heartbeat.objects.create(
        name=WORKER, host="here", pid=1, started_at=AT - timedelta(days=1), at=AT
    )
    for minutes in (40, 30, 20):
        begun(AT - timedelta(minutes=minutes))

    assert cut_short(AT) == [AT - timedelta(minutes=40), AT - timedelta(minutes=30)]


def test_a_job_of_the_clocks_that_fails_is_named(clock):
    beat_of(CLOCK)
    ClockJob.objects.create(name="courses.renewing.carry_on", done_at=AT)
    assert look_at_clock().level is Level.OK

    ClockJob.objects.update(tries=1, error="LookupError")
    found = look_at_clock()
    assert found.level is Level.WARN
    assert found.words.endswith(
        "1 of its jobs fails: courses.renewing.carry_on (LookupError, tries: 1)."
    )

    ClockJob.objects.update(tries=MANY_TRIES)
    assert look_at_clock().level is Level.BAD
