"""What programs ask: does the process live, and may it get traffic?

Both are for everybody, cheap, and tell a stranger no more than that. `/metrics` is for
who has the token.
"""

from __future__ import annotations

import re
import time

from django.core.cache import cache
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache

from lms.operations.database import unapplied
from lms.operations.outside import answer_to
from lms.shared_cache import CacheAwayError
from lms.walls import unscoped

_QUESTION = re.compile(r"[0-9a-f]{32}")
_AGAIN_AFTER_SECONDS = 5
_looked: dict[str, float] = {}  # at the migrations: when, and whether all were there


@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers; with `?ask=`, by what only this installation can say."""
    said, question = "ok", request.GET.get("ask", "")
    if _QUESTION.fullmatch(question):
        said = f"ok {answer_to(question)}"
    return HttpResponse(said, content_type="text/plain")


@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """Database and migrations are there; 503 when not.

    A cache that is away is said and stops nothing: pages are slow without it, and say
    themselves what they cannot do.
    """
    found = {"database": "ok", "migrations": "ok", "cache": "ok"}
    try:
        with unscoped(connection.cursor(), "no row is read") as cursor:
            cursor.execute("SELECT 1")
        if not _is_migrated():
            found["migrations"] = "missing"
    except Error:
        found = {"database": "away"}
    else:
        try:
            cache.get("readyz")
        except (CacheAwayError, OSError):
            found["cache"] = "away"
    is_ready = found["database"] == "ok" and found["migrations"] == "ok"
    return JsonResponse(found, status=200 if is_ready else 503)


def _is_migrated() -> bool:
    """Once all are applied they stay; until then looked at every few seconds."""
    if "complete" in _looked:
        return True
    if time.monotonic() < _looked.get("again", 0):
        return False
    if unapplied():
        _looked["again"] = time.monotonic() + _AGAIN_AFTER_SECONDS
        return False
    _looked["complete"] = time.monotonic()
    return True
