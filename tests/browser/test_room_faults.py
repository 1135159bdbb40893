"""What goes wrong with a camera or a microphone: its words, and the next step."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Playwright, expect

from tests.browser.journeys import Journey, launched, travelling
from tests.browser.rooms import MADE_UP_DEVICES, Side, call_now, meet, side

ALLOWED = ["camera", "microphone"]
ELSEWHERE = "rooms.example.com"


def meet_unseen(*sides: Side) -> None:
    """As `meet`, where somebody has no camera."""
    for each in sides:
        each.enter()
    for each in sides:
        each.connected()


def holder_of_cameras(browser: Browser) -> int:
    """The browser's process that has opened the cameras."""
    session = browser.new_browser_cdp_session()
    for process in session.send("SystemInfo.getProcessInfo")["processInfo"]:
        words = Path(f"/proc/{process['id']}/cmdline").read_text()
        if "video_capture" in words:
            return int(process["id"])
    raise AssertionError("No process holds a camera.")


def test_who_allows_no_device_is_in_the_call_and_may_think_again(
    calling: Journey, guarded_cameras: Browser
) -> None:
    call = call_now()
    trainer = side(calling, call, call.trainer.user)
    trainee = side(calling, call, call.trainee, browser=guarded_cameras)
    meet_unseen(trainee, trainer)
    fault = trainee.fault("both-denied")
    expect(fault).to_be_visible()
    trainee.is_announced(fault.locator("[data-title]").inner_text())
    trainer.is_told("other-camera", "off")
    trainer.is_told("other-microphone", "off")

    trainee.page.context.grant_permissions(ALLOWED)
    fault.get_by_role("button", name="Try again").click()

    expect(fault).to_have_count(0)
    trainer.is_told("other-camera", "on")
    trainer.sees_the_other()


def test_a_device_that_is_unplugged_or_forbidden_is_replaced_or_named(
    calling: Journey, guarded_cameras: Browser
) -> None:
    """The process that holds the camera is killed: for the page it is unplugged."""
    call = call_now()
    trainer = side(calling, call, call.trainer.user)
    trainee = side(calling, call, call.trainee, browser=guarded_cameras)
    trainee.page.context.grant_permissions(ALLOWED)
    meet(trainee, trainer)

    os.kill(holder_of_cameras(guarded_cameras), signal.SIGKILL)
    expect(trainee.fault("camera-replaced")).to_contain_text("You are now seen through")
    trainer.sees_the_other()

    trainee.page.context.clear_permissions()
    expect(trainee.fault("camera-gone")).to_contain_text("Your camera")
    expect(trainee.fault("microphone-gone")).to_contain_text("you are not heard")
    trainer.is_told("other-camera", "off")
    trainer.is_told("other-microphone", "off")
    assert trainee.state() == "connected"
    trainee.sees_the_other()


def test_an_address_without_tls_says_so_and_the_rest_works(
    calling: Journey, playwright: Playwright, settings: Any
) -> None:
    """As when somebody serves it in their network by http: no browser gives devices."""
    elsewhere = (
        urlsplit(calling.url)
        ._replace(netloc=f"{ELSEWHERE}:{urlsplit(calling.url).port}")
        .geturl()
    )
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, ELSEWHERE]
    settings.CSRF_TRUSTED_ORIGINS = [elsewhere]
    browser = launched(
        playwright, MADE_UP_DEVICES, f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1"
    )
    call = call_now()
    trainer = side(calling, call, call.trainer.user)
    with travelling(elsewhere, browser, settings, datetime.now(UTC)) as journey:
        trainee = side(journey, call, call.trainee)
        trainee.page.context.unroute_all()  # these ask for the name outside of Chromium
        meet_unseen(trainee, trainer)

        assert not trainee.page.evaluate("isSecureContext")
        expect(trainee.fault("insecure")).to_contain_text("https")
        trainee.sees_the_other()
        trainee.write("I am at the wrong address.")
        expect(trainer.page.locator("#new-note")).to_contain_text("the wrong address")
        trainee.press("leave")
        trainer.until(lambda: trainer.state() == "waiting", "the other has left")
        journey.pardon("Cross-Origin-Opener-Policy header has been ignored")
    browser.close()
