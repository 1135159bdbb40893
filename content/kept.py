"""What pages show that is the same for all readers, kept while nothing has changed.

The shared cache holds one word, the version. A process keeps in its own memory what it
has made under that word, and forgets it all when the word is another. Whatever changes
a page, an image, a document, the site or the branding makes a new word
(`content/receivers.py`), so that no process goes on showing what another has changed.
A lost cache makes a new word too: it costs time, and nothing else.

A cache that goes in the instant in which a change is saved cannot be told of it. Who
saved it is answered that it is saved; this process tells the cache with the first page
for which it answers again, and keeps nothing until then. Should it end before that, the
others show what they kept until the word's own end: for an hour at most.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from secrets import token_hex
from typing import Any, TypeVar

from django.core.cache import cache
from django.db import connection, transaction
from django.http import HttpRequest

from lms.shared_cache import CacheAwayError

logger = logging.getLogger(__name__)
T = TypeVar("T")

KEY = "content.version"
LIFE_SECONDS = 3600
MOST_THINGS = 1000


class Memory:
    """What this process keeps, and under which version it was made."""

    def __init__(self) -> None:
        self.held: tuple[str, dict[Hashable, Any]] = ("", {})
        self.owes_word = False  # what this process saved, the others were not told of

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

    In between, a reader may still keep what they find from before it. Raises
    CacheAwayError where nothing is saved yet: then nothing is.
    """
    if connection.in_atomic_block:
        _renew()
    transaction.on_commit(_renew_as_saved)


def _version() -> str:
    if _memory.owes_word:
        _renew_as_saved()
        if _memory.owes_word:
            return token_hex(8)  # ours alone
    found: str | None = cache.get(KEY)
    if found is None:
        found = token_hex(8)
        if not cache.add(KEY, found, LIFE_SECONDS):  # somebody else was quicker
            found = cache.get(KEY, found)
    return found


def _renew() -> None:
    cache.set(KEY, token_hex(8), LIFE_SECONDS)


def _renew_as_saved() -> None:
    """Make a new version, or owe it: what is saved is not to be answered as an error."""
    _memory.owes_word = False
    try:
        _renew()
    except CacheAwayError:
        _memory.owes_word = True
        logger.warning("A change is saved, and the cache cannot be told of it yet.")
