"""What pages show that is the same for all readers, kept while nothing has changed.

The shared cache holds one word, the version. A process keeps in its own memory what it
has made under that word, and forgets it all when the word is another. Whatever changes
a page, an image, a document, the site or the branding makes a new word
(`content/receivers.py`), so that no process goes on showing what another has changed.
A lost cache makes a new word too: it costs time, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from secrets import token_hex
from typing import Any, TypeVar

from django.core.cache import cache
from django.db import transaction
from django.http import HttpRequest

T = TypeVar("T")

KEY = "content.version"
MOST_THINGS = 1000


class Memory:
    """What this process keeps, and under which version it was made."""

    def __init__(self) -> None:
        self.held: tuple[str, dict[Hashable, Any]] = ("", {})

    def under(self, version: str) -> dict[Hashable, Any]:
        """What was made under the version; nothing yet, and room, for another one."""
        known, things = self.held
        if known != version or len(things) >= MOST_THINGS:
            things = {}
            self.held = (version, things)
        return things


_memory = Memory()


def version_for(request: HttpRequest | None) -> str:
    """The version as this request first found it; one query for each request."""
    if request is None:
        return _version()
    found: str | None = getattr(request, "_content_version", None)
    if found is None:
        found = _version()
        request._content_version = found  # type: ignore[attr-defined]  # our own
    return found


def kept(request: HttpRequest | None, key: Hashable, make: Callable[[], T]) -> T:
    """What is kept under the key, or else made now.

    Readers share it, in several threads: nobody changes what they got.
    """
    things = _memory.under(version_for(request))
    if key not in things:
        things[key] = make()
    found: T = things[key]
    return found


def forget() -> None:
    """Make a new version: at once, and again when this transaction is committed.

    In between, a reader may still keep what they find from before it.
    """
    _renew()
    transaction.on_commit(_renew)


def _version() -> str:
    found: str | None = cache.get(KEY)
    if found is None:
        found = token_hex(8)
        if not cache.add(KEY, found, timeout=None):  # somebody else was quicker
            found = cache.get(KEY, found)
    return found


def _renew() -> None:
    cache.set(KEY, token_hex(8), timeout=None)
