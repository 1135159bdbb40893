"""From the room to the outside link: both of the two are led there, and back again."""

from __future__ import annotations

from playwright.sync_api import expect

from sessions.models import RoomKind
from tests.browser.journeys import ROOM, Journey
from tests.browser.rooms import both, call_now, meet


def test_trainer_takes_both_to_the_outside_link_and_back(calling: Journey) -> None:
    call = call_now()
    call.trainer.room_url = f"{ROOM}/eleanor"
    call.trainer.save()
    trainee, trainer = both(calling, call)
    meet(trainee, trainer)

    trainer.page.get_by_role("button", name="Outside link").click()
    trainer.page.get_by_role("button", name="Use the outside link").click()

    for each in (trainer, trainee):
        outside = each.page.get_by_role("heading", name="The room outside")
        expect(outside).to_be_visible()
    call.refresh_from_db()
    assert call.room_kind == RoomKind.LINK
    assert call.trainee_linked_at
    assert call.trainer_linked_at

    trainer.page.goto(call.get_absolute_url())
    trainer.page.get_by_role("button", name="Hold this call in the room").click()
    trainee.page.goto(call.get_absolute_url())
    trainee.page.get_by_role("link", name="Rejoin").click()
    expect(trainee.page.locator("#room")).to_be_visible()
