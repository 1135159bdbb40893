"""The whole journey, with calls outside: in `make test`, as it needs no camera."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from playwright.sync_api import Page

from sessions.models import RoomKind
from tests.browser.journeys import Journey, hold_call, sign_off
from tests.browser.qualifying import qualify


def test_a_trainee_qualifies_and_a_stranger_sees_it(
    journey: Journey, tmp_path: Path
) -> None:
    qualify(journey, tmp_path, room=RoomKind.LINK, hold=hold_outside)


def hold_outside(
    journey: Journey,
    trainee: Page,
    trainer: Page,
    at: datetime,
    *,
    covered: list[str],
    again: list[str],
) -> None:
    hold_call(journey, trainee, trainer, at)
    sign_off(trainer, covered=covered, again=again)
