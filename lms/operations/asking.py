"""Work that is asked for carries the number of the request that asked for it."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

from django.db.models.signals import pre_save
from django_tasks.signals import task_finished, task_started
from django_tasks.utils import normalize_json
from django_tasks_db.backend import DatabaseBackend
from django_tasks_db.models import DBTaskResult

from lms.audit.whence import caused_by, whence
from lms.operations.lines import told

logger = logging.getLogger("lms.work")
KEY = "request"  # beside the arguments, in the row


class JobsBackend(DatabaseBackend):
    """Keep with a piece of work by which request it was asked for."""

    def _task_to_db_task(
        self, task: Any, args: Any, kwargs: Any
    ) -> DBTaskResult[Any, Any]:
        given = {"args": args, "kwargs": kwargs}
        if request := whence().request:
            given[KEY] = request
        return DBTaskResult.objects.create(
            id=self._get_id(),
            args_kwargs=normalize_json(given),
            priority=task.priority,
            task_path=task.module_path,
            queue_name=task.queue_name,
            run_after=task.run_after,
            backend_name=self.alias,
        )


def keep_no_words(instance: DBTaskResult[Any, Any], **kwargs: Any) -> None:
    """Of work that failed keep kinds and places: an error's words may be on people."""
    error = sys.exception()
    if error is not None and instance.traceback:
        instance.traceback = "\n".join(told(error))


class Work:
    """In a worker: each piece of work has its cause, and a line in the log."""

    def __init__(self) -> None:
        self._start = 0.0

    def begin(self, task_result: Any, **kwargs: Any) -> None:
        self._start = time.perf_counter()
        caused_by(task_result.db_result.args_kwargs.get(KEY, ""))

    def end(self, task_result: Any, **kwargs: Any) -> None:
        facts = {
            "work": task_result.task.module_path,
            "id": str(task_result.id),
            "status": task_result.status.lower(),
            "ms": round((time.perf_counter() - self._start) * 1000),
        }
        logger.info("%(work)s %(status)s, %(ms)s ms", facts, extra={"facts": facts})
        caused_by("")

    def watch(self) -> None:
        task_started.connect(self.begin)
        task_finished.connect(self.end)
        pre_save.connect(keep_no_words, sender=DBTaskResult)

    def leave(self) -> None:
        task_started.disconnect(self.begin)
        task_finished.disconnect(self.end)
        pre_save.disconnect(keep_no_words, sender=DBTaskResult)
