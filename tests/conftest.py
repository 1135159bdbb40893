"""What all tests stand on: settings, a database from a template, no network.

TEST_DATABASE=postgresql runs them on PostgreSQL, on a server started for the run or,
with DATABASE_URL, on that one (in a database of its own). TEST_CACHE=redis keeps the
cache in Redis.
"""

import atexit
import gc
import ipaddress
import logging
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import django
import pytest
import time_machine
from django.conf import settings
from django.db import connection, connections
from django.test import TransactionTestCase
from pytest_socket import SocketBlockedError

from tests.databases import CACHE, Postgresql, RunDatabase, Sqlite, start_postgresql
from tests.icons import refuse_unknown_icons
from tests.keys import make_keys
from tests.logged import LOGGED_PAGES, watched_pages
from tests.processes import run_in_processes as run_in_processes_
from tests.redis_server import RedisServer
from tests.signed_in import signed_in_with_a_second_factor

FOLDER = Path(tempfile.mkdtemp(prefix="qualifications-tests-"))
USUALLY = gc.get_threshold()
RARELY = (50_000, 20, 50)
ON_POSTGRESQL = os.environ.get("TEST_DATABASE") == "postgresql" or os.environ.get(
    "DATABASE_URL", ""
).startswith("postgres")

# Settings are read once, after this: a developer's own environment stays out.
for _variable in (
    "DEMO",
    "MFA_REQUIRED",
    "PORT",
    "PUBLIC_URL",
    "EMAIL_URL",
    "REDIS_URL",
    "TURN_URL",
):
    os.environ.pop(_variable, None)
os.environ |= {
    "DJANGO_SETTINGS_MODULE": "lms.settings",
    "DEBUG": "1",  # pytest-django turns it off once the settings are read
    "DATA_DIR": str(FOLDER),
    "SIGN_OFF_UNDO_MINUTES": "0",
}
if not ON_POSTGRESQL:
    os.environ["DATABASE_URL"] = f"sqlite:///{FOLDER / 'unused.sqlite3'}"
elif "DATABASE_URL" not in os.environ:  # else a worker of xdist inherits it
    os.environ["DATABASE_URL"] = start_postgresql()

if os.environ.get("TEST_CACHE") == "redis":  # `make check` runs the cache's tests so
    redis_server = RedisServer().start()
    atexit.register(redis_server.remove)
    os.environ["REDIS_URL"] = redis_server.url

(FOLDER / "static").mkdir()  # WhiteNoise warns where there is none
# The finished fonts are kept from run to run: making them takes 15 seconds.
(CACHE / "fonts").mkdir(parents=True, exist_ok=True)
(FOLDER / "fonts").symlink_to(CACHE / "fonts")

django.setup()
make_keys()
refuse_unknown_icons()
logging.getLogger("django_tasks").setLevel(logging.WARNING)  # two lines a page
logging.getLogger("wagtail").setLevel(logging.WARNING)
signed_in_with_a_second_factor()
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
settings.WHITENOISE_AUTOREFRESH = True  # else each client lists all static files


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Leave out on PostgreSQL what asks it nothing, or nothing that others do not."""
    if ON_POSTGRESQL:
        idle = [item for item in items if not _asks_database(item)]
        config.hook.pytest_deselected(items=idle)
        items[:] = [item for item in items if _asks_database(item)]


def _asks_database(item: pytest.Item) -> bool:
    if any(map(item.get_closest_marker, ("files", "asked_elsewhere"))):
        return False
    fixtures = getattr(item, "fixturenames", [])
    has_fixture = not {"db", "transactional_db", "django_db_setup"}.isdisjoint(fixtures)
    return has_fixture or item.get_closest_marker("django_db") is not None


def pytest_collection_finish() -> None:
    """Let the garbage collector leave alone what is loaded now, and never goes.

    And look less often at the rest: a request makes many thousands of objects.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*RARELY)


def pytest_unconfigure() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def only_own_names() -> Iterator[None]:
    """Look up no name but localhost: pytest-socket guards connections alone."""
    look_up = socket.getaddrinfo

    def guarded(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host not in {None, "", "localhost"}:
            try:
                ipaddress.ip_address(host)
            except ValueError:
                raise SocketBlockedError(f"A test tried to look up {host}.") from None
        return look_up(host, *args, **kwargs)

    socket.getaddrinfo = guarded
    yield
    socket.getaddrinfo = look_up


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_blocker: Any
) -> Iterator[RunDatabase]:
    """Take the place of pytest-django's: a copy of the template, no flush."""
    database: RunDatabase = Postgresql() if ON_POSTGRESQL else Sqlite(FOLDER)
    with django_db_blocker.unblock():
        database.create()
        flush = TransactionTestCase._fixture_teardown
        TransactionTestCase._fixture_teardown = lambda self: database.restore()
        yield database
        TransactionTestCase._fixture_teardown = flush
        database.remove()


@pytest.fixture(scope="module", autouse=True)
def every_change_is_logged(request: pytest.FixtureRequest) -> Iterator[None]:
    """In the tests of pages that change much: what they change is logged."""
    if request.path.name not in LOGGED_PAGES:
        yield
        return
    with watched_pages():
        yield


@pytest.fixture
def at_noon(request: pytest.FixtureRequest) -> Iterator[None]:
    """At noon of the day on which the module was read, its `TODAY`.

    Else what it says of that day is wrong where midnight comes between the two.
    """
    noon = datetime.combine(request.module.TODAY, time(12), UTC)
    with time_machine.travel(noon):
        yield


@pytest.fixture
def usual_collector() -> Iterator[None]:
    """Collect garbage as often as in production: for a test that measures memory."""
    gc.set_threshold(*USUALLY)
    gc.collect()
    yield
    gc.set_threshold(*RARELY)


@pytest.fixture
def indexed_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let search find the pages that factories make."""
    monkeypatch.setattr("tests.factories.pages.are_pages_indexed", True)


@pytest.fixture
def run_at_once(transactional_db: None) -> Callable[..., list[object]]:
    """Return a function that calls all it is given at the same moment.

    Each runs in a thread with a connection of its own. What it returns stands in
    the list, in the order of the calls, or else the exception it raised.
    """

    def run(*calls: Callable[[], object]) -> list[object]:
        start = threading.Barrier(len(calls), timeout=30)

        def run_one(call: Callable[[], object]) -> object:
            try:
                connection.ensure_connection()
                start.wait()
                return call()
            except Exception as error:  # noqa: BLE001  handed to the test
                return error
            finally:
                connections.close_all()

        with ThreadPoolExecutor(len(calls)) as threads:
            return list(threads.map(run_one, calls))

    return run


@pytest.fixture
def run_in_processes(transactional_db: None) -> Callable[..., list[Any]]:
    """Return `tests.processes.run_in_processes`, for a test that may commit."""
    return run_in_processes_
