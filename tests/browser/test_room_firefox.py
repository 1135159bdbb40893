"""A call between Firefox and Chromium: each in turn the one who is polite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

import pytest
from django.test import Client
from playwright.sync_api import Page, expect

from lms.people.models import User
from sessions.models import Booking
from tests.browser.firefox import PROGRAM, Firefox
from tests.browser.journeys import Journey
from tests.browser.rooms import KEEP_PEERS, KEEP_WORDS, Side, call_now, meet, side

pytestmark = [
    pytest.mark.firefox,
    pytest.mark.skipif(not PROGRAM, reason="Firefox is not here (apt: firefox-esr)."),
]

# A headless one has no screen: a canvas that changes stands for it.
MAKE_UP_SCREEN = """
if (globalThis.MediaDevices) MediaDevices.prototype.getDisplayMedia = async () => {
  const canvas = Object.assign(document.createElement("canvas"), {width: 800});
  const brush = canvas.getContext("2d");
  setInterval(() => brush.fillRect(Math.random() * 800, 0, 9, 9), 100);
  return canvas.captureStream(10);
};
"""
NOTES = """
[...document.querySelectorAll("#notes .note-text")].map((each) => each.innerText)
"""


@pytest.fixture(scope="session")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    """One with cameras and microphones, and a person who allows their use."""
    firefox = Firefox(tmp_path_factory.mktemp("firefox"))
    yield firefox
    firefox.close()


@pytest.fixture
def at_firefox(
    firefox: Firefox, calling: Journey
) -> Iterator[Callable[[Booking, User], Side]]:
    """Return a function that seats one of the two at Firefox."""
    firefox.events.clear()

    def seat(call: Booking, user: User) -> Side:
        client = Client()
        client.force_login(user)
        session = client.cookies["sessionid"].value
        scripts = KEEP_PEERS, KEEP_WORDS, MAKE_UP_SCREEN
        page = firefox.person(calling.url, session, *scripts)
        return Side(cast(Page, page), call, user.full_name)

    yield seat
    assert not firefox.faults()


@pytest.mark.parametrize("who", ["trainee", "trainer"])
def test_firefox_and_chromium_hold_a_call(
    calling: Journey, at_firefox: Callable[[Booking, User], Side], who: str
) -> None:
    """Pictures, sound, mute, screen, notes, a broken line, and goodbye."""
    call = call_now()
    people = {"trainee": call.trainee, "trainer": call.trainer.user}
    fox = at_firefox(call, people.pop(who))
    (other_user,) = people.values()
    other = side(calling, call, other_user)
    meet(fox, other)
    for each in (fox, other):
        assert each.hears_the_other()

    fox.press("microphone")
    other.is_told("other-microphone", "off")
    other.press("camera")
    fox.is_told("other-camera", "off")
    fox.is_announced("camera is off")
    fox.press("microphone")
    other.press("camera")
    other.is_told("other-microphone", "on")
    fox.is_told("other-camera", "on")
    for sharing, seeing in ((fox, other), (other, fox)):
        sharing.press("screen")
        seeing.is_told("other-screen", "on")
        seeing.sees_the_other()
        sharing.press("screen")
        seeing.is_told("other-screen", "off")
        seeing.sees_the_other()

    fox.write("Do you see my fox?")
    hint = other.page.locator("#new-note")
    expect(hint).to_contain_text("Do you see my fox?")
    other.write("Yes: it is <red>.")
    fox.until(lambda: "Yes: it is <red>." in fox.page.evaluate(NOTES), "a note came")

    for broken in (fox, other):
        broken.cut()
        for each in (fox, other):
            each.sees_the_other()
            each.connected()

    fox.press("leave")
    fox.until(lambda: fox.page.locator("#over").is_visible(), "it says goodbye")
    other.until(lambda: other.state() == "waiting", "the other has left")
    fox.page.locator("#over [data-way-on]").click()
    for each in (fox, other):
        each.connected()
        each.sees_the_other()
    other.press("leave")
    fox.until(lambda: fox.state() == "waiting", "the other has left")
