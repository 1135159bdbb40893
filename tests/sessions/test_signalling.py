"""What the pages of the two in a room tell each other, over the server."""

import sqlite3
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from sessions.models import CallMessage, Ended, Presence, Signal
from sessions.presence import SEEN_EVERY
from tests.factories import (
    BookingFactory,
    CallMessageFactory,
    QualitySampleFactory,
    SignalFactory,
)
from tests.sessions.rooms import Tab, two_in

TEN = datetime(2026, 6, 3, 9, tzinfo=UTC)  # in London
SECOND = timedelta(seconds=1)
MOMENT = timedelta(microseconds=1)  # of a request that is not counted
OFFER = {"generation": 1, "description": {"type": "offer", "sdp": "v=0\r\n"}}


@pytest.fixture
def ten():
    with time_machine.travel(TEN, tick=False) as traveller:
        yield traveller


@pytest.fixture
def call(db, ten):
    return BookingFactory(starts_at=TEN)


def test_the_two_see_each_other(call):
    trainee, trainer = two_in(call)

    seen = trainee.poll()

    assert seen == {
        "signals": [],
        "messages": [],
        "other": {
            "tab": trainer.tab,
            "name": call.trainer.user.full_name,
            "microphone": False,
            "camera": False,
            "screen": False,
            "audio_only": False,
            "quiet_for": 0,
        },
        "polite": True,
        "agenda": seen["agenda"],
        "ends_at": call.ends_at.isoformat(),
    }
    assert trainer.poll()["other"]["tab"] == trainee.tab
    assert trainer.poll()["polite"] is False


def test_a_signal_is_got_by_the_tab_it_is_for_and_once(call):
    trainee, trainer = two_in(call)

    trainee.tell(trainer, OFFER)

    got = trainer.poll()["signals"]
    assert [(each["from"], each["body"]) for each in got] == [(trainee.tab, OFFER)]
    assert trainer.poll()["signals"] == []
    assert trainee.poll()["signals"] == []


def test_a_signal_sent_again_is_kept_once(call):
    trainee, trainer = two_in(call)
    key = str(uuid4())

    trainee.tell(trainer, OFFER, key=key)
    trainee.tell(trainer, OFFER, key=key)

    assert len(trainer.poll()["signals"]) == 1
    trainee.tell(trainer, OFFER, key=key)  # its answer was lost on the way
    assert trainer.poll()["signals"] == []


def test_a_signal_for_a_tab_that_is_not_there_is_dropped(call):
    trainee, _trainer = two_in(call)
    gone = Tab(call, call.trainer.user)
    gone.tab = str(uuid4())

    trainee.tell(gone, OFFER)
    trainee.tell(trainee, OFFER)

    assert not Signal.objects.exists()


def test_state_is_told_to_the_other(call):
    trainee, trainer = two_in(call)

    told = {"microphone": True, "camera": True, "screen": False, "audio_only": True}
    trainee.poll(state={**told, "route": "direct"})

    other = trainer.poll()["other"]
    assert {name: other[name] for name in told} == told


def test_the_newer_tab_takes_over_and_the_older_says_so(call):
    trainee, trainer = two_in(call)
    trainer.tell(trainee, OFFER)
    newer = Tab(call, call.trainee)

    newer.poll()

    assert trainer.poll()["other"]["tab"] == newer.tab
    assert newer.poll()["signals"] == []  # they were for the older one
    over = trainee.poll()
    assert over["over"] == "replaced"
    assert over["words"].startswith("You went on with this call in another tab")
    assert trainee.poll()["over"] == "replaced"
    assert newer.poll()["other"]["tab"] == trainer.tab
    assert not Signal.objects.exists()


def test_who_leaves_is_gone_for_the_other_and_may_come_again(call):
    trainee, trainer = two_in(call)

    assert trainee.leave().status_code == 204

    assert trainer.poll()["other"] is None
    assert trainee.poll()["over"] == "left"  # a poll that was on its way
    again = Tab(call, call.trainee)
    assert again.poll()["other"]["tab"] == trainer.tab
    assert [stay.ended for stay in Presence.objects.filter(user=call.trainee)] == [
        Ended.LEFT,
        "",
    ]


def test_messages_reach_both_and_are_kept_once(call):
    trainee, trainer = two_in(call)
    line = {"key": str(uuid4()), "text": " Hello "}

    sent = trainee.post("room_message", line).json()
    trainee.post("room_message", line)

    assert sent | {"id": 0} == {
        "id": 0,
        "mine": True,
        "text": "Hello",
        "clock": "10:00",
    }
    assert trainer.poll()["messages"] == [sent | {"mine": False}]
    assert trainee.poll()["messages"] == [sent]
    assert trainee.poll()["messages"] == []
    assert CallMessage.objects.get().to == call.trainer.user


# --- What it costs -----------------------------------------------------------------------


def queries_of(tab, **more):
    """What a poll asks of the database, and what of it is a write."""
    with CaptureQueriesContext(connection) as asked:
        answer = tab.poll(**more)
    sql = [each["sql"] for each in asked]
    inner = [each for each in sql if "SAVEPOINT" not in each]
    writes = [each for each in inner if not each.lstrip("(").startswith("SELECT")]
    return len(inner), len(writes), answer


@pytest.mark.parametrize("side", ["trainee", "trainer"])
def test_a_poll_asks_four_times_and_writes_nothing(call, ten, side):
    """The session, the person, who is in the room of which call, what is new."""
    tab, other = two_in(call) if side == "trainee" else reversed(two_in(call))
    ten.shift(SECOND + MOMENT)

    assert queries_of(tab)[:2] == (4, 0)

    other.tell(tab, OFFER)
    other.post("room_message", {"key": str(uuid4()), "text": "Hello"})
    asked, written, answer = queries_of(tab)
    assert (asked, written) == (4, 0)
    assert len(answer["signals"]) == len(answer["messages"]) == 1


def by_password_alone(tab):
    """Let the tab's sign-in have shown nothing but a password."""
    session = tab.client.session
    session["account_authentication_methods"] = []
    session.save()


@pytest.mark.parametrize("is_by_password", [False, True])
def test_a_poll_that_tells_something_asks_six_times_at_most(call, ten, is_by_password):
    """Whether a role asks for a second factor comes with the person."""
    trainee, trainer = two_in(call)
    if is_by_password:
        by_password_alone(trainee)
    ten.shift(SECOND + MOMENT)
    signal = {"to": trainer.tab, "key": str(uuid4()), "body": OFFER}
    quality = {"loss": 0.4, "round_trip": 35, "bitrate": 1200}

    assert queries_of(trainee, state={"camera": True})[:2] == (5, 1)
    assert queries_of(trainee, signals=[signal])[:2] == (6, 2)
    assert queries_of(trainee, quality=quality)[:2] == (6, 2)
    ten.shift(SEEN_EVERY)
    assert queries_of(trainee)[:2] == (5, 1)
    assert queries_of(trainee)[:2] == (4, 0)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="One writes at a time there.")
def test_a_poll_with_nothing_to_tell_waits_for_nobody_who_writes(transactional_db, ten):
    call = BookingFactory(starts_at=TEN)
    trainee, trainer = two_in(call)
    trainee.poll()
    ten.shift(SECOND + MOMENT)
    writer = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")

    answer = trainee.poll()

    writer.execute("ROLLBACK")
    writer.close()
    assert answer["other"]["tab"] == trainer.tab


# --- What the database promises ----------------------------------------------------------


def test_the_database_keeps_a_signal_once_and_none_too_long(call):
    signal = SignalFactory(to__booking=call)

    with pytest.raises(IntegrityError), transaction.atomic():
        SignalFactory(to=signal.to, by=signal.by, key=signal.key)
    SignalFactory(to=signal.to, by=signal.by, body="x" * 65_536)
    with pytest.raises(IntegrityError), transaction.atomic():
        SignalFactory(to=signal.to, by=signal.by, body="x" * 65_537)


def test_the_database_keeps_a_message_once_and_none_too_long(call):
    message = CallMessageFactory(booking=call, text="ü" * 2000)

    with pytest.raises(IntegrityError), transaction.atomic():
        CallMessageFactory(booking=call, key=message.key)
    with pytest.raises(IntegrityError), transaction.atomic():
        CallMessageFactory(booking=call, text="ü" * 2001)


def test_the_database_keeps_one_sample_a_minute(call):
    sample = QualitySampleFactory(presence__booking=call)

    for wrong in ({"at": sample.at}, {"loss_percent": -1}, {"loss_percent": 101}):
        with pytest.raises(IntegrityError), transaction.atomic():
            QualitySampleFactory(
                presence=sample.presence, **{"at": TEN + SECOND} | wrong
            )
