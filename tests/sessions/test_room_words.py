"""What the page of a room may say: anything else is refused in words, never a 500."""

import json
from datetime import UTC, datetime
from uuid import uuid4

import pytest
import time_machine
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lms.errors import Refused
from sessions.models import LONGEST_MESSAGE, CallMessage, Presence, QualitySample
from sessions.room_words import LONGEST_BODY, MOST_SIGNALS, read_message, read_poll
from tests.factories import BookingFactory
from tests.sessions.rooms import Tab, two_in

TEN = datetime(2026, 6, 3, 9, tzinfo=UTC)
TAB = str(uuid4())
OFFER = {"description": {"type": "offer", "sdp": "v=0\r\n"}}
CANDIDATE = {
    "candidate": {
        "candidate": "candidate:1 1 udp 1 192.0.2.1 9 typ host",
        "sdpMid": "0",
        "sdpMLineIndex": 0,
        "usernameFragment": None,
    }
}


@pytest.fixture
def call(db):
    with time_machine.travel(TEN, tick=False):
        yield BookingFactory(starts_at=TEN)


def signal(**more):
    return {"to": TAB, "key": str(uuid4()), "body": OFFER} | more


def refused(read, said):
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    with pytest.raises(Refused) as refusal:
        read(body)
    return str(refusal.value)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"seen": 0, "messages": 2**63 - 1, "ice": True},
        {"state": {"microphone": True, "route": "relay"}},
        {"state": {"route": ""}},
        {"quality": {"loss": 0, "round_trip": 12.5, "bitrate": 0}},
        {"signals": [signal(), signal(body=CANDIDATE | {"generation": 3})]},
        {"signals": [signal(body={"candidate": None})]},
        {"signals": [signal(body={"description": {"type": "rollback"}})]},
        {"signals": [signal() for _n in range(MOST_SIGNALS)]},
    ],
)
def test_what_a_page_says_is_read(more):
    said = read_poll(json.dumps({"tab": TAB} | more).encode())

    assert str(said.tab) == TAB
    assert len(said.signals) == len(more.get("signals", []))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"", "This is no JSON."),
        (b"{", "This is no JSON."),
        (b"\xff", "This is no JSON."),
        (b"[" * 100_000, "This is no JSON."),
        (b'{"tab": NaN}', "This is no JSON."),
        (b"[]", "This is no JSON object."),
        (b"null", "This is no JSON object."),
        ({}, "“tab” is missing or not as it should be."),
        ({"tab": "nobody"}, "“tab” is missing or not as it should be."),
        ({"tab": TAB.replace("-", "")}, "“tab” is missing or not as it should be."),
        ({"tab": TAB + "\n"}, "“tab” is missing or not as it should be."),
        ({"tab": TAB, "sean": 1}, "“sean” is not known here."),
        ({"tab": TAB, "x" * 999: 1}, f"“{'x' * 40}” is not known here."),
        (
            {"tab": TAB, "state": {"route": "a\x00b"}},
            "This holds letters or numbers that nobody can write.",
        ),
        (
            b'{"tab": "\\ud800"}',
            "This holds letters or numbers that nobody can write.",
        ),
        (
            b'{"quality": {"loss": 1e999}}',
            "This holds letters or numbers that nobody can write.",
        ),
    ],
)
def test_what_is_no_word_of_a_page_is_refused_in_words(said, words):
    assert refused(read_poll, said) == words


@pytest.mark.parametrize(
    ("name", "value", "wrong"),
    [
        *[("seen", value, "seen") for value in (-1, 2**63, 1.5, "1", True, None, [])],
        *[("messages", value, "messages") for value in (-1, 2**63, "x", None)],
        *[("ice", value, "ice") for value in (1, 0, "true", None)],
        *[("state", value, "state") for value in (None, [], "x", 1)],
        ("state", {"camera": 1}, "camera"),
        ("state", {"route": "carrier pigeon"}, "route"),
        ("state", {"route": None}, "route"),
        *[("quality", value, "quality") for value in (None, [], 7)],
        ("quality", {}, "loss"),
        ("quality", {"loss": 100.1, "round_trip": 1, "bitrate": 1}, "loss"),
        ("quality", {"loss": -0.1, "round_trip": 1, "bitrate": 1}, "loss"),
        ("quality", {"loss": 1, "round_trip": 60_001, "bitrate": 1}, "round_trip"),
        ("quality", {"loss": 1, "round_trip": 1, "bitrate": True}, "bitrate"),
        ("quality", {"loss": 1, "round_trip": 1, "bitrate": 10**9}, "bitrate"),
        *[("signals", value, "signals") for value in (None, {}, "x", [1], [[]])],
        ("signals", [signal()] * (MOST_SIGNALS + 1), "signals"),
        ("signals", [signal(to="you")], "to"),
        ("signals", [signal(key=1)], "key"),
        *[("signals", [signal(body=body)], "body") for body in (None, [], {}, 1)],
        ("signals", [signal(body=OFFER | CANDIDATE)], "body"),
        ("signals", [signal(body=OFFER | {"generation": 0})], "generation"),
        ("signals", [signal(body=OFFER | {"generation": "1"})], "generation"),
        *[
            ("signals", [signal(body={"description": value})], "description")
            for value in (
                None,
                {},
                {"type": "x"},
                {"type": ["offer"]},
                {"type": "offer", "sdp": 1},
            )
        ],
        ("signals", [signal(body={"candidate": {"candidate": 1}})], "candidate"),
        ("signals", [signal(body={"candidate": {"x": "y"}})], "candidate"),
        ("signals", [signal(body={"candidate": {"sdpMLineIndex": True}})], "candidate"),
        (
            "signals",
            [signal(body={"description": {"type": "offer", "sdp": "x" * 65_536}})],
            "body",
        ),
    ],
)
def test_a_part_of_another_kind_or_size_is_named(name, value, wrong):
    words = refused(read_poll, {"tab": TAB, name: value})

    assert words == f"“{wrong}” is missing or not as it should be."


def test_the_longest_message_fits_and_one_letter_more_does_not():
    line = {"key": TAB, "text": "ü" * LONGEST_MESSAGE}
    assert read_message(json.dumps(line).encode()).text == line["text"]

    words = refused(read_message, line | {"text": line["text"] + "x"})

    assert words == "Your message is too long: at most 2000 letters go in one."


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"text": " \n"}, "Please write something first."),
        ({"text": None}, "“text” is missing or not as it should be."),
        ({"key": "x"}, "“key” is missing or not as it should be."),
        ({"to": "all"}, "“to” is not known here."),
        (
            {"text": "a\x00b"},
            "This holds letters or numbers that nobody can write.",
        ),
    ],
)
def test_what_is_no_message_is_refused_in_words(more, words):
    assert refused(read_message, {"key": TAB, "text": "Hello"} | more) == words


# --- Over HTTP ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["room_poll", "room_message"])
def test_what_is_refused_is_answered_in_json(call, name):
    tab = Tab(call, call.trainee)

    wrong = tab.post(name, {"tab": 1})
    too_long = tab.post(name, {"tab": "x" * LONGEST_BODY})

    assert (wrong.status_code, too_long.status_code) == (400, 413)
    assert list(wrong.json()) == list(too_long.json()) == ["words"]
    assert too_long.json()["words"] == "This is too long."
    assert not Presence.objects.exists()


@pytest.mark.parametrize("name", ["room_poll", "leave_room", "room_message"])
def test_only_our_own_pages_may_post(call, name):
    tab = Tab(call, call.trainee)
    tab.client.handler.enforce_csrf_checks = True

    response = tab.client.post(reverse(f"sessions:{name}", args=[call.ref]))

    assert response.status_code == 403


@pytest.fixture
def tab(call):
    with time_machine.travel(TEN.replace(microsecond=1), tick=False):  # not counted
        yield two_in(call)[0]


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([TAB, "offer", "\x00", "9" * 400, "relay", ""]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "tab",
                    "seen",
                    "messages",
                    "signals",
                    "state",
                    "quality",
                    "ice",
                    "to",
                    "key",
                    "body",
                    "text",
                    "description",
                    "candidate",
                    "type",
                    "sdp",
                    "generation",
                    "route",
                    "loss",
                ]
            )
            | st.text(max_size=5),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@settings(
    max_examples=150,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(said=ANYTHING, valid=st.booleans(), name=st.sampled_from(["poll", "message"]))
def test_anything_is_answered_and_nothing_breaks(tab, said, valid, name):
    if valid and isinstance(said, dict):  # wrong in a part alone
        said = {"poll": {"tab": tab.tab}, "message": {"key": TAB}}[name] | said

    body = json.dumps(said)
    response = tab.post(f"room_{name}", body)

    assert response.status_code in (200, 400, 413), (body, response.content)
    if response.status_code != 200:
        assert response.json()["words"]


# --- How much ----------------------------------------------------------------------------


def test_who_asks_far_too_often_waits_some_seconds(call):
    """At this frozen instant each request is counted, else one of sixteen."""
    trainee, trainer = two_in(call)
    with time_machine.travel(TEN, tick=False) as clock:
        answers = [trainee.ask().status_code for _n in range(45)]
        waits = trainee.ask()
        clock.shift(5)
        after = trainee.ask()

    assert answers == [200] * 40 + [429] * 5
    assert waits["Retry-After"] == "5"
    assert waits.json() == {"words": "That is too often. Wait a few seconds."}
    assert after.status_code == 200
    assert trainer.poll()["other"]["tab"] == trainee.tab


def test_who_asks_as_a_page_does_never_waits(call):
    trainee, _trainer = two_in(call)
    with time_machine.travel(TEN, tick=False) as clock:
        for _n in range(45):  # each is counted
            clock.shift(2)
            assert trainee.ask().status_code == 200


def test_who_tells_more_than_any_connection_needs_is_stopped(call):
    trainee, trainer = two_in(call)
    long = {"description": {"type": "offer", "sdp": "x" * 60_000}}
    Presence.objects.filter(tab=trainee.tab).update(told=8 * 1024 * 1024 - 60_100)

    trainee.tell(trainer, long)
    response = trainee.ask(signals=[signal(to=trainer.tab, body={"candidate": None})])

    assert response.status_code == 429
    assert response.json()["words"].startswith("That is too much for one call.")
    assert len(trainer.poll()["signals"]) == 1


def test_who_writes_too_much_at_once_is_told_to_wait(call):
    trainee, _trainer = two_in(call)

    def write():
        line = {"key": str(uuid4()), "text": "Hello?"}
        return trainee.post("room_message", line).status_code

    assert [write() for _n in range(31)] == [200] * 30 + [429]
    with time_machine.travel(TEN.replace(minute=1, second=1), tick=False):
        assert write() == 200
    assert CallMessage.objects.count() == 31


def test_quality_is_kept_once_a_minute(call):
    trainee, _trainer = two_in(call)
    quality = {"loss": 0.456, "round_trip": 35.4, "bitrate": 1200}

    with time_machine.travel(TEN.replace(second=10), tick=False) as clock:
        for seconds in (0, 59, 1, 59, 1):
            clock.shift(seconds)
            trainee.poll(quality=quality, state={"route": "direct"})

    kept = QualitySample.objects.values_list(
        "at", "loss_percent", "round_trip_ms", "bitrate_kbps", "route"
    )
    assert list(kept) == [
        (TEN.replace(minute=minute), 0.46, 35, 1200, "direct") for minute in (0, 1, 2)
    ]
