"""What the worker was asked for: what it has not begun, and what it did not live to end.

Whatever is asked for can be asked for again, and the clock does: none of it depends on
the row of one call.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils.timezone import now
from django_tasks.base import Task, TaskResultStatus
from django_tasks_db.models import DBTaskResult

DEAD_AFTER = timedelta(hours=1)  # longer than anything the worker does at once


def queued(task: Task[Any, Any]) -> list[list[Any]]:
    """The arguments of each call of a task that waits for a worker; one query."""
    calls = DBTaskResult.objects.filter(
        task_path=task.module_path, status=TaskResultStatus.READY
    )
    return [call["args"] for call in calls.values_list("args_kwargs", flat=True)]


def end_dead() -> int:
    """Note of calls that a worker was killed in that they failed; return how many.

    They would be running for ever else, and never be pruned. Who still runs one says
    afterwards how it ended.
    """
    dead = DBTaskResult.objects.filter(
        status=TaskResultStatus.RUNNING, started_at__lte=now() - DEAD_AFTER
    )
    return dead.update(status=TaskResultStatus.FAILED, finished_at=now())
