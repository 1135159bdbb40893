from datetime import timedelta

from django.utils.timezone import now
from django_tasks.base import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from lms.jobs import DEAD_AFTER, end_dead, queued
from lms.mail.tasks import deliver_due


def call_begun(ago):
    deliver_due.enqueue()
    call = DBTaskResult.objects.get(status=TaskResultStatus.READY)
    call.claim("somebody")
    DBTaskResult.objects.filter(pk=call.pk).update(started_at=now() - ago)
    return call


def test_a_call_whose_worker_died_has_failed_after_an_hour(db):
    dead = call_begun(DEAD_AFTER)
    running = call_begun(DEAD_AFTER - timedelta(minutes=1))
    deliver_due.enqueue()

    assert [end_dead(), end_dead()] == [1, 0]

    dead.refresh_from_db()
    running.refresh_from_db()
    assert (dead.status, running.status) == ("FAILED", "RUNNING")
    assert dead.finished_at
    assert queued(deliver_due) == [[]]


def test_a_call_that_took_longer_says_so_itself(db):
    slow = call_begun(DEAD_AFTER)
    end_dead()

    slow.set_successful(None)

    assert DBTaskResult.objects.get().status == "SUCCESSFUL"
