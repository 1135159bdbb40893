"""A real browser against a served page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from playwright.sync_api import Browser, sync_playwright

from tests.browser.journeys import BEGINS_AT, Journey

# Playwright's loop runs in the test's thread: Django would take it for async code.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The machine's Chromium, headless, with no way out of this machine."""
    path = shutil.which("chromium")
    assert path, "Chromium is missing: `make test` installs it (apt: chromium)."
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def journey(
    chromium: Browser, live_server: Any, transactional_db: None, settings: Any
) -> Iterator[Journey]:
    settings.PUBLIC_URL = live_server.url
    # Days pass within one visit, and people go on where they are.
    settings.SIGN_IN = settings.SIGN_IN_OF_STAFF = (timedelta(days=999),) * 2
    with time_machine.travel(BEGINS_AT, tick=True) as traveller:
        journey = Journey(live_server.url, chromium, traveller)
        yield journey
        for context in journey.contexts:
            context.close()
    assert journey.faults == []
