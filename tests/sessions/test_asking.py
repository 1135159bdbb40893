from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

import pytest
import time_machine
from django.utils.timezone import now

from courses.cycles import begin_again
from courses.enrolling import withdraw as leave
from courses.models import Evidence
from courses.signals import enrolment_closed
from lms.errors import Refused
from lms.people import accounts
from sessions.absence import withdraw_proposals
from sessions.asking import (
    ask_for_time,
    close_requests,
    open_request,
    reopen_unanswered,
    withdraw_request,
)
from sessions.booking import book_call, ready_topics
from sessions.cancelling import cancel_call, cancel_run_out
from sessions.models import TimeRequest
from sessions.proposals import decline, propose, take, withdraw
from tests.factories import (
    BookingFactory,
    EnrolmentFactory,
    TimeRequestFactory,
    TrainerFactory,
)

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


# --- What was proposed comes to nothing ------------------------------------------------


def at(**later):
    return time_machine.travel(MONDAY + timedelta(**later), tick=False)


@pytest.fixture
def proposed(enrolment):
    """Asked at eight, and two times proposed two hours later."""
    trainer = TrainerFactory(programmes=[enrolment.programme])
    ask(enrolment)
    with at(hours=2):
        return propose(
            trainer,
            enrolment,
            ready_topics(enrolment)[:1],
            [MONDAY + timedelta(days=1, hours=n) for n in (3, 4)],
            request_key=uuid4(),
        )


def let_run_out(calls):
    with at(days=3):
        cancel_run_out()
        reopen_unanswered()


ENDS = {
    "declined": lambda calls: decline(calls[0].offer, by=calls[0].trainee),
    "withdrawn": lambda calls: withdraw(calls[0].offer, by=calls[0].trainer.user),
    "trainer away": lambda calls: withdraw_proposals(
        calls[0].trainer, MONDAY, by=calls[0].trainer.user
    ),
    "run out": let_run_out,
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_request_stands_again_in_its_place_once_its_offer_came_to_nothing(
    enrolment, proposed, end
):
    assert open_request(enrolment) is None

    with at(hours=3):
        end(proposed)

    assert open_request(enrolment).created_at == MONDAY
    assert TimeRequest.objects.count() == 1
    assert reopen_unanswered() == 0


def test_a_request_stays_answered_while_one_of_the_times_is_open(enrolment, proposed):
    first, other = proposed
    with at(hours=3):
        withdraw_proposals(
            first.trainer, first.starts_at, first.ends_at, by=first.trainer.user
        )

        assert reopen_unanswered() == 0

    other.refresh_from_db()
    assert other.state == "proposed"


def test_a_request_answered_by_an_offer_that_was_taken_stays_closed(
    enrolment, proposed
):
    with at(hours=3):
        call = take(proposed[1], by=enrolment.member.user)
        assert reopen_unanswered() == 0
        cancel_call(call, by=enrolment.member.user, reason="Ill.")

        assert reopen_unanswered() == 0


def test_a_request_stays_closed_for_who_has_booked_since(enrolment, proposed):
    with at(hours=3):
        book_call(
            enrolment,
            ready_topics(enrolment)[1:2],
            starts_at=MONDAY + timedelta(days=2, hours=1),
            request_key=uuid4(),
            by=enrolment.member.user,
        )
        decline(proposed[0].offer, by=enrolment.member.user)

        assert reopen_unanswered() == 0


@pytest.mark.parametrize("goes_on", [False, True])
def test_a_request_stays_closed_for_who_has_asked_anew(enrolment, proposed, goes_on):
    with at(hours=3):
        anew = ask(enrolment, weekdays=[2])
    with at(hours=4):
        if not goes_on:
            withdraw_request(enrolment, by=enrolment.member.user)
        decline(proposed[0].offer, by=enrolment.member.user)

        assert reopen_unanswered() == 0

    assert open_request(enrolment) == (anew if goes_on else None)


@pytest.mark.parametrize("who", ["left", "closed account", "withdrawn"])
def test_a_request_stays_closed_for_who_is_gone(enrolment, proposed, who):
    member = enrolment.member
    with at(hours=3):
        if who == "left":
            member.left_on = MONDAY.date()
            member.save()
        elif who == "closed account":
            accounts.set_active(member.user, False, by=None)
        else:
            leave(enrolment, by=None, why="Left the team.")
        cancel_run_out()

    let_run_out(proposed)

    assert not TimeRequest.objects.open().exists()


def test_a_request_answered_goes_along_with_its_offer(enrolment, proposed):
    with at(hours=3):
        successor = begin_again(
            enrolment,
            member=enrolment.member,
            edition=enrolment.edition,
            keep=Evidence.objects.none(),
            why="Coming back.",
            by=None,
        )
        decline(proposed[0].offer, by=enrolment.member.user)

    assert open_request(successor).created_at == MONDAY


def test_looking_for_requests_to_reopen_takes_one_query(
    enrolment, proposed, django_assert_num_queries
):
    with at(hours=3), django_assert_num_queries(1):
        assert reopen_unanswered() == 0


@pytest.mark.races
def test_asking_anew_while_the_clock_reopens_leaves_one_request(run_at_once):
    enrolment = EnrolmentFactory()
    TimeRequestFactory(enrolment=enrolment, created_at=now() - timedelta(days=2))
    proposal = BookingFactory(
        enrolment=enrolment, state="cancelled", offer=uuid4(), created_at=now()
    )
    close_requests(enrolment, proposal)

    run_at_once(partial(ask, enrolment), reopen_unanswered, reopen_unanswered)

    assert TimeRequest.objects.open().count() == 1


@pytest.mark.races
def test_asking_twice_at_once_asks_once(run_at_once):
    enrolment = EnrolmentFactory()

    results = run_at_once(*[partial(ask, enrolment)] * 3)

    assert len(set(results)) == 1
    assert TimeRequest.objects.count() == 1
