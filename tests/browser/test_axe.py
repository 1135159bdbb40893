"""Axe finds nothing (WCAG 2.2 AA) on any screen: light and dark, 1280 and 320 px.

Nor does a page scroll sideways at 320 px, and no console complains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from playwright.sync_api import Page

from lms.people.accounts import add_colleague
from lms.seed import cast
from lms.seed.content import seed_content
from lms.seed.demo import seed_demo
from tests.browser import screens
from tests.browser.journeys import Journey
from tests.browser.looks import LOOKS, assert_fine, looked_at, turn
from tests.browser.screens import NEWCOMER, Screen
from tests.databases import RunDatabase

sent: list[EmailMessage] = []  # what the demo has sent, kept with its rows


@pytest.fixture
def demo(journey: Journey, settings: Any, django_db_setup: RunDatabase) -> None:
    """The demo, its jobs done; made once, then brought back for each test."""
    if django_db_setup.bring("demo"):
        mail.outbox.extend(sent)
    else:
        settings.DEMO = settings.DEBUG = True
        seed_content()
        seed_demo()
        add_colleague(NEWCOMER, "Iris Novak", by=None)
        settings.DEBUG = False  # pages as they are in production
        journey.run_jobs()
        django_db_setup.keep("demo")
        sent[:] = mail.outbox
    settings.DEMO = True
    journey.pass_time(timedelta(minutes=7))  # Lucía's room is open now


def test_screens_of_anybody(journey: Journey, demo: None) -> None:
    assert_fine(examine(journey, None, screens.of_anybody(journey)))


@pytest.mark.parametrize(
    ("who", "their_screens"),
    [
        (cast.LIAM, screens.of_learners),
        (cast.LIAM, screens.of_callers),
        (cast.FATIMA, screens.of_those_with_offers),
        (cast.LIAM, screens.of_movers),
        (cast.LIAM, screens.of_readers),
        (cast.LIAM, screens.of_check_takers),
        (cast.LIAM, screens.of_owners),
        (cast.LIAM, screens.of_those_with_factors),
        (None, screens.of_those_to_set_up),
        (screens.ELEANOR, screens.of_trainer),
        (cast.AMARA, screens.of_manager),
        (cast.STAFF, screens.of_staff),
        (cast.STAFF, screens.of_staff_in_cms),
        (cast.STAFF, screens.of_editors),
    ],
    ids=lambda value: getattr(value, "__name__", "by"),
)
def test_screens(
    journey: Journey,
    demo: None,
    who: cast.Person | None,
    their_screens: Callable[[], Iterator[Screen]],
) -> None:
    assert_fine(examine(journey, who, their_screens()))


def examine(
    journey: Journey, who: cast.Person | None, shown: Iterator[Screen]
) -> list[str]:
    """Open each, look at it in the four ways; return what is wrong."""
    pages: dict[cast.Person | None, Page] = {}
    found = []
    for screen in shown:
        reader = screen.who or who
        if reader not in pages:
            pages[reader] = open_browser(journey, reader)
        page = pages[reader]
        turn(page, *LOOKS[0])
        page.goto(screen.address)
        if screen.act:
            screen.act(page)
            page.wait_for_load_state("networkidle")
        where = f"{screen.address} {screen.name}"
        found += looked_at(page, where)
    return found


def open_browser(journey: Journey, who: cast.Person | None) -> Page:
    if who is None:
        return journey.person(reduced_motion="reduce")
    return journey.signed_in(who.email, reduced_motion="reduce")
