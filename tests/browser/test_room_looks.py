"""Axe finds nothing on any state of the room and of its test page, in the four ways."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from lms.people.accounts import set_active
from sessions.models import Presence
from tests.browser.hands import Hands
from tests.browser.journeys import Journey
from tests.browser.looks import LOOKS, assert_fine, looked_at, turn
from tests.browser.rooms import (
    BY_RELAY_ALONE,
    Side,
    both,
    call_now,
    meet,
    side,
)
from tests.factories import QualitySampleFactory

STILL = {"reduced_motion": "reduce"}


def looked(each: Side, state: str) -> list[str]:
    found = looked_at(each.page, f"{each.name}, {state}")
    turn(each.page, *LOOKS[0])
    return found


def test_states_of_a_call(calling: Journey) -> None:
    """Both sides: alone, talking, muted, showing a screen, writing, and its ends."""
    call = call_now()
    trainee, trainer = both(calling, call, **STILL)
    trainee.enter()
    expect(trainee.page.get_by_role("heading", name="Waiting for")).to_be_visible()
    found = looked(trainee, "alone")

    trainer.enter()
    for each in (trainee, trainer):
        each.connected()
        each.sees_the_other()
        found += looked(each, "both")
    trainer.press("microphone")
    trainer.press("camera")
    trainee.is_told("other-camera", "off")
    found += looked(trainee, "the other muted and unseen")
    found += looked(trainer, "muted and unseen")
    trainer.press("screen")
    trainee.is_told("other-screen", "on")
    trainee.sees_the_other()
    found += looked(trainee, "the other shows a screen")
    found += looked(trainer, "showing a screen")
    trainee.write("See https://example.com/a, please.")
    expect(trainer.page.locator("#new-note")).to_be_visible()
    found += looked(trainer, "a note came")
    found += looked(trainee, "writing notes")
    for dialog in ("devices", "keys", "elsewhere"):
        trainee.page.locator(f"[data-do={dialog}]:visible").first.click()
        expect(trainee.page.locator(f"dialog#{dialog}")).to_be_visible()
        found += looked(trainee, f"{dialog} dialog")
        trainee.page.keyboard.press("Escape")

    for topic in trainer.page.locator("[data-topic]").all():
        topic.get_by_text("Covered", exact=True).click()
    trainer.page.locator("[data-sign-off]").click()
    expect(trainer.page.locator("[data-board][data-state=done]")).to_be_visible()
    expect(trainee.page.locator("[data-agenda][data-state=done]")).to_be_attached()
    trainee.press("agenda")
    for each in (trainee, trainer):
        found += looked(each, "signed off, and still talking")
    stay = Presence.objects.live().get(booking=call, user=call.trainee)
    QualitySampleFactory(presence=stay, at=call.starts_at)
    page = Side(trainer.page.context.new_page(), call, "the trainer")
    page.page.goto(call.get_absolute_url())
    for title in ("The connection", "What you wrote in the call"):
        expect(page.page.get_by_role("heading", name=title)).to_be_visible()
    found += looked(page, "the call’s page with what the room left")
    page.page.close()

    second = Side(trainee.page.context.new_page(), call, "second tab")
    second.enter()
    expect(trainee.page.locator("#over")).to_be_visible()
    found += looked(trainee, "replaced")
    second.connected()
    second.press("leave")
    expect(second.page.locator("#over")).to_be_visible()
    found += looked(second, "left")
    assert_fine(found)


def test_states_of_a_call_in_trouble(
    calling: Journey, guarded_cameras: Browser, chromium: Browser
) -> None:
    """No device, none allowed; no way through, at once and after 20 s; sent away."""
    call, second_call = call_now(), call_now()
    trainee, trainer = both(calling, call, **STILL)
    stuck = both(calling, second_call, **STILL)
    for each in stuck:  # a strict firewall, and no relay
        each.page.context.add_init_script(BY_RELAY_ALONE)
        each.enter()
    found = looked(stuck[0], "connecting")

    meet(trainee, trainer)
    trainee.page.context.set_offline(True)
    trainee.cut()
    trainee.until(lambda: trainee.state() == "reconnecting", "it notices")
    found += looked(trainee, "reconnecting")
    trainer.until(lambda: trainer.state() == "reconnecting", "it notices")
    found += looked(trainer, "reconnecting")
    trainee.page.context.set_offline(False)

    for browser, kind in ((guarded_cameras, "both-denied"), (chromium, "both-missing")):
        without = side(calling, call, call.trainee, browser=browser, **STILL)
        without.enter()
        expect(without.fault(kind)).to_be_visible()
        found += looked(without, kind)
    for each in stuck:
        expect(each.ladder).to_be_visible()
        found += looked(each, "ladder")
    hands = Hands(stuck[1].page)
    for name in ("again", "audio-only"):
        rung = stuck[1].ladder.locator(f"[data-rung={name}]")
        hands.enter(rung.get_by_role("button"))
        expect(rung.get_by_role("status")).to_contain_text("Connecting")
    found += looked(stuck[1], "a rung is tried")

    set_active(call.trainer.user, False, by=None)
    expect(trainer.page.locator("#over")).to_be_visible()
    found += looked(trainer, "sent away")
    assert_fine(found)
    calling.pardon("ERR_INTERNET_DISCONNECTED")
