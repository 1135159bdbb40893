"""A process of its own for one outside calendar: nothing in it can harm the worker.

`python -m sessions.outside_reader` reads a request from its input and writes what
came of it, both JSON. It has little memory and little time of the processor, writes
no file, and starts nothing; whoever starts it ends it when it takes too long.
"""

from __future__ import annotations

import json
import resource
import sys
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sessions.outside_fetch import CannotRead, Net, fetch
from sessions.outside_spans import Wanted, busy_spans

MOST_CPU_SECONDS = 5
MOST_MEMORY = 512 * 2**20


@dataclass(frozen=True)
class Request:
    """Which address to read; `zone`, `first`, `last` and `own_host` as in `Wanted`."""

    url: str
    etag: str
    modified: str
    zone: str
    first: int
    last: int
    own_host: str


def read(request: Request, net: Net | None = None) -> dict[str, Any]:
    """Fetch and read; the answer holds `why` it failed, or is `same`, or `spans`."""
    try:
        answer = fetch(
            request.url, etag=request.etag, modified=request.modified, net=net
        )
        if answer.body is None:
            return {"same": True}
        wanted = Wanted(
            ZoneInfo(request.zone), request.first, request.last, request.own_host
        )
        busy = busy_spans(answer.body, wanted)
    except CannotRead as failure:
        return {"why": failure.why}
    except (MemoryError, RecursionError):
        return {"why": "too_much"}
    return {
        "spans": busy.spans,
        "unread": busy.unread,
        "etag": answer.etag,
        "modified": answer.modified,
    }


def confine(cpu_seconds: int) -> None:
    """Give up what reading a calendar does not need."""
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(net: Net | None = None, cpu_seconds: int = MOST_CPU_SECONDS) -> None:
    """Answer the one request on the input."""
    confine(cpu_seconds)
    request = Request(**json.load(sys.stdin))
    json.dump(read(request, net), sys.stdout)


if __name__ == "__main__":
    main()
