"""What one sees and touches in the room, and what it says when a device fails."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Browser, Page, expect

from sessions.room_phrases import DEVICES, FAULTS, LINK, SOUND, TRY
from tests.browser.journeys import Journey
from tests.browser.rooms import Side, both, call_now, meet, side
from tests.factories import MemberFactory

# Devices that answer as the test says, by the real ones' place: an error's name or "".
MOODY = """
globalThis.mood = JSON.parse(sessionStorage.mood ?? "{}");
globalThis.given = {};
const devices = navigator.mediaDevices;
const ask = devices.getUserMedia.bind(devices);
devices.getUserMedia = async (wish) => {
  for (const kind of ["audio", "video"]) {
    if (wish[kind] && mood[kind]) throw new DOMException("No", mood[kind]);
  }
  const stream = await ask(wish);
  for (const track of stream.getTracks()) given[track.kind] = track;
  return stream;
};
const show = devices.getDisplayMedia.bind(devices);
devices.getDisplayMedia = async (wish) => {
  if (mood.screen) throw new DOMException("No", mood.screen);
  return show(wish);
};
if (mood.blind) delete globalThis.RTCPeerConnection;
if (mood.phone) {
  delete devices.getDisplayMedia;
  delete globalThis.MediaDevices.prototype.getDisplayMedia;
}
if (mood.open) Object.defineProperty(globalThis, "isSecureContext", {value: false});
"""
NO, NONE, BUSY = "NotAllowedError", "NotFoundError", "NotReadableError"
REASONS = {"denied": NO, "missing": NONE, "busy": BUSY}
# How a person meets each fault: what their devices answer, and what is done then.
CASES: dict[str, tuple[dict[str, Any], str]] = {
    "insecure": ({"open": True}, ""),
    "no-webrtc": ({"blind": True}, ""),
    **{
        f"both-{why}": ({"audio": error, "video": error}, "")
        for why, error in REASONS.items()
    },
    **{f"microphone-{why}": ({"audio": error}, "") for why, error in REASONS.items()},
    **{f"camera-{why}": ({"video": error}, "") for why, error in REASONS.items()},
    "microphone-gone": ({}, "mood.audio = 'NotFoundError'; pull('audio')"),
    "microphone-replaced": ({}, "pull('audio')"),
    "microphone-found": ({"audio": NONE}, "plug('audio')"),
    "camera-gone": ({}, "mood.video = 'NotFoundError'; pull('video')"),
    "camera-replaced": ({}, "pull('video')"),
    "camera-found": ({"video": NONE}, "plug('video')"),
    "screen-denied": ({"screen": NO}, "share()"),
    "screen-busy": ({"screen": BUSY}, "share()"),
    "screen-missing": ({"phone": True}, "press('s')"),
}
QUIET = """
const play = HTMLMediaElement.prototype.play;
let isClicked = false;
addEventListener("click", () => (isClicked = true), true);
HTMLMediaElement.prototype.play = async function () {
  if (!this.muted && !isClicked) throw new DOMException("No", "NotAllowedError");
  return play.call(this);
};
"""
ACTS = """
globalThis.pull = (kind) => {
  given[kind].stop();
  given[kind].dispatchEvent(new Event("ended"));
};
globalThis.plug = (kind) => {
  mood[kind] = "";
  navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
};
globalThis.press = (key) => {
  document.body.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
};
globalThis.share = () => document.querySelector("[data-do=screen]").click();
"""
BUTTONS = {TRY: "Try again", DEVICES: "Choose devices", SOUND: "Turn the sound on"}
# Met without being made up: no sound before a click (below).
ELSEWHERE = {"sound-blocked"}


def alone(journey: Journey, **options: Any) -> Side:
    """One in the room, whose other side has not come."""
    call = call_now()
    return side(journey, call, call.trainee, **options)


def fault_of(page: Page, kind: str) -> Any:
    return page.locator(f"[data-fault='{kind}']")


def test_each_fault_is_said_with_its_next_step(calling: Journey) -> None:
    """In the room itself; one may hear, see and write with all of them."""
    one = alone(calling)
    page = one.page
    page.add_init_script(MOODY + ACTS)
    one.enter()

    for kind, (mood, act) in CASES.items():
        page.evaluate("mood => (sessionStorage.mood = JSON.stringify(mood))", mood)
        page.reload()
        page.locator("#room[data-state]").wait_for()
        if act:
            if kind.endswith("found"):
                fault_of(page, kind.replace("found", "missing")).wait_for()
            else:
                expect(page.locator("#room")).to_have_attribute("data-own-camera", "on")
            page.evaluate(act)

        fault = fault_of(page, kind)
        expect(fault).to_contain_text(str(FAULTS[kind].title))
        step = fault.locator("[data-step]").inner_text()
        assert len(step) > 10, kind
        assert "%(" not in step, kind
        assert "?" not in step, kind
        if FAULTS[kind].act in BUTTONS:
            name = BUTTONS[FAULTS[kind].act]
            expect(fault.get_by_role("button", name=name)).to_be_visible()
        elif FAULTS[kind].act == LINK:
            expect(fault.get_by_role("button", name="outside link")).to_be_visible()
        expect(page.locator(".room-controls [data-do=messages]")).to_be_enabled()
        is_phone = kind == "screen-missing"
        expect(page.locator("[data-do=screen]")).to_be_visible(visible=not is_phone)

    assert set(CASES) | ELSEWHERE == set(FAULTS)


def test_trying_again_takes_what_is_there_by_now(calling: Journey) -> None:
    one = alone(calling)
    page = one.page
    page.add_init_script(MOODY)
    one.enter()
    page.evaluate(
        'sessionStorage.mood = \'{"audio": "NotReadableError", "video": "NotReadableError"}\''
    )
    page.reload()
    fault = fault_of(page, "both-busy")
    fault.wait_for()

    page.evaluate("mood = {}")
    fault.get_by_role("button", name="Try again").click()

    expect(page.locator("#room")).to_have_attribute("data-own-camera", "on")
    expect(page.locator("#room")).to_have_attribute("data-own-microphone", "on")
    expect(page.locator("[data-fault]")).to_have_count(0)


def test_without_any_device_one_sees_hears_and_writes(
    calling: Journey, chromium: Browser
) -> None:
    """On a machine without camera and microphone, truly; the other has both.

    Such a browser plays no sound before the person has clicked somewhere. (Whoever
    drives a browser counts as clicking, so that has to be made up.)
    """
    call = call_now()
    bare = side(calling, call, call.trainee, browser=chromium)
    trainer = side(calling, call, call.trainer.user)
    bare.page.add_init_script(QUIET)
    bare.enter()
    fault_of(bare.page, "both-missing").wait_for()
    trainer.enter()

    bare.connected()
    bare.sees_the_other()
    fault = fault_of(bare.page, "sound-blocked")  # nothing was clicked so far
    fault.get_by_role("button", name="Turn the sound on").click()
    expect(fault).to_have_count(0)
    assert not bare.page.locator("#other-video").evaluate("each => each.muted")
    trainer.is_told("other-microphone", "off")
    trainer.is_told("other-camera", "off")
    bare.write("I have no microphone.")
    expect(trainer.page.locator("#announcer")).to_contain_text("I have no microphone.")


def test_keys_do_what_the_list_says_and_not_while_one_types(calling: Journey) -> None:
    one = alone(calling)
    one.enter()
    page, room = one.page, one.room
    expect(room).to_have_attribute("data-own-camera", "on")

    page.keyboard.press("m")
    expect(room).to_have_attribute("data-own-microphone", "off")
    expect(one.page.locator("#announcer")).to_contain_text("Your microphone is off.")
    page.keyboard.press("c")
    expect(room).to_have_attribute("data-own-camera", "off")
    page.keyboard.press("t")
    field = page.get_by_label("Your text note")
    expect(field).to_be_focused()
    page.keyboard.type("mcd?")
    expect(field).to_have_value("mcd?")
    expect(room).to_have_attribute("data-own-microphone", "off")
    page.keyboard.press("Escape")
    expect(page.locator(".room-controls [data-do=messages]")).to_be_focused()
    expect(page.locator("#notes")).to_be_hidden()

    page.keyboard.press("?")
    letters = page.get_by_label("Single letters work as keys")
    letters.uncheck()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    page.keyboard.press("m")
    page.keyboard.press("d")
    expect(page.locator("#devices")).to_be_hidden()
    expect(room).to_have_attribute("data-own-microphone", "off")


def test_devices_are_chosen_and_kept(calling: Journey) -> None:
    one = alone(calling)
    one.enter()
    page = one.page
    expect(one.room).to_have_attribute("data-own-camera", "on")
    page.keyboard.press("d")
    microphone = page.locator("#choose-microphone")
    expect(page.locator("#devices video")).to_be_visible()
    microphone.select_option(label="Fake Audio Input 1")
    expect(microphone.locator("option:checked")).to_have_text("Fake Audio Input 1")
    level = page.locator("#devices .level")
    one.until(lambda: float(level.evaluate("each => each.value")) > 0, "is heard")
    page.get_by_label("Show me my picture").uncheck()
    page.keyboard.press("Escape")

    expect(page.locator("#own-video")).to_be_hidden()
    page.reload()
    expect(one.room).to_have_attribute("data-own-camera", "on")
    expect(page.locator("#own-video")).to_be_hidden()
    page.keyboard.press("d")
    expect(microphone.locator("option:checked")).to_have_text("Fake Audio Input 1")


def test_a_note_that_is_not_sent_is_kept_and_sent_again(calling: Journey) -> None:
    call = call_now()
    trainee, trainer = both(calling, call)
    meet(trainee, trainer)
    calls = trainee.page.context
    calls.route("**/room/message/", lambda route: route.abort())
    trainee.write("Kept <b>as typed</b>")
    line = trainee.page.locator("#notes .note")
    expect(line).to_contain_text("Not sent yet. Trying again")
    trainee.page.reload()
    expect(line).to_contain_text("Kept <b>as typed</b>")

    calls.unroute("**/room/message/")

    hint = trainer.page.locator("#new-note")
    expect(hint).to_contain_text("Kept <b>as typed</b>")
    expect(trainer.page.locator("[data-unread] [data-number]")).to_have_text("1")
    hint.click()
    expect(trainer.notes).to_have_text(["Kept <b>as typed</b>"])
    expect(trainer.page.locator("[data-unread]")).to_be_hidden()
    expect(line).to_have_count(1)
    calling.pardon("ERR_FAILED")


PLACE = "document.querySelector('#other-video').getBoundingClientRect().toJSON()"


def test_nothing_that_comes_moves_the_picture(calling: Journey) -> None:
    """Neither on a phone nor on a desk: what is said lies over the picture."""
    call = call_now()
    phone = {"viewport": {"width": 320, "height": 640}}
    trainee = side(calling, call, call.trainee, **phone)
    trainer = side(calling, call, call.trainer.user)
    meet(trainee, trainer)
    pages = (trainee.page, trainer.page)
    before = [page.evaluate(PLACE) for page in pages]

    def now() -> list[Any]:
        return [page.evaluate(PLACE) for page in pages]

    trainer.write("A note")
    expect(trainee.page.locator("#new-note")).to_be_visible()
    assert now()[0] == before[0]
    trainee.press("camera")
    trainer.is_told("other-camera", "off")
    trainer.cut()
    trainer.until(lambda: trainer.state() != "connected", "cut")

    assert now() == before


def test_test_page_says_how_each_part_went(calling: Journey, chromium: Browser) -> None:
    person = MemberFactory().user
    page = calling.signed_in(person.email)
    page.goto("/calls/test/")
    page.get_by_role("button", name="Start the test").click()
    for name in ("camera", "microphone", "network"):
        expect(page.locator(f"[data-part={name}]")).to_have_attribute(
            "data-result", "good"
        )
    page.get_by_role("button", name="Play a tone").click()
    page.get_by_role("button", name="Yes, I hear it").click()
    expect(page.get_by_text("All set for your call.")).to_be_visible()

    blind = calling.signed_in(person.email)
    blind.add_init_script("delete globalThis.RTCPeerConnection")
    blind.goto("/calls/test/")
    blind.get_by_role("button", name="Start the test").click()
    for name in ("camera", "microphone", "network"):
        part = blind.locator(f"[data-part={name}]")
        expect(part).to_contain_text("This browser cannot hold calls")
        expect(part.get_by_role("button", name="Try again")).to_have_count(0)

    bare = calling.signed_in(person.email, browser=chromium)
    bare.goto("/calls/test/")
    bare.get_by_role("button", name="Start the test").click()
    expect(bare.locator("[data-part=camera]")).to_contain_text("Plug them in")
    expect(bare.get_by_text("Something needs a look")).to_be_visible()
