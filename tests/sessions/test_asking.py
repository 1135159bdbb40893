from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

import pytest
import time_machine

from courses.signals import enrolment_closed
from lms.errors import Refused
from sessions.asking import ask_for_time, open_request, withdraw_request
from sessions.booking import book_call, ready_topics
from sessions.models import TimeRequest
from tests.factories import EnrolmentFactory, TimeRequestFactory, TrainerFactory

MONDAY = datetime(2026, 6, 1, 8, tzinfo=UTC)


@pytest.fixture
def enrolment(db):
    with time_machine.travel(MONDAY, tick=False):
        yield EnrolmentFactory()


def ask(enrolment, **more):
    words = {
        "weekdays": [4, 0],
        "parts": ["evening", "morning"],
        "note": "  From next\nweek on. ",
        "time_zone": "Asia/Tokyo",
        "by": enrolment.member.user,
    }
    return ask_for_time(enrolment, **words | more)


def test_ask_keeps_what_would_suit(enrolment):
    asked = ask(enrolment)

    assert asked.weekdays == [0, 4]
    assert asked.parts == ["morning", "evening"]
    assert asked.note == "From next week on."
    assert asked.created_at == MONDAY
    assert open_request(enrolment) == asked


def test_asking_again_replaces_and_keeps_the_place_in_the_line(enrolment):
    first = ask(enrolment)
    with time_machine.travel(MONDAY + timedelta(days=1), tick=False):
        again = ask(enrolment, weekdays=[2])

    assert (again.pk, again.weekdays, again.created_at) == (first.pk, [2], MONDAY)
    assert TimeRequest.objects.count() == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"weekdays": []},
        {"weekdays": [7]},
        {"weekdays": [-1]},
        {"parts": []},
        {"parts": ["night"]},
        {"time_zone": "Mars/Olympus"},
    ],
)
def test_ask_refuses_what_is_no_time(enrolment, wrong):
    with pytest.raises(Refused):
        ask(enrolment, **wrong)

    assert not TimeRequest.objects.exists()


def test_ask_refuses_others_and_closed_programmes(enrolment):
    with pytest.raises(Refused):
        ask(enrolment, by=EnrolmentFactory().member.user)
    with pytest.raises(Refused, match="closed for you"):
        ask(EnrolmentFactory(completed=True))


def test_withdraw_ends_it_and_may_be_repeated(enrolment):
    ask(enrolment)

    withdraw_request(enrolment, by=enrolment.member.user)
    withdraw_request(enrolment, by=enrolment.member.user)

    assert open_request(enrolment) is None
    with pytest.raises(Refused):
        withdraw_request(enrolment, by=EnrolmentFactory().member.user)


def test_booking_answers_what_was_asked(enrolment):
    TrainerFactory(programmes=[enrolment.programme])
    other = TimeRequestFactory()
    ask(enrolment)

    book_call(
        enrolment,
        ready_topics(enrolment)[:1],
        starts_at=MONDAY + timedelta(days=2, hours=1),
        request_key=uuid4(),
        by=enrolment.member.user,
    )

    assert list(TimeRequest.objects.open()) == [other]


@pytest.mark.parametrize("goes_on", [False, True])
def test_a_closed_enrolment_asks_no_longer_or_in_the_next(enrolment, goes_on):
    ask(enrolment)
    successor = EnrolmentFactory(edition=enrolment.edition) if goes_on else None

    enrolment_closed.send(
        sender=None, enrolment=enrolment, successor=successor, by=None
    )

    assert [asked.enrolment for asked in TimeRequest.objects.open()] == (
        [successor] if goes_on else []
    )


@pytest.mark.races
def test_asking_twice_at_once_asks_once(run_at_once):
    enrolment = EnrolmentFactory()

    results = run_at_once(*[partial(ask, enrolment)] * 3)

    assert len(set(results)) == 1
    assert TimeRequest.objects.count() == 1
