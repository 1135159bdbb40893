"""A weak line, and who is signed out meanwhile: the words, and the way on."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.journeys import Journey
from tests.browser.rooms import both, call_now, meet

# The other side says that it misses every fifth packet of ours.
MISS_A_FIFTH = """() => {
  globalThis.isWeak = true;
  const { getStats } = RTCPeerConnection.prototype;
  RTCPeerConnection.prototype.getStats = async function weakened() {
    const rows = [...(await getStats.call(this))];
    return new Map(rows.map(([key, row]) => [
      key,
      row.type === "remote-inbound-rtp" && isWeak ? {...row, fractionLost: 0.2} : row,
    ]));
  };
}"""


def test_a_weak_line_is_told_and_does_without_pictures(calling: Journey) -> None:
    trainee, trainer = both(calling, call_now())
    meet(trainee, trainer)
    weak, sound = (
        trainee.page.locator(f"[data-line={name}]") for name in ("weak", "sound")
    )
    theirs = trainer.page.locator("[data-line=theirs]")
    expect(trainee.page.get_by_text("Good line")).to_be_visible()
    expect(weak).to_be_hidden()

    trainee.page.evaluate(MISS_A_FIFTH)
    expect(weak).to_be_visible()
    expect(weak).to_contain_text("Turn your camera off")
    expect(trainee.page.get_by_text("Weak line")).to_be_visible()
    trainee.page.evaluate("isWeak = false")
    weak.get_by_role("button", name="Talk without pictures").click()

    expect(sound).to_be_visible()
    expect(weak).to_be_hidden()
    expect(theirs).to_contain_text("Jonas Weber talks without pictures")
    expect(theirs).to_contain_text("Your camera and screen are not sent")
    trainer.is_announced("your camera is not sent")
    expect(trainee.page.locator("[data-line=theirs]")).to_be_hidden()
    for each in (trainee, trainer):
        each.connected()
        each.is_told("other-camera", "off")
    seen = trainee.frames(), trainer.frames()
    for each in (trainee, trainer):
        each.until(each.hears_the_other, "sound goes on")
    assert (trainee.frames(), trainer.frames()) == seen

    sound.get_by_role("button", name="Bring the pictures back").click()
    for each in (trainee, trainer):
        each.sees_the_other()
    expect(sound).to_be_hidden()
    expect(theirs).to_be_hidden()


def test_who_is_signed_out_meanwhile_is_led_to_sign_in_and_back(
    calling: Journey,
) -> None:
    """And the other side sees within two polls that they are gone."""
    trainee, trainer = both(calling, call_now())
    meet(trainee, trainer)
    other_tab = trainee.page.context.new_page()
    other_tab.goto("/accounts/logout/")
    with other_tab.expect_response("**/accounts/logout/"):
        other_tab.locator("main").get_by_role("button", name="Sign out").click()
    polls: list[str] = []
    trainer.page.on("request", lambda asked: polls.append(asked.url))

    trainer.until(lambda: trainer.state() == "waiting", "the other has left")
    assert len([url for url in polls if url.endswith("/poll/")]) <= 2
    other_tab.close()
    trainee.until(trainee.is_hung_up, "hangs up")

    over = trainee.page.locator("#over")
    expect(over).to_contain_text("You are signed out")
    over.get_by_role("link", name="Sign in again").click()
    room = f"/calls/{trainee.call.ref}/room/"
    expect(trainee.page).to_have_url(f"{calling.url}/accounts/login/?next={room}")
