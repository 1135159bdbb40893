"""Who came to a call, and where that is shown."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.urls import reverse

from sessions.attended import attended
from sessions.models import BookingState
from tests.factories import (
    BookingFactory,
    DisputeFactory,
    MemberFactory,
    PresenceFactory,
    UserFactory,
)

TEN = datetime(2026, 6, 3, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def at(moment):
    return time_machine.travel(moment, tick=False)


def stay(call, user, start, end):
    return PresenceFactory(
        booking=call,
        user=user,
        joined_at=TEN + start * MINUTE,
        seen_at=TEN + end * MINUTE,
        left_at=TEN + end * MINUTE,
        ended="left",
    )


@pytest.fixture
def call(db):
    """The trainee came, dropped out and came again; the trainer was there for all."""
    with at(TEN - timedelta(days=2)):
        call = BookingFactory(starts_at=TEN, trainee_joined_at=TEN - 5 * MINUTE)
    stay(call, call.trainee, -5, 6)
    stay(call, call.trainee, 8, 20)
    stay(call, call.trainer.user, -1, 21)
    return call


def test_spans_and_minutes_of_each_are_told(call):
    trainee, trainer = attended(call)

    assert (trainee.user, trainee.role) == (call.trainee, "trainee")
    assert [(span.start, span.end) for span in trainee.spans] == [
        (TEN - 5 * MINUTE, TEN + 6 * MINUTE),
        (TEN + 8 * MINUTE, TEN + 20 * MINUTE),
    ]
    assert trainee.words == "23 minutes in the room"
    assert (trainer.role, trainer.words) == ("trainer", "22 minutes in the room")


def test_who_pressed_join_and_was_not_seen_or_went_on_to_the_link_is_told(db):
    with at(TEN - timedelta(days=2)):
        call = BookingFactory(
            starts_at=TEN,
            trainee_joined_at=TEN,
            trainer_joined_at=TEN,
            trainer_linked_at=TEN + MINUTE,
        )

    trainee, trainer = attended(call)

    assert (trainee.spans, trainee.words, trainee.has_come) == ([], "", True)
    assert (trainee.joined_at, trainee.linked_at) == (TEN, None)
    assert trainer.linked_at == TEN + MINUTE


def pages(client, call, user, path):
    with at(TEN + 10 * timedelta(hours=1)):
        client.force_login(user)
        return " ".join(client.get(path).text.split())


SPAN = "Wed 3 Jun, 10:55–11:06 (London)"


def test_attendance_stands_on_the_sign_off_in_the_readers_zone(client, call):
    call.trainer.user.time_zone = "Asia/Tokyo"
    call.trainer.user.save()
    path = reverse("sessions:sign_off", args=[call.ref])

    text = pages(client, call, call.trainer.user, path)

    assert "Wed 3 Jun, 18:55–19:06 (Tokyo)" in text
    assert "23 minutes in the room" in text


def test_attendance_on_the_calls_page_is_for_the_trainer_and_the_channel_team(
    client, call
):
    reseller = call.enrolment.member.reseller
    manager = MemberFactory(reseller=reseller, is_manager=True)
    people = {
        "trainer": call.trainer.user,
        "staff": UserFactory(is_staff=True),
        "trainee": call.trainee,
        "manager": manager.user,
    }

    seen = {
        name: SPAN in pages(client, call, user, call.get_absolute_url())
        for name, user in people.items()
    }

    assert seen == {"trainer": True, "staff": True, "trainee": False, "manager": False}


def test_channel_team_settles_a_dispute_with_who_came_when(client, call):
    call.state, call.missed_by, call.ended_at = BookingState.MISSED, "trainee", TEN
    call.save()
    dispute = DisputeFactory(booking=call, by=call.trainee)
    staff = UserFactory(is_staff=True, may_change_people=True)

    text = pages(client, call, staff, reverse("sessions:settle", args=[dispute.pk]))

    assert SPAN in text
    assert "22 minutes in the room" in text


@pytest.mark.parametrize("stays", [1, 3])
def test_attendance_is_one_query_for_any_number_of_stays(
    call, django_assert_num_queries, stays
):
    for number in range(stays):
        stay(call, call.trainee, 30 + 2 * number, 31 + 2 * number)

    with django_assert_num_queries(1):
        trainee, _trainer = attended(call)

    assert len(trainee.spans) == 2 + stays
