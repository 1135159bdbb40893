"""From where something is done: a request's address and browser, or a process's name.

Kept beside the call stack, so that rules need not hand it on.
"""

from __future__ import annotations

import re
import secrets
import sys
from collections.abc import Callable
from contextvars import ContextVar
from functools import cache, cached_property
from ipaddress import ip_address
from pathlib import Path

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

# The first that matches has the word: most browsers claim to be others too.
_BROWSERS = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "SamsungBrowser/": "Samsung Internet",
    "Firefox/|FxiOS/": "Firefox",
    "Chrome/|CriOS/": "Chrome",
    "Safari/": "Safari",
}
_SYSTEMS = {
    "Android": "Android",
    "iPhone|iPad": "iOS",
    "Windows": "Windows",
    "Mac OS X|Macintosh": "macOS",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}


_GIVEN = re.compile(r"[A-Za-z0-9_-]{8,32}")


class Whence:
    """Where a request comes from; worked out when something is logged, once."""

    system = ""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @cached_property
    def request(self) -> str:
        """A name for the request: what it changed can be found together.

        A proxy of ours may have given it one; nobody else's is believed.
        """
        given = self._request.META.get("HTTP_X_REQUEST_ID", "")
        if settings.BEHIND_PROXY and _GIVEN.fullmatch(given):
            return str(given)
        return secrets.token_hex(8)

    @cached_property
    def address(self) -> str | None:
        """The address that the limits count too; None where it cannot be told."""
        try:
            found = get_adapter(self._request).get_client_ip(self._request)
            return str(ip_address(found or ""))
        except (PermissionDenied, ValueError):
            return None

    @cached_property
    def agent(self) -> str:
        """The browser's family and its system: "Firefox on Windows"."""
        return family(self._request.META.get("HTTP_USER_AGENT", ""))


class _Process:
    """Where something is done outside of any request."""

    agent = ""
    address = None

    def __init__(self, system: str, request: str = "") -> None:
        self.system = system
        self.request = request


_here: ContextVar[Whence | _Process | None] = ContextVar("whence", default=None)


def whence() -> Whence | _Process:
    """From where the running code was asked."""
    return _here.get() or _process()


def caused_by(request: str) -> None:
    """What this process does from here on was asked for by that request; "": by none."""
    _here.set(_Process(_process().system, request) if request else None)


@cache
def _process() -> _Process:
    """Name this process by its command: "clock", "worker", "seed"."""
    program, *arguments = sys.argv or [""]
    name = Path(program).name
    if name == "manage.py" and arguments:
        name = arguments[0]
    return _Process({"db_worker": "worker", "gunicorn": "web"}.get(name, name)[:30])


def family(agent: str) -> str:
    """What a User-Agent header says in short; nothing of one that is unknown."""
    browser, system = (
        next((name for mark, name in names.items() if re.search(mark, agent)), "")
        for names in (_BROWSERS, _SYSTEMS)
    )
    return " on ".join(filter(None, (browser, system)))


class WhenceMiddleware:
    """Let what is logged in a request know where the request comes from."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = _here.set(Whence(request))
        try:
            return self.get_response(request)
        finally:
            _here.reset(token)
