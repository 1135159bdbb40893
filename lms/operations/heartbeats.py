"""Every process says that it lives: one row each, written every half minute.

A beat is of the process alone. That a worker works is shown by what it ended last: the
clock asks for a small piece of work where nothing else was done for a while.
"""

from __future__ import annotations

import logging
import os
import shutil
import socket
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import Error, connection
from django.utils.timezone import now

from lms.jobs import queued
from lms.operations.models import Heartbeat
from lms.operations.tasks import prove

logger = logging.getLogger(__name__)

WEB, WORKER, CLOCK = "web", "worker", "clock"
EVERY = timedelta(seconds=30)
SILENT_AFTER = {  # a round of the clock may take its time
    WEB: timedelta(minutes=2),
    WORKER: timedelta(minutes=2),
    CLOCK: timedelta(minutes=5),
}
FORGOTTEN_AFTER = timedelta(days=1)
PROVEN_EVERY = timedelta(minutes=4)


class Heart:
    """What beats for this process, until it is stopped."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.host = socket.gethostname()[:100]
        self.pid = os.getpid()
        self.started_at = now()
        self.worked_at: datetime | None = None
        self._ended = threading.Event()

    def beat(self) -> bool:
        """Write that this process lives; False where that could not be written."""
        free, size = disk_here()
        try:
            Heartbeat.objects.update_or_create(
                name=self.name,
                host=self.host,
                pid=self.pid,
                defaults={
                    "started_at": self.started_at,
                    "at": now(),
                    "worked_at": self.worked_at,
                    "disk_free": free,
                    "disk_size": size,
                },
            )
        except Error as error:  # the database is away, or busy for too long
            logger.warning("No heartbeat was written: %s", type(error).__name__)
            return False
        return True

    def keep_beating(self, *then: Callable[[], object]) -> None:
        """Beat from now on beside what the process does; `then` is done after each."""
        threading.Thread(
            target=self._go_on, args=then, name="heart", daemon=True
        ).start()

    def _go_on(self, *then: Callable[[], object]) -> None:
        while not self._ended.is_set():
            self.beat()
            for act in then:
                act()
            connection.close()  # none is held for what is asked twice a minute
            self._ended.wait(EVERY.total_seconds())

    def stop(self) -> None:
        """Take the row away: this process ends as it was asked to."""
        self._ended.set()
        try:
            Heartbeat.objects.filter(
                name=self.name, host=self.host, pid=self.pid
            ).delete()
        except Error:  # then it is forgotten in a day
            connection.close()


def disk_here() -> tuple[int, int]:
    """Free and whole size in bytes of the disk that the data lie on; 0 unknown."""
    try:
        usage = shutil.disk_usage(settings.DATA_DIR)
    except OSError:
        return 0, 0
    return usage.free, usage.total


def living(name: str, at: datetime) -> list[Heartbeat]:
    """The processes of a kind that have beaten lately; one query."""
    return list(Heartbeat.objects.filter(name=name, at__gt=at - SILENT_AFTER[name]))


def forget_gone() -> None:
    """Forget the processes that have been silent for a day."""
    Heartbeat.objects.filter(at__lte=now() - FORGOTTEN_AFTER).delete()


def ask_for_proof() -> None:
    """Ask for a small piece of work where no worker has ended one lately."""
    lately = now() - PROVEN_EVERY
    if Heartbeat.objects.filter(worked_at__gt=lately).exists():
        return
    if not queued(prove):
        prove.enqueue()
