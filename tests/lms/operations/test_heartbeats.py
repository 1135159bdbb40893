from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.management import call_command
from django_tasks_db.models import DBTaskResult

from lms.operations.heartbeats import (
    CLOCK,
    FORGOTTEN_AFTER,
    PROVEN_EVERY,
    SILENT_AFTER,
    WORKER,
    Heart,
    ask_for_proof,
    forget_gone,
    living,
)
from lms.operations.models import Heartbeat
from lms.operations.tasks import prove

AT = datetime(2027, 3, 1, 9, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def beat_of(host, pid=1, name=WORKER, at=AT, worked_at=None):
    return Heartbeat.objects.create(
        name=name, host=host, pid=pid, started_at=AT, at=at, worked_at=worked_at
    )


def test_a_process_keeps_one_row_however_often_it_beats():
    heart = Heart(WORKER)
    with time_machine.travel(AT, tick=False):
        assert heart.beat()
    with time_machine.travel(AT + timedelta(seconds=30), tick=False):
        assert heart.beat()

    beat = Heartbeat.objects.get()
    assert (beat.host, beat.pid) == (heart.host, heart.pid)
    assert beat.at == AT + timedelta(seconds=30)
    assert 0 < beat.disk_free < beat.disk_size


def test_a_process_that_ends_as_asked_leaves_no_row_but_the_others():
    heart = Heart(WORKER)
    heart.beat()
    other = beat_of("another-machine")

    heart.stop()

    assert list(Heartbeat.objects.all()) == [other]


@pytest.mark.parametrize("name", [WORKER, CLOCK])
def test_a_process_lives_until_it_is_silent_for_too_long(name):
    first, second = beat_of("one", name=name), beat_of("two", name=name)
    beat_of("three", name="else")

    almost = AT + SILENT_AFTER[name] - timedelta(microseconds=1)
    assert living(name, almost) == [first, second]
    assert living(name, AT + SILENT_AFTER[name]) == []


def test_the_gone_are_forgotten_after_a_day():
    beat_of("gone")
    there = beat_of("there", at=AT + timedelta(microseconds=1))

    with time_machine.travel(AT + FORGOTTEN_AFTER, tick=False):
        forget_gone()

    assert list(Heartbeat.objects.all()) == [there]


def asked():
    return DBTaskResult.objects.filter(task_path=prove.module_path).count()


def test_an_idle_worker_is_asked_to_show_that_it_works_once():
    beat_of("idle", worked_at=AT)
    with time_machine.travel(AT + PROVEN_EVERY - timedelta(seconds=1), tick=False):
        ask_for_proof()
    assert asked() == 0

    with time_machine.travel(AT + PROVEN_EVERY, tick=False):
        ask_for_proof()
        ask_for_proof()

    assert asked() == 1


@pytest.mark.django_db(transaction=True)
def test_the_worker_beats_and_tells_when_it_ended_a_piece_of_work(monkeypatch):
    monkeypatch.setattr(Heart, "stop", Heart.beat)  # the row stays, to be looked at
    prove.enqueue()

    call_command("worker", "--batch", "--no-startup-delay", verbosity=0)

    beat = Heartbeat.objects.get()
    assert beat.name == WORKER
    assert beat.worked_at >= DBTaskResult.objects.get().finished_at
