"""The room, served by real processes: several of them, killed, and cut off."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright

from tests.browser.journeys import FLAGS, Journey
from tests.browser.rooms import (
    MADE_UP_DEVICES,
    SAYS_YES,
    Net,
    Web,
    both,
    call_now,
    meet,
    side,
)

GATEWAY = r"status of 502|: 502$|ERR_"


def test_two_processes_serve_a_call_that_outlives_them(
    calling_web: Journey, web: Web
) -> None:
    """Both killed in the call: the picture goes on, and what was done meanwhile comes."""
    trainee, trainer = both(calling_web, call_now())
    meet(trainee, trainer)
    polls = dict(web.proxy.answered)
    trainee.until(
        lambda: all(web.proxy.answered[port] > polls[port] for port in web.ports),
        "each process answers polls",
    )

    web.kill()
    made = [each.connections() for each in (trainee, trainer)]
    for each in (trainee, trainer):
        each.until(
            lambda each=each: each.room.get_attribute("data-signalling") == "lost",
            "it is said that the server does not answer",
        )
        each.sees_the_other(pictures=30)
        each.connected()
    assert [each.connections() for each in (trainee, trainer)] == made
    trainee.press("microphone")
    web.start()

    trainer.is_told("other-microphone", "off")
    for each in (trainee, trainer):
        each.until(
            lambda each=each: each.room.get_attribute("data-signalling") == "on",
            "the server answers again",
        )
        each.sees_the_other()
    trainee.press("leave")
    trainer.until(lambda: trainer.state() == "waiting", "the other has left")
    calling_web.pardon(GATEWAY)


@pytest.fixture
def net() -> Iterator[Net]:
    with Net() as net:
        yield net


@pytest.fixture
def far_cameras(net: Net, playwright: Playwright, tmp_path: Path) -> Iterator[Browser]:
    """A browser with cameras in a network of its own."""
    browser = net.browser(playwright, tmp_path, [*FLAGS, MADE_UP_DEVICES, SAYS_YES])
    yield browser
    browser.close()


@contextmanager
def asleep(browser: Browser) -> Iterator[None]:
    """Stop all of a browser's processes, as a laptop does that is closed."""
    session = browser.new_browser_cdp_session()
    found = session.send("SystemInfo.getProcessInfo")["processInfo"]
    pids = sorted({int(each["id"]) for each in found})
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@pytest.mark.networks
def test_a_call_outlives_a_cut_network_and_a_sleeping_laptop(
    calling_web: Journey, net: Net, far_cameras: Browser
) -> None:
    call = call_now()
    trainer = side(calling_web, call, call.trainer.user)
    trainee = side(calling_web, call, call.trainee, browser=far_cameras)
    meet(trainee, trainer)

    net.cut()
    for each in (trainee, trainer):
        each.until(
            lambda each=each: each.state() == "reconnecting", "it notices the cut"
        )
    trainee.press("camera")
    net.mend()

    for each in (trainee, trainer):
        each.connected()
    trainee.sees_the_other()
    trainer.is_told("other-camera", "off")
    trainee.press("camera")
    trainer.sees_the_other()

    with asleep(far_cameras):
        trainer.until(lambda: trainer.state() == "reconnecting", "it hears nothing")
    for each in (trainee, trainer):
        each.connected()
        each.sees_the_other()
    calling_web.pardon(GATEWAY)
