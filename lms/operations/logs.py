"""A line of the log for each request: what was asked, by ids alone, and how it went."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from django.db import connection
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from lms.audit.whence import whence
from lms.operations import metrics
from lms.operations.cause import view_of

logger = logging.getLogger("lms.requests")
HEADER = "X-Request-ID"
QUIET = frozenset({"healthz", "readyz", "metrics"})  # programs ask all the time


class _Count:
    """How many queries a request asks."""

    def __init__(self) -> None:
        self.queries = 0

    def __call__(self, execute: Callable[..., Any], *args: Any) -> Any:
        self.queries += 1
        return execute(*args)


class RequestsMiddleware:
    """Write a line for each request, count it, and name it in its answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        count, start = _Count(), time.perf_counter()
        with connection.execute_wrapper(count):
            response = self.get_response(request)
        seconds = time.perf_counter() - start

        view, status = view_of(request), response.status_code
        response.headers[HEADER] = whence().request
        if view in QUIET:
            return response
        metrics.count_request(view, status, seconds)
        if logger.isEnabledFor(logging.INFO):
            facts = {
                "view": view,
                "method": request.method,
                "status": status,
                "ms": round(seconds * 1000),
                "queries": count.queries,
            }
            user = getattr(request, "_cached_user", None)
            if user is not None and user.pk:
                facts["user"] = user.pk
            words = "%(method)s %(view)s %(status)s, %(ms)s ms, %(queries)s queries"
            logger.info(words, facts, extra={"facts": facts})
        return response
