"""The whole journey again, with calls in our own room: they meet, tick and sign off there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from sessions.models import Booking, RoomKind
from tests.browser.journeys import (
    BEGINS_AT,
    Journey,
    come_to_call,
    fill_board,
    travelling,
)
from tests.browser.qualifying import qualify
from tests.browser.rooms import KEEP_PEERS, Side


@pytest.fixture
def seen_journey(
    cameras: Browser, live_server: Any, transactional_db: None, settings: Any
) -> Iterator[Journey]:
    """A journey of people with cameras."""
    with travelling(live_server.url, cameras, settings, BEGINS_AT) as journey:
        yield journey


def test_a_trainee_qualifies_in_the_room(seen_journey: Journey, tmp_path: Path) -> None:
    qualify(seen_journey, tmp_path, room=RoomKind.ROOM, hold=hold_in_the_room)


def hold_in_the_room(
    journey: Journey,
    trainee: Page,
    trainer: Page,
    at: datetime,
    *,
    covered: list[str],
    again: list[str],
) -> None:
    """Meet, tick, sign off; the trainee sees each at once, and nobody leaves for it."""
    for page in (trainee, trainer):
        page.context.add_init_script(KEEP_PEERS)
    come_to_call(journey, trainee, trainer, at, arrived=is_in_the_room, came="is here.")
    call = Booking.objects.get(starts_at=at)
    sides = [Side(trainee, call, "trainee"), Side(trainer, call, "trainer")]
    for each in sides:
        each.connected()
        each.sees_the_other()

    journey.wait_until(at)
    button = trainer.get_by_role("button", name=re.compile("^Sign off"))
    expect(button).to_be_visible()
    fill_board(trainer, covered=covered, again=again)
    agenda = trainee.locator("#agenda")
    expect(agenda.locator(".is-met")).to_have_count(len(covered + again))
    button.click()

    expect(
        trainer.get_by_role("heading", name="Signed off: Jonas Weber")
    ).to_be_visible()
    for title in covered:
        topic = agenda.get_by_role("region", name=title, exact=True)
        expect(topic).to_contain_text("Covered")
    for title in again:
        topic = agenda.get_by_role("region", name=title, exact=True)
        expect(topic).to_contain_text("Once more, please: whom to tell first.")
    for each in sides:
        each.sees_the_other()  # the call goes on until they leave it
    for each in sides:
        each.press("leave")
        expect(each.page.locator("#over")).to_be_visible()


def is_in_the_room(page: Page) -> None:
    page.wait_for_url("**/room/")
