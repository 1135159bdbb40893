"""The cache that all processes share, and what happens while it is away.

What is there for speed alone is then made anew: pages are slow, not broken. Whatever is
counted there, such as guesses at the door, cannot be: nobody gets in, and the answer
says so in words. Nor is anything changed that other processes must learn of by it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from typing import Any

from django.core.cache.backends.db import DatabaseCache
from django.db import DatabaseError, connections, router
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

logger = logging.getLogger(__name__)
FOR_SPEED = ("content.version", "status-list:", "wagtail_", "mail.")
_AWAY_SECONDS = 60


class CacheAwayError(Exception):
    """What had to be read or written in the cache could not be."""


class SharedCache(DatabaseCache):
    """Django's cache in the database, which can be missed where it is for speed."""

    def get_many(self, keys: Iterable[Any], version: int | None = None) -> Any:
        keys = list(keys)
        try:
            return super().get_many(keys, version)
        except DatabaseError as error:
            self._require_speed_alone(keys, error)
            return {}

    def _base_set(self, mode: str, key: str, *more: Any) -> Any:
        try:
            return super()._base_set(mode, key, *more)  # type: ignore[misc]  # Django's own
        except DatabaseError as error:
            # Others would go on with the old content if a new version were lost.
            bare = key.split(":", 2)[-1]
            if mode == "set" and bare == "content.version":
                raise CacheAwayError from error
            self._require_speed_alone([bare], error)
            return True

    def _base_delete_many(self, keys: Collection[str]) -> Any:
        try:
            return super()._base_delete_many(keys)  # type: ignore[misc]  # Django's own
        except DatabaseError as error:
            # What others hold of pages would stay if it were not taken from them.
            if not all(key.split(":", 2)[-1].startswith("mail.") for key in keys):
                raise CacheAwayError from error
            return False

    def _require_speed_alone(self, keys: Collection[str], error: Exception) -> None:
        """Raise CacheAwayError for what counts, and where a transaction is lost by it."""
        connection = connections[router.db_for_read(self.cache_model_class)]
        if connection.in_atomic_block or not all(
            key.startswith(FOR_SPEED) for key in keys
        ):
            raise CacheAwayError from error
        logger.warning("The cache is away: %s", error)


class CacheAwayMiddleware:
    """Say it in words when a page cannot do without the cache."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(
        self, request: HttpRequest, error: Exception
    ) -> HttpResponse | None:
        if not isinstance(error, CacheAwayError):
            return None
        logger.error("The cache is away: %s", error.__cause__)
        # Without the request nothing is looked up that may be away as well.
        response = render(None, "503.html", status=503)
        response["Retry-After"] = str(_AWAY_SECONDS)
        return response
