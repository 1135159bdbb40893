"""A real relay (coturn, as docs/coturn.conf says), and the app's credentials for it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from sessions.relay import credentials
from tests.browser.journeys import Journey
from tests.browser.rooms import (
    BY_RELAY_ALONE,
    Side,
    both,
    call_now,
    meet,
    relay,
)
from tests.turn import GRANTED, IPV4, IPV6, Client

FORBIDDEN, UNAUTHORISED = 403, 401
SECRET = "only for these tests, and long enough"
OF_NOBODY_BUT_US = {
    IPV4: [
        *("0.0.0.1", "10.0.0.1", "100.64.0.1", "127.0.0.1", "169.254.169.254"),
        *("172.16.0.1", "172.31.255.254", "192.0.0.1", "192.168.0.1", "198.18.0.1"),
        *("224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    ],
    IPV6: [
        *("::", "::1", "fc00::1", "fdff::1", "fe80::1", "ff02::1"),
        *("::ffff:10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::a00:1", "2002:a00:1::1"),
    ],
}
OF_EVERYBODY = {IPV4: "8.8.8.8", IPV6: "2a00:1450::1"}


@pytest.fixture
def strict_relay(tmp_path: Path, settings: Any) -> Iterator[tuple[str, int]]:
    """The relay as it is to be run."""
    settings.TURN_SECRET = SECRET
    with relay(tmp_path, SECRET) as port:
        yield "127.0.0.1", port


@pytest.fixture
def near_relay(tmp_path: Path, settings: Any) -> Iterator[Path]:
    """The relay, and it reaches this machine: here both sides are on it; its log."""
    open_to_us = "allow-loopback-peers", "allowed-peer-ip=127.0.0.1"
    with relay(tmp_path, SECRET, *open_to_us) as port:
        settings.TURN_SECRET = SECRET
        settings.TURN_URLS = [f"turn:127.0.0.1:{port}?transport=udp"]
        yield tmp_path / "relay.log"


@pytest.mark.parametrize("family", [IPV4, IPV6])
def test_relay_refuses_all_that_is_not_public(
    strict_relay: tuple[str, int], family: int
) -> None:
    with Client(strict_relay, *credentials()) as client:
        assert client.allocate(family) == GRANTED

        answers = {peer: client.permit(peer) for peer in OF_NOBODY_BUT_US[family]}

        assert answers == dict.fromkeys(OF_NOBODY_BUT_US[family], FORBIDDEN)
        assert client.permit(OF_EVERYBODY[family]) == GRANTED


def test_relay_lets_in_nobody_without_fresh_credentials(
    strict_relay: tuple[str, int], settings: Any
) -> None:
    name, password = credentials()
    settings.TURN_LIFE = timedelta(seconds=-1)
    for wrong in (credentials(), (name, password[::-1]), ("", "")):
        with Client(strict_relay, *wrong) as client:
            assert client.allocate() == UNAUTHORISED
    with Client(strict_relay, name, password) as client:
        assert client.allocate() == GRANTED


HOLDS = """() => peers.filter((each) => each.connectionState === "connected").map(
  (each) => each.getConfiguration().iceServers[0]
)[0]"""


def held_by(side: Side) -> tuple[str, str, int]:
    """What lets a page into the relay now: name, password, until when (Unix time)."""
    server = side.page.evaluate(HOLDS)
    until = int(server["username"].split(":")[0])
    return server["username"], server["credential"], until


def relayed(journey: Journey) -> tuple[Side, Side]:
    """The two behind firewalls that let nothing through but what a relay carries."""
    sides = both(journey, call_now())
    for each in sides:
        each.page.context.add_init_script(BY_RELAY_ALONE)
    return sides


def test_strict_firewalls_are_passed_by_the_relay(
    near_relay: Path, calling: Journey
) -> None:
    trainee, trainer = relayed(calling)

    meet(trainee, trainer)

    for each in (trainee, trainer):
        assert each.ways() == ["relay"]
        each.until(
            lambda each=each: each.room.get_attribute("data-route") == "relay",
            "the page says that a relay is used",
        )


def test_an_expired_name_is_refused_and_the_page_says_what_to_do(
    near_relay: Path, calling: Journey, settings: Any
) -> None:
    life, settings.TURN_LIFE = settings.TURN_LIFE, timedelta(minutes=-5)
    trainee, trainer = relayed(calling)
    for each in (trainee, trainer):
        each.enter()
    for each in (trainee, trainer):
        expect(each.ladder).to_be_visible()
    assert "Cannot find credentials" in near_relay.read_text()

    for each in (trainee, trainer):
        each.ladder.get_by_role("button", name="Use the relay").click()
        expect(each.ladder).to_contain_text("did not let you in. Reload the page once")
        assert each.state() != "connected"
    link = trainer.ladder.locator("[data-rung=link]")
    expect(link).to_contain_text("Both of you are sent there")

    settings.TURN_LIFE = life
    for each in (trainee, trainer):
        each.page.reload()
    for each in (trainee, trainer):
        each.connected()
        each.sees_the_other()
        assert each.ways() == ["relay"]
        expect(each.ladder).to_be_hidden()


def test_what_lets_in_is_renewed_before_it_runs_out_and_the_call_reconnects(
    near_relay: Path, calling: Journey, settings: Any
) -> None:
    settings.TURN_LIFE = timedelta(seconds=8)
    trainee, trainer = relayed(calling)
    meet(trainee, trainer)
    port = int(settings.TURN_URLS[0].split("?")[0].rsplit(":", 1)[1])
    first = {each.name: held_by(each) for each in (trainee, trainer)}

    for each in (trainee, trainer):
        name, password, until = first[each.name]
        each.until(lambda until=until: time.time() > until + 1, "it has run out")
        with Client(("127.0.0.1", port), name, password) as client:
            assert client.allocate() == UNAUTHORISED
        each.until(
            lambda each=each: held_by(each)[2] > time.time(), "a fresh one is held"
        )
        assert each.state() == "connected"
    trainee.cut()

    for each in (trainee, trainer):
        each.connected()
        each.sees_the_other()
        assert each.ways() == ["relay"]
        assert held_by(each)[0] != first[each.name][0]
        expect(each.ladder).to_be_hidden()
