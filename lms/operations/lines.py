"""How a line of the log is written: as text, or as JSON for programs.

What an error says is left out, since it may quote what somebody typed: where it arose
and of which kind it was is told. Nothing here needs Django, so that gunicorn writes its
own lines so too.
"""

from __future__ import annotations

import json
import logging
import re
import traceback
from datetime import UTC, datetime
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent.parent
_FRAMES = 12  # the last so many, of each error
_ADDRESS = re.compile(r"(?<=ip=)\S+?(?=:?(?:\s|$))")


class Text(logging.Formatter):
    """A line for people; with `whole`, errors in full, for trying out alone."""

    def __init__(self, *, whole: bool = False) -> None:
        super().__init__()
        self.whole = whole

    def format(self, record: logging.LogRecord) -> str:
        line = f"{record.levelname} {record.name}: {record.getMessage()}"
        if request := getattr(record, "request_id", ""):
            line += f" [{request}]"
        if record.exc_info and record.exc_info[1]:
            if self.whole:
                return f"{line}\n{self.formatException(record.exc_info)}"
            line += "".join(f"\n  {each}" for each in told(record.exc_info[1]))
        return line


class Json(logging.Formatter):
    """One JSON object for each line."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(
                timespec="milliseconds"
            ),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "process": getattr(record, "system", "") or record.name.partition(".")[0],
            "pid": record.process,
        }
        if request := getattr(record, "request_id", ""):
            line["request"] = request
        line |= getattr(record, "facts", {})
        if record.exc_info and record.exc_info[1]:
            line["error"] = told(record.exc_info[1])
        return json.dumps(line, default=str)


def told(error: BaseException) -> list[str]:
    """Of an error and those that led to it: the places, and the kinds; no words."""
    lines: list[str] = []
    cause = error.__cause__ or (
        None if error.__suppress_context__ else error.__context__
    )
    if cause is not None and cause is not error:
        lines = [*told(cause), "which led to"]
    for frame in traceback.extract_tb(error.__traceback__)[-_FRAMES:]:
        path = frame.filename.removeprefix(f"{_ROOT}/")
        path = path.rpartition("/site-packages/")[2]
        lines.append(f"{path}:{frame.lineno} in {frame.name}")
    return [*lines, f"{type(error).__module__}.{type(error).__qualname__}"]


class OfGunicorn(logging.Filter):
    """Take out of gunicorn's own lines which address asked, and for what."""

    def filter(self, record: logging.LogRecord) -> bool:
        if str(record.msg).startswith("Error handling request"):
            record.msg, record.args = "Error handling request", ()
        record.msg, record.args = _ADDRESS.sub("…", record.getMessage()), ()
        return True
