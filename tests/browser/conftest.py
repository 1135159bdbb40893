"""A real browser against a served page."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from tests.browser.journeys import (
    BEGINS_AT,
    LONGEST_SECONDS,
    Journey,
    launched,
    travelling,
)
from tests.browser.rooms import MADE_UP_DEVICES, SAYS_YES, Web

# Playwright's loop runs in the test's thread: Django would take it for async code.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
expect.set_options(timeout=LONGEST_SECONDS * 1000)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """A browser on a machine without camera and microphone."""
    browser = launched(playwright)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def cameras(playwright: Playwright) -> Iterator[Browser]:
    """A browser with cameras and microphones, and a person who allows their use."""
    browser = launched(playwright, MADE_UP_DEVICES, SAYS_YES)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def guarded_cameras(playwright: Playwright) -> Iterator[Browser]:
    """The same, but of a person who allows nothing that the test does not."""
    browser = launched(playwright, MADE_UP_DEVICES)
    yield browser
    browser.close()


@pytest.fixture
def journey(
    chromium: Browser, live_server: Any, transactional_db: None, settings: Any
) -> Iterator[Journey]:
    with travelling(live_server.url, chromium, settings, BEGINS_AT) as journey:
        yield journey


@pytest.fixture
def calling(
    cameras: Browser, live_server: Any, transactional_db: None, settings: Any
) -> Iterator[Journey]:
    """People with cameras, at the true time, as a relay tells none but that."""
    with travelling(live_server.url, cameras, settings, datetime.now(UTC)) as journey:
        yield journey


@pytest.fixture(scope="session")
def processes(
    django_db_setup: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Web]:
    """Two web processes that serve the tests' own database."""
    database = f"sqlite:///{connection.settings_dict['NAME']}"
    web = Web(tmp_path_factory.mktemp("web"), database, host="0.0.0.0")
    yield web
    web.close()


@pytest.fixture
def web(processes: Web) -> Web:
    """The same, both of them running whatever the test before did."""
    processes.start()
    return processes


@pytest.fixture
def calling_web(
    cameras: Browser, web: Web, transactional_db: None, settings: Any
) -> Iterator[Journey]:
    """People with cameras, served by real processes at the true time."""
    settings.SECRET_KEY = web.secret  # so that sessions made here are known there
    with travelling(web.url, cameras, settings, datetime.now(UTC)) as journey:
        yield journey
