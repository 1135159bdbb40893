"""How good the connection of a call was, in words."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from sessions.quality import heard_in, level_of
from tests.factories import (
    BookingFactory,
    CallMessageFactory,
    MemberFactory,
    PresenceFactory,
    QualitySampleFactory,
    UserFactory,
)

TEN = datetime(2026, 6, 3, 9, tzinfo=UTC)
GOOD = {"loss_percent": 0.2, "round_trip_ms": 40}
FAIR = {"loss_percent": 4, "round_trip_ms": 200}
WEAK = {"loss_percent": 12.4, "round_trip_ms": 810}


@pytest.fixture
def call(db):
    with time_machine.travel(TEN, tick=False):
        yield BookingFactory(starts_at=TEN)


def keep(call, *minutes, user=None, route="direct"):
    stay = PresenceFactory(booking=call, user=user or call.trainee)
    for number, minute in enumerate(minutes):
        at = TEN + timedelta(minutes=number)
        QualitySampleFactory(presence=stay, at=at, route=route, **minute)


@pytest.mark.parametrize(
    ("loss", "round_trip", "level"),
    [
        (2.9, 299, "good"),
        (3, 0, "fair"),
        (0, 300, "fair"),
        (7.9, 699, "fair"),
        (8, 0, "weak"),
        (0, 700, "weak"),
    ],
)
def test_a_minute_has_the_level_the_page_says(loss, round_trip, level):
    assert level_of(loss, round_trip) == level


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        ([GOOD], "Good throughout."),
        ([GOOD] * 9 + [WEAK], "Good for 9 of 10 minutes. Weak for 1 minute."),
        (
            [GOOD] * 3 + [FAIR],
            "Fair: it jumped in 1 of 4 minutes. "
            "At worst 4 % was lost, and 200 ms went by there and back.",
        ),
        (
            [WEAK, WEAK],
            "Weak throughout. "
            "At worst 12 % was lost, and 810 ms went by there and back.",
        ),
        (
            [GOOD] * 4 + [WEAK],
            "Weak for 1 of 5 minutes. "
            "At worst 12 % was lost, and 810 ms went by there and back.",
        ),
    ],
)
def test_words_tell_how_it_was(call, minutes, words):
    keep(call, *minutes)

    (heard,) = heard_in(call)

    assert (heard.by, heard.words) == (call.trainee, words)


def test_words_tell_of_the_relay(call):
    keep(call, GOOD, route="relay")

    (heard,) = heard_in(call)

    assert heard.words == "Good throughout. Through the relay, so a network was strict."


def test_each_side_is_told_of_from_one_query(call, django_assert_num_queries):
    keep(call, GOOD, GOOD)
    keep(call, WEAK, user=call.trainer.user)
    QualitySampleFactory()  # in another call

    with django_assert_num_queries(1):
        heard = [(one.by, one.level) for one in heard_in(call)]

    assert heard == [(call.trainee, "good"), (call.trainer.user, "weak")]


def test_trainer_and_staff_read_it_on_the_calls_page(client, call):
    keep(call, WEAK)
    reseller = call.enrolment.member.reseller
    readers = {
        call.trainer.user: True,
        UserFactory(is_staff=True): True,
        call.trainee: False,
        MemberFactory(reseller=reseller, is_manager=True).user: False,
    }

    for reader, reads in readers.items():
        client.force_login(reader)
        page = client.get(call.get_absolute_url())
        assert ("Weak throughout." in page.text) is reads


def test_what_was_written_is_for_the_two_alone(client, call):
    CallMessageFactory(booking=call, text="Is <b>this</b> right?")
    reseller = call.enrolment.member.reseller
    readers = {
        call.trainee: True,
        call.trainer.user: True,
        UserFactory(is_staff=True): False,
        MemberFactory(reseller=reseller, is_manager=True).user: False,
    }

    for reader, reads in readers.items():
        client.force_login(reader)
        page = client.get(call.get_absolute_url())
        assert ("Is &lt;b&gt;this&lt;/b&gt; right?" in page.text) is reads
