"""What the worker was asked for and has not begun, so that the clock asks once."""

from __future__ import annotations

from typing import Any

from django_tasks.base import Task, TaskResultStatus
from django_tasks_db.models import DBTaskResult


def queued(task: Task[Any, Any]) -> list[list[Any]]:
    """The arguments of each call of a task that waits for a worker; one query."""
    calls = DBTaskResult.objects.filter(
        task_path=task.module_path, status=TaskResultStatus.READY
    )
    return [call["args"] for call in calls.values_list("args_kwargs", flat=True)]
