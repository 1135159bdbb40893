"""`manage.py worker`: does what is asked for, and says that it lives."""

from argparse import ArgumentParser
from typing import Any

from django.utils.timezone import now
from django_tasks.signals import task_finished
from django_tasks_db.management.commands import db_worker

from lms.operations.asking import Work
from lms.operations.heartbeats import WORKER, Heart


class Command(db_worker.Command):
    help = "Do what is asked for, one piece of work after the other, until ended."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(
            backend_name="jobs", queue_name="*", interval=1, reload=False
        )

    def configure_logging(self, verbosity: int) -> None:
        """The settings say what is logged: one line for each piece of work."""

    def handle(self, *args: Any, **options: Any) -> None:
        heart, work = Heart(WORKER), Work()

        def note(**kwargs: Any) -> None:
            is_first, heart.worked_at = heart.worked_at is None, now()
            if is_first:  # the others are told by the next beat
                heart.beat()

        task_finished.connect(note)
        work.watch()
        heart.keep_beating()
        try:
            super().handle(*args, **options)
        finally:
            task_finished.disconnect(note)
            work.leave()
            heart.stop()
