"""The cache that all processes share, and what happens while it is away.

It lies in the database, or in Redis where `REDIS_URL` names one; the rules are the same.
What is there for speed alone is made anew while it is away: pages are slow, not broken.
Whatever is counted there, such as guesses at the door, cannot be: nobody gets in, and the
answer says so in words. Nor is anything changed that other processes must learn of by it.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec, TypeVar

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.core.cache.backends.db import DatabaseCache
from django.core.cache.backends.redis import RedisCache
from django.db import DatabaseError, connections, router
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from lms.s3 import AwayError

if TYPE_CHECKING:
    from redis.connection import AbstractConnection

logger = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")

FOR_SPEED = ("content.version", "status-list:", "wagtail_", "mail.")
_MAY_STAY = ("mail.",)  # what may be left there although it was to go
_MAY_BE_OLD = ("status-list:", "wagtail_", "mail.")  # what may stay as it was
KEY_PREFIX = "json"  # of all keys in Redis
_AWAY_SECONDS = 60  # after which who was sent away may ask again


class CacheAwayError(Exception):
    """What had to be read or written in the cache could not be."""


class _Shared(BaseCache):
    """A cache that can be missed where it is for speed."""

    failures: tuple[type[Exception], ...]

    def _ask(
        self,
        keys: Collection[str],
        may_fail: tuple[str, ...],
        instead: T,
        call: Callable[P, T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """What the engine answers, or `instead` where all the keys may be missed."""
        try:
            return call(*args, **kwargs)
        except self.failures as error:
            if not self._can_go_on() or not all(k.startswith(may_fail) for k in keys):
                raise CacheAwayError from error
            logger.warning("The cache is away: %s", type(error).__name__)
            return instead

    def _can_go_on(self) -> bool:
        """Whether what was begun can still be ended after a failure."""
        return True

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return self._ask(
            [key], FOR_SPEED, default, super().get, key, default, version=version
        )

    def get_many(self, keys: Iterable[Any], version: int | None = None) -> Any:
        keys = list(keys)
        if not keys:
            return {}
        return self._ask(keys, FOR_SPEED, {}, super().get_many, keys, version=version)

    def has_key(self, key: Any, version: int | None = None) -> bool:
        return self._ask([key], FOR_SPEED, False, super().has_key, key, version=version)

    def add(
        self,
        key: Any,
        value: Any,
        timeout: Any = DEFAULT_TIMEOUT,
        version: int | None = None,
    ) -> bool:
        return self._ask(
            [key], FOR_SPEED, True, super().add, key, value, timeout, version=version
        )

    def set(
        self,
        key: Any,
        value: Any,
        timeout: Any = DEFAULT_TIMEOUT,
        version: int | None = None,
    ) -> None:
        # Others would go on with the old content if a new version were lost.
        self._ask(
            [key], _MAY_BE_OLD, None, super().set, key, value, timeout, version=version
        )

    def touch(
        self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> Any:
        return self._ask(
            [key], FOR_SPEED, False, super().touch, key, timeout, version=version
        )

    def delete(self, key: Any, version: int | None = None) -> Any:
        # What others hold of pages would stay if it were not taken from them.
        return self._ask([key], _MAY_STAY, False, super().delete, key, version=version)

    def delete_many(self, keys: Iterable[Any], version: int | None = None) -> None:
        keys = list(keys)
        self._ask(keys, _MAY_STAY, None, super().delete_many, keys, version=version)

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        return self._ask([key], (), 0, super().incr, key, delta, version=version)

    def clear(self) -> Any:
        return self._ask([""], (), None, super().clear)


class SharedCache(_Shared, DatabaseCache):
    """Django's cache in the database."""

    failures = (DatabaseError,)

    def _can_go_on(self) -> bool:
        """Not in a transaction: after a failure it is lost."""
        database = router.db_for_read(self.cache_model_class)
        return not connections[database].in_atomic_block


class AsJson:
    """Values as JSON, not as Django's pickles: whoever writes there writes no code."""

    def dumps(self, value: Any) -> str:
        return json.dumps(value)

    def loads(self, words: bytes) -> Any:
        return json.loads(words)


class SharedRedis(_Shared, RedisCache):
    """Django's cache in Redis.

    While it is away it is asked once in two seconds, by each process: the pages in
    between do not each wait for it.
    """

    failures = (RedisError,)
    PATIENCE_SECONDS = 1.0
    NAP_SECONDS = 2.0
    asleep_until: ClassVar[dict[str, float]] = {}  # by server; threads share it

    def __init__(self, server: str | list[str], params: dict[str, Any]) -> None:
        # Where releases before kept pickles, nobody looks any more.
        super().__init__(server, params | {"KEY_PREFIX": KEY_PREFIX})
        self._server = server if isinstance(server, str) else server[0]
        self._options = {
            "serializer": AsJson,
            "socket_connect_timeout": self.PATIENCE_SECONDS,
            "socket_timeout": self.PATIENCE_SECONDS,
            "retry": Retry(NoBackoff(), 1),  # a server started anew has hung up once
            "redis_connect_func": begin_anew,
        }

    def _ask(
        self,
        keys: Collection[str],
        may_fail: tuple[str, ...],
        instead: T,
        call: Callable[P, T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        def once_awake() -> T:
            if time.monotonic() < self.asleep_until.get(self._server, 0):
                raise RedisError("Redis did not answer a moment ago.")
            try:
                return call(*args, **kwargs)
            except RedisError as error:
                self.asleep_until[self._server] = time.monotonic() + self.NAP_SECONDS
                logger.warning("Redis is away: %s", type(error).__name__)
                raise

        return super()._ask(keys, may_fail, instead, once_awake)


def begin_anew(connection: AbstractConnection) -> None:
    """Greet the server, and forget the content's version where it was started anew.

    What it then loads from its disk is older than what it knew last, and a version that
    comes back would bring back the pages that some process still keeps under it.
    """
    connection.on_connect()  # type: ignore[no-untyped-call]
    connection.send_command(  # type: ignore[no-untyped-call]
        "EVAL", _FORGET_AFTER_START, 2, "lms.server", f"{KEY_PREFIX}:1:content.version"
    )
    connection.read_response()


_FORGET_AFTER_START = """
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
if redis.call('GET', KEYS[1]) ~= server then
  redis.call('DEL', KEYS[2])
  redis.call('SET', KEYS[1], server)
end
"""


class CacheAwayMiddleware:
    """Say it in words when a page cannot do without the cache, or the file storage."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(
        self, request: HttpRequest, error: Exception
    ) -> HttpResponse | None:
        if isinstance(error, CacheAwayError):
            logger.error("The cache is away: %s", error.__cause__)
        elif isinstance(error, AwayError):
            logger.error("A file is away: %s", error.strerror)
        else:
            return None
        # Without the request nothing is looked up that may be away as well.
        response = render(None, "503.html", status=503)
        response["Retry-After"] = str(_AWAY_SECONDS)
        return response
