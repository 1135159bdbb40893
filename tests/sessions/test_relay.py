"""The relay: what the app tells browsers of it, and what it is told not to reach."""

import base64
import hmac
import ipaddress
import re
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
import time_machine

from sessions import relay

CONFIGURATION = Path(__file__).parents[2] / "docs" / "coturn.conf"
RELAY = ["turn:turn.example.com:3478", "turns:turn.example.com:5349"]
NOT_PUBLIC = [
    "0.0.0.0",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.255",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.168.0.1",
    "192.168.255.255",
    "198.18.0.1",
    "198.19.255.255",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "::ffff:10.0.0.1",
    "::ffff:127.0.0.1",
    "64:ff9b::a00:1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:a00:1::",
    "fc00::1",
    "fdff::1",
    "fe80::1",
    "febf::1",
    "fec0::1",
    "ff02::1",
]
PUBLIC = ["1.1.1.1", "100.63.255.255", "100.128.0.0", "172.15.0.1", "172.32.0.0"]
PUBLIC += ["192.167.0.1", "192.169.0.1", "223.255.255.255", "2606:4700::1111"]


@pytest.fixture
def denied():
    lines = re.findall(r"^denied-peer-ip=(\S+)-(\S+)$", CONFIGURATION.read_text(), re.M)
    return [(ip_address(first), ip_address(last)) for first, last in lines]


def is_denied(denied, text):
    address = ip_address(text)
    return any(
        first <= address <= last
        for first, last in denied
        if first.version == address.version
    )


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_configuration_denies_what_is_not_public(denied, address):
    assert is_denied(denied, address)


@pytest.mark.parametrize("address", PUBLIC)
def test_configuration_lets_the_public_be_reached(denied, address):
    assert not is_denied(denied, address)


def test_configuration_denies_all_that_python_knows_as_private(denied):
    ends = {
        end
        for version in ("4", "6")
        for network in private_networks(version)
        for end in (network[0], network[-1])
        if not end.is_global and not end.is_unspecified  # coturn knows :: by itself
    }

    assert len(ends) > 30
    assert {str(end) for end in ends if not is_denied(denied, str(end))} == set()


def private_networks(version):
    """The special networks of the standard library, which follows IANA's lists."""
    constants = getattr(ipaddress, f"_IPv{version}Constants")
    single = [constants._linklocal_network, constants._multicast_network]
    return [*constants._private_networks, *single, ip_network("100.64.0.0/10")]


@pytest.mark.parametrize(
    "line",
    ["no-multicast-peers", "use-auth-secret", "no-cli", "no-tcp-relay", "no-tlsv1"],
)
def test_configuration_closes_what_is_not_needed(line):
    lines = CONFIGURATION.read_text().splitlines()

    assert line in lines
    assert "allow-loopback-peers" not in lines


def test_credentials_are_what_coturn_proves_and_last_an_hour(settings):
    settings.TURN_URLS, settings.TURN_SECRET = RELAY, "a shared secret of two"

    with time_machine.travel(datetime(2026, 6, 3, 9, tzinfo=UTC), tick=False):
        (server,) = relay.ice_servers()

    until, _colon, name = server["username"].partition(":")
    proof = hmac.new(b"a shared secret of two", server["username"].encode(), "sha1")
    assert server["urls"] == RELAY
    assert server["credential"] == base64.b64encode(proof.digest()).decode()
    assert datetime.fromtimestamp(int(until), UTC) == datetime(
        2026, 6, 3, 10, tzinfo=UTC
    )
    assert re.fullmatch(r"[0-9a-f]{16}", name)


def test_each_page_gets_credentials_of_its_own(settings):
    settings.TURN_URLS, settings.TURN_SECRET = RELAY, "a shared secret of two"

    names = {relay.ice_servers()[0]["username"] for _n in range(5)}

    assert len(names) == 5


def test_without_a_relay_there_is_nothing_to_tell(settings):
    settings.TURN_URLS, settings.STUN_URLS = [], []

    assert relay.ice_servers() == []

    settings.STUN_URLS = ["stun:stun.example.com:3478"]
    assert relay.ice_servers() == [{"urls": ["stun:stun.example.com:3478"]}]
