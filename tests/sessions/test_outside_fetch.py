"""An address that somebody else chose leads nowhere but to the open net."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sessions.outside_fetch import (
    MOST_BYTES,
    Answer,
    CannotRead,
    checked,
    fetch,
    is_public,
    look_up,
)
from tests.sessions.calendar_server import NAME, PUBLIC, make_certificate, send, serve

URL = f"https://{NAME}/private/me.ics"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("tls"), NAME, "other.example.com")


@pytest.fixture
def serving(certificate):
    @contextmanager
    def start(answer) -> Iterator:
        with serve(answer, *certificate) as server:
            yield server

    return start


def refusal(url, net=None, **more) -> str:
    with pytest.raises(CannotRead) as refused:
        fetch(url, net=net, **more)
    return refused.value.why


# --- Addresses -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("https://Calendar.Example.com/a.ics", "https://calendar.example.com/a.ics"),
        (
            " webcal://calendar.example.com/a?b=1#c ",
            "https://calendar.example.com/a?b=1",
        ),
        ("https://calendar.example.com.:443/a", "https://calendar.example.com/a"),
        ("https://calendar.example.com:8443/a", "https://calendar.example.com:8443/a"),
        ("https://bücher.example.com/a", "https://xn--bcher-kva.example.com/a"),
    ],
)
def test_good_address_is_written_one_way(url, meant):
    assert checked(url).geturl() == meant


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "not_https"),
        ("calendar.example.com/a.ics", "not_https"),
        ("http://calendar.example.com/a.ics", "not_https"),
        ("file:///etc/passwd", "not_https"),
        ("gopher://calendar.example.com/", "not_https"),
        ("javascript:alert(1)", "not_https"),
        ("https://me:secret@calendar.example.com/", "has_password"),
        ("https://calendar.example.com@127.0.0.1/", "has_password"),
        ("https://@calendar.example.com/", "has_password"),
        ("https://calendar.example.com:22/", "odd_port"),
        ("https://calendar.example.com:99999/", "not_an_address"),
        ("https://calendar.example.com:x/", "not_an_address"),
        ("https:///a.ics", "not_an_address"),
        ("https://[::1/", "not_an_address"),
        ("https://calendar.example.com/a b", "not_an_address"),
        ("https://calendar.example.com/a\r\nHost: b", "not_an_address"),
        ("https://calendar\x00.example.com/", "not_an_address"),
        ("https://-a.example.com/", "not_an_address"),
        (f"https://{'a' * 64}.example.com/", "not_an_address"),
        (f"https://{'a.' * 130}com/", "not_an_address"),
        ("https://calendar%2eexample.com/", "not_an_address"),
        ("https://localhost/", "private"),
        ("https://database/", "private"),
        ("https://printer.local/", "private"),
        ("https://metadata.google.internal/", "private"),
        ("https://127.0.0.1/", "not_a_name"),
        ("https://2130706433/", "not_a_name"),
        ("https://0x7f000001/", "not_a_name"),
        ("https://0x7f.1/", "not_a_name"),
        ("https://0177.0.0.1/", "not_a_name"),
        ("https://127.1/", "not_a_name"),
        ("https://93.184.215.14/", "not_a_name"),
        ("https://[::1]/", "not_a_name"),
        ("https://[::ffff:127.0.0.1]/", "not_a_name"),
        ("https://①②⑦.⓪.⓪.①/", "not_a_name"),
    ],
)
def test_other_address_is_refused_and_nobody_asked(url, why):
    with pytest.raises(CannotRead) as refused:
        checked(url)

    assert refused.value.why == why


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:4700::6810:84e5"])
def test_address_of_the_open_net_is_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::7f00:1",
        "64:ff9b::808:808",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "2606:4700::1%eth0",
        "fec0::1",
        "ff02::1",
        "0x7f000001",
        "127.1",
        "",
    ],
)
def test_other_address_is_not_public(address):
    assert not is_public(address)


def test_name_of_this_machine_is_looked_up_and_not_public():
    assert not any(map(is_public, look_up("localhost", 443)))


@pytest.mark.parametrize(
    "found",
    [
        ["127.0.0.1"],
        ["169.254.169.254"],
        [PUBLIC, "10.0.0.1"],
        ["2606:4700::1", "::ffff:10.0.0.1"],
    ],
)
def test_name_that_leads_into_a_private_network_is_refused_unasked(serving, found):
    with serving(lambda handler: send(handler, 200)) as server:
        assert refusal(URL, server.net({NAME: found})) == "private"

        assert server.opened == []


def test_name_that_stands_for_nothing_is_refused(serving):
    with serving(lambda handler: send(handler, 200)) as server:
        assert refusal(URL, server.net({NAME: []})) == "no_server"


# --- Asking ----------------------------------------------------------------------


def test_connection_goes_to_the_address_that_was_checked(serving):
    """One look-up, and no other by the connection: the name cannot change meanwhile."""
    with serving(lambda handler: send(handler, 200, b"BEGIN")) as server:
        fetch(URL, net=server.net())

        assert server.looked_up == [(NAME, 443)]
        assert server.opened == [(PUBLIC, 443, NAME)]


def test_second_kind_of_address_is_tried_when_the_first_is_dead(serving):
    with serving(lambda handler: send(handler, 200, b"BEGIN")) as server:
        net = server.net({NAME: ["2606:4700::1", PUBLIC]})
        first = []

        def dead_first(address, port, host):
            pool = net.open_pool(address, port, host)
            if not first:
                first.append(address)
                pool.port = 1  # nobody listens there
            return pool

        answer = fetch(URL, net=type(net)(net.look_up, dead_first))

        assert first == [PUBLIC]
        assert answer.body == b"BEGIN"


def test_request_names_nobody_and_asks_for_no_compression(serving):
    with serving(lambda handler: send(handler, 200, Set_Cookie="a=b")) as server:
        fetch(f"{URL}?key=1#part", net=server.net())
        fetch(URL, net=server.net())

        assert server.asked[0][0] == "/private/me.ics?key=1"
        assert [set(headers) for _path, headers in server.asked] == [
            {"Host", "Accept", "Accept-Encoding", "User-Agent", "Connection"}
        ] * 2
        assert server.asked[0][1]["Host"] == NAME
        assert server.asked[0][1]["Accept-Encoding"] == "identity"


def test_path_is_sent_in_ascii_and_not_quoted_twice(serving):
    with serving(lambda handler: send(handler, 200)) as server:
        fetch(f"https://{NAME}/josé%40example.com/a.ics?k=ä&b=c", net=server.net())

        assert server.asked[0][0] == "/jos%C3%A9%40example.com/a.ics?k=%C3%A4&b=c"


def test_proxy_of_the_environment_is_not_used(serving, monkeypatch):
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/")

    with serving(lambda handler: send(handler, 200, b"BEGIN")) as server:
        assert fetch(URL, net=server.net()).body == b"BEGIN"


def test_file_comes_with_what_tells_its_version(serving):
    def answer(handler):
        send(handler, 200, b"BEGIN", ETag='"1"', Last_Modified="Mon, 23 Nov 2026")

    with serving(answer) as server:
        found = fetch(URL, net=server.net())

    assert found == Answer(b"BEGIN", '"1"', "Mon, 23 Nov 2026")


def test_version_that_cannot_be_kept_is_dropped(serving):
    def answer(handler):
        send(handler, 200, b"BEGIN", ETag="x" * 301, Last_Modified="a\xff")

    with serving(answer) as server:
        assert fetch(URL, net=server.net()) == Answer(b"BEGIN")


def test_unchanged_file_is_not_sent_again(serving):
    with serving(lambda handler: send(handler, 304)) as server:
        found = fetch(URL, etag='"1"', modified="Mon", net=server.net())

        assert found == Answer(None)
        assert server.asked[0][1]["If-None-Match"] == '"1"'
        assert server.asked[0][1]["If-Modified-Since"] == "Mon"


def test_certificate_of_another_name_is_refused(serving):
    with serving(lambda handler: send(handler, 200)) as server:
        other = "https://wrong.example.com/"

        assert refusal(other, server.net()) == "bad_certificate"
        assert server.asked == []


def test_certificate_nobody_vouches_for_is_refused(serving, tmp_path):
    stranger, _key = make_certificate(tmp_path, NAME)
    with serving(lambda handler: send(handler, 200)) as server:
        server.certificate = stranger

        assert refusal(URL, server.net()) == "bad_certificate"


# --- Redirects -------------------------------------------------------------------


def leading(*places):
    """Lead from place to place, then answer."""
    left = list(places)

    def answer(handler):
        if left:
            send(handler, 302, Location=left.pop(0))
        else:
            send(handler, 200, b"BEGIN")

    return answer


def test_redirects_are_followed_three_times(serving):
    three = ["/b", "https://other.example.com/c", "d"]
    with serving(leading(*three)) as server:
        assert fetch(URL, net=server.net()).body == b"BEGIN"

        assert [path for path, _headers in server.asked] == [
            "/private/me.ics",
            "/b",
            "/c",
            "/d",
        ]
        assert [host for _ip, _port, host in server.opened] == [
            NAME,
            NAME,
            "other.example.com",
            "other.example.com",
        ]


def test_fourth_redirect_is_one_too_many(serving):
    with serving(leading("/b", "/c", "/d", "/e")) as server:
        assert refusal(URL, server.net()) == "too_many_redirects"
        assert len(server.asked) == 4


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("http://calendar.example.com/", "not_https"),
        ("file:///etc/passwd", "not_https"),
        ("https://127.0.0.1/", "not_a_name"),
        ("https://2130706433/", "not_a_name"),
        ("https://[::1]/", "not_a_name"),
        ("https://localhost/", "private"),
        ("https://a:b@other.example.com/", "has_password"),
        ("https://other.example.com:22/", "odd_port"),
        ("https://inside.example.com/", "private"),
        ("//inside.example.com/", "private"),
        ("https://[", "not_an_address"),
    ],
)
def test_redirect_is_checked_like_the_first_address(serving, place, why):
    with serving(leading(place)) as server:
        net = server.net({"inside.example.com": ["192.168.0.1"]})

        assert refusal(URL, net) == why
        assert len(server.asked) == 1


# --- Answers ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (401, "forbidden"),
        (403, "forbidden"),
        (404, "gone"),
        (410, "gone"),
        (429, "failing"),
        (500, "failing"),
        (503, "failing"),
        (204, "odd_answer"),
        (400, "odd_answer"),
    ],
)
def test_answer_without_a_file_says_why(serving, status, why):
    with serving(lambda handler: send(handler, status)) as server:
        assert refusal(URL, server.net()) == why


def test_file_that_says_it_is_too_large_is_not_read(serving):
    size = str(MOST_BYTES + 1)
    with serving(lambda handler: send(handler, 200, Content_Length=size)) as server:
        assert refusal(URL, server.net()) == "too_large"


@pytest.mark.parametrize(
    ("size", "is_read"), [(MOST_BYTES, True), (MOST_BYTES + 1, False)]
)
def test_file_of_unknown_size_is_read_up_to_the_limit(serving, size, is_read):
    def answer(handler):
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(b"x" * size)

    with serving(answer) as server:
        if is_read:
            assert fetch(URL, net=server.net()).body == b"x" * size
        else:
            assert refusal(URL, server.net()) == "too_large"


@pytest.mark.parametrize("encoding", ["gzip", "br", "gzip, gzip", "nonsense"])
def test_compressed_file_is_not_opened(serving, encoding):
    bomb = gzip.compress(b"\0" * 2**20)

    def answer(handler):
        send(handler, 200, bomb, Content_Encoding=encoding)

    with serving(answer) as server:
        assert refusal(URL, server.net()) == "compressed"


def test_server_that_breaks_off_is_not_taken_for_a_short_file(serving):
    def answer(handler):
        send(handler, 200, b"BEGIN", Content_Length="1000")
        handler.close_connection = True

    with serving(answer) as server:
        assert refusal(URL, server.net()) == "no_answer"


def test_server_that_talks_nonsense_gives_no_answer(serving):
    with serving(lambda handler: handler.wfile.write(b"\0\n\n" * 9)) as server:
        assert refusal(URL, server.net()) == "no_answer"
