from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from lms.mail.models import Message
from sessions.models import BookingState
from tests.factories import (
    BookingFactory,
    DisputeFactory,
    EditionFactory,
    TrainerFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
WEDNESDAY = datetime(2026, 6, 3, 9, tzinfo=UTC)  # ten o'clock in London
ALL = reverse("sessions:trainers")
OWN = reverse("sessions:load")


@pytest.fixture(autouse=True)
def wednesday():
    with time_machine.travel(WEDNESDAY, tick=False):
        yield


@pytest.fixture
def staff(client):
    staff = UserFactory(is_staff=True)
    client.force_login(staff)
    return staff


def queries(client, url):
    """How many the page takes, once what is cached is cached."""
    client.get(url)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


def test_trainer_sees_their_own_load(client):
    trainer = TrainerFactory(week_cap=4)
    BookingFactory(trainer=trainer)
    BookingFactory()  # a stranger's: it must not leak
    client.force_login(trainer.user)

    response = client.get(OWN)

    assert [week.calls for week in response.context["weeks"]] == [0] * 4 + [1] + [0] * 7
    assert response.context["figures"][0]["value"] == "1 of 4"


@pytest.mark.parametrize("file_type", ["csv", "xlsx"])
def test_load_comes_as_a_file(client, file_type):
    trainer = TrainerFactory()
    BookingFactory(trainer=trainer)
    client.force_login(trainer.user)

    response = client.get(OWN, {"format": file_type})

    assert f"load-2026-06-03.{file_type}" in response["Content-Disposition"]
    if file_type == "csv":
        lines = response.content.decode("utf-8-sig").splitlines()
        assert lines[5] == "2026-06-01,1,0,0,20 min,40 h"


def test_channel_team_sees_everybodys_load(client, staff):
    busy, idle = TrainerFactory(), TrainerFactory(weekly_hours=[])
    TrainerFactory(is_active=False)
    BookingFactory(trainer=busy)

    loads = client.get(ALL).context["loads"]

    assert {one.trainer: (one.next_calls, free) for one, free in loads} == {
        busy: (1, WEDNESDAY + timedelta(days=1)),
        idle: (0, None),
    }


def test_channel_team_sees_which_programmes_have_no_time_soon(client, staff):
    held, scarce = EditionFactory(), EditionFactory()
    TrainerFactory(programmes=[held.programme])

    response = client.get(ALL)

    alarms = {one.programme: one.is_alarm for one in response.context["programmes"]}
    assert alarms == {held.programme: False, scarce.programme: True}
    assert response.text.count("Too far off") == 1
    assert response.text.count("None within a year") == 1


def test_channel_team_sees_what_waits_for_it(client, staff):
    old = BookingFactory(starts_at=WEDNESDAY - timedelta(days=4))
    dispute = DisputeFactory(text="I was there.")

    text = client.get(ALL).text

    assert reverse("sessions:sign_off", args=[old.ref]) in text
    assert reverse("sessions:settle", args=[dispute.pk]) in text


@pytest.mark.parametrize("file_type", ["csv", "xlsx"])
def test_trainers_come_as_a_file(client, staff, file_type):
    TrainerFactory(user__full_name="=Ann")

    response = client.get(ALL, {"format": file_type})

    assert f"trainers-2026-06-03.{file_type}" in response["Content-Disposition"]
    if file_type == "csv":
        assert "'=Ann,0,0" in response.content.decode("utf-8-sig")


def test_trainers_take_the_same_queries_for_any_number(client, staff):
    def one_more():
        edition = EditionFactory()
        trainer = TrainerFactory(programmes=[edition.programme])
        BookingFactory(trainer=trainer, starts_at=WEDNESDAY - timedelta(days=4))
        DisputeFactory()

    one_more()
    few = queries(client, ALL)
    one_more()
    one_more()

    assert queries(client, ALL) == few
    assert few <= 28


# --- Settling ------------------------------------------------------------------------


def test_settling_shows_who_came_when(client, staff):
    dispute = DisputeFactory(text="My camera was off.")
    call = dispute.booking
    call.trainee_joined_at = call.starts_at
    call.save(update_fields=["trainee_joined_at"])

    text = client.get(reverse("sessions:settle", args=[dispute.pk])).text

    assert "My camera was off." in text
    assert text.count("Did not come through this site") == 1


def test_settling_answers_both(client, staff):
    dispute = DisputeFactory()
    call = dispute.booking

    client.post(
        reverse("sessions:settle", args=[dispute.pk]),
        {"upheld": "yes", "answer": "You were there."},
    )

    dispute.refresh_from_db()
    call.refresh_from_db()
    assert (dispute.settled_by, dispute.answer) == (staff, "You were there.")
    assert call.state == BookingState.CANCELLED
    told = Message.objects.filter(body__contains="You were there.")
    assert {message.recipient for message in told} == {call.trainee, call.trainer.user}


@pytest.mark.parametrize(
    "words", [{}, {"upheld": "yes"}, {"upheld": "?", "answer": "x"}, {"answer": "x"}]
)
def test_settling_without_a_word_writes_nothing(client, staff, words):
    dispute = DisputeFactory()

    response = client.post(reverse("sessions:settle", args=[dispute.pk]), words)

    dispute.refresh_from_db()
    assert response.status_code == 422
    assert dispute.settled_at is None


def test_one_of_the_call_does_not_settle_it(client, staff):
    dispute = DisputeFactory(booking__trainer=TrainerFactory(user=staff))

    response = client.post(
        reverse("sessions:settle", args=[dispute.pk]),
        {"upheld": "no", "answer": "You were not there."},
    )

    assert response.status_code == 409
    assert "You were not there." in response.text
