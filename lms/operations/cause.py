"""What every line of the log knows: the request that caused it, by its number alone."""

from __future__ import annotations

import logging

from django.apps import apps
from django.conf import settings
from django.http import HttpRequest


class Cause(logging.Filter):
    """Add to a line what caused it, and take the address asked for out of it."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id, record.system = _cause()
        request = getattr(record, "request", None)
        if isinstance(request, HttpRequest) and not settings.DEBUG:
            _name_the_view(record, request)
        return True


def _cause() -> tuple[str, str]:
    if not apps.ready:  # logs are set up first of all
        return "", ""
    from lms.audit.whence import whence  # noqa: PLC0415  # it needs what is set up later

    here = whence()
    return here.request, here.system or "web"


def _name_the_view(record: logging.LogRecord, request: HttpRequest) -> None:
    """Django ends its own lines with the path: a view's name tells as much."""
    if isinstance(record.args, tuple) and record.args:
        record.args = (*record.args[:-1], view_of(request))


def view_of(request: HttpRequest) -> str:
    """The name of what answers a request; "none" where nothing does."""
    match = request.resolver_match
    return (match.view_name or match.route) if match else "none"
