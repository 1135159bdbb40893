"""A call from *Join* to the sign-off, and the test before it, by the keyboard alone."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.hands import Hands
from tests.browser.journeys import Journey
from tests.browser.looks import assert_fine, looked_at
from tests.browser.rooms import both, call_now
from tests.factories import MemberFactory


def test_a_call_is_held_by_the_keyboard_alone(calling: Journey) -> None:
    call = call_now()
    trainee, trainer = both(calling, call)
    ones, others = Hands(trainee.page), Hands(trainer.page)
    for each, hands in ((trainee, ones), (trainer, others)):
        each.page.goto(call.get_absolute_url())
        hands.enter(each.page.get_by_role("link", name="Join", exact=True))
        each.page.wait_for_url("**/room/")
    for each in (trainee, trainer):
        each.connected()
        each.sees_the_other()

    ones.tab_to(trainee.control("microphone"))
    ones.press("Space")
    trainer.is_told("other-microphone", "off")
    ones.press("m")
    trainer.is_told("other-microphone", "on")
    ones.enter(trainee.control("messages"))
    expect(trainee.page.get_by_label("Your text note")).to_be_focused()
    trainee.page.keyboard.type("My mouse is broken.")
    ones.press("Enter")
    expect(trainer.page.locator("#new-note")).to_contain_text("My mouse is broken.")
    ones.press("Escape")
    expect(trainee.control("messages")).to_be_focused()
    ones.enter(trainee.control("devices"))
    expect(trainee.page.locator("dialog#devices")).to_be_visible()
    ones.press("Escape")
    expect(trainee.control("devices")).to_be_focused()

    others.tab_to(trainer.page.get_by_role("radio", name="Covered", exact=True))
    others.press("Space")
    others.enter(trainer.page.locator("[data-sign-off]"))
    signed = trainer.page.get_by_role("heading", name="Signed off: Jonas Weber")
    expect(signed).to_be_visible()
    expect(trainee.page.locator("#agenda")).to_contain_text("Covered")

    ones.enter(trainee.control("leave"))
    over = trainee.page.locator("#over")
    expect(over.locator("[data-title]")).to_be_focused()
    ones.enter(over.get_by_role("link", name="Come in again"))
    for each in (trainee, trainer):
        each.connected()
        each.sees_the_other()


def test_devices_are_tested_by_the_keyboard_alone(calling: Journey) -> None:
    page = calling.signed_in(MemberFactory().user.email, reduced_motion="reduce")
    hands = Hands(page)
    page.goto("/calls/test/")
    found = looked_at(page, "before the test")

    hands.enter(page.get_by_role("button", name="Start the test"))
    for part in ("camera", "microphone", "network"):
        expect(page.locator(f"[data-part={part}]")).to_have_attribute(
            "data-result", "good"
        )
    hands.enter(page.get_by_role("button", name="Play a tone"))
    hands.enter(page.get_by_role("button", name="Yes, I hear it"))
    expect(page.get_by_text("All set for your call.")).to_be_visible()
    found += looked_at(page, "after the test")
    assert_fine(found)
