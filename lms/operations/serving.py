"""What gunicorn does besides serving (`--config python:lms.operations.serving`)."""

from __future__ import annotations

import ctypes
import os
import shutil
import tempfile
from typing import Any

from gunicorn.glogging import Logger as OfGunicorn  # type: ignore[import-untyped]

from lms.operations import lines

_hearts: list[Any] = []

# Its processes count requests in files of one folder, which goes with them. Said before
# anything of the counting is loaded.
if os.environ.get("METRICS_TOKEN") or os.environ.get("METRICS_TOKEN_FILE"):
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="lms-metrics-")


class Logger(OfGunicorn):
    """Gunicorn's own lines, written as ours are."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.addFilter(lines.OfGunicorn())
            if os.environ.get("LOG_FORMAT") == "json":
                handler.setFormatter(lines.Json())


logger_class = Logger


def post_worker_init(worker: Any) -> None:
    """Each process that serves beats for itself, once it is ready to."""
    from lms.operations import noticing  # noqa: PLC0415  # settings are read by now
    from lms.operations.heartbeats import WEB, Heart  # noqa: PLC0415  # as above
    from lms.operations.holding import hold_database  # noqa: PLC0415  # as above

    hold_database()
    heart = Heart(WEB)
    heart.keep_beating(noticing.look, give_back)
    _hearts.append(heart)


def give_back() -> None:
    """Give the system what is free of the C library's memory.

    It keeps what one thread has freed for that thread; what SQLite and the templates
    took and gave back would lie there in pieces, some megabytes more each minute.
    Does nothing where the C library is not glibc (`malloc_trim(3)`).
    """
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)


def worker_exit(server: Any, worker: Any) -> None:
    for heart in _hearts:
        heart.stop()


def on_exit(server: Any) -> None:
    if folder := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        shutil.rmtree(folder, ignore_errors=True)
