"""How calls were: two questions, counted from five people on, never shown singly."""

from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils.timezone import now

from lms.audit.models import Event
from lms.errors import Refused
from sessions.feedback import Rating, by_topic, by_trainer, give
from sessions.models import BookingState, CallFeedback
from tests.factories import (
    BookingFactory,
    CallFeedbackFactory,
    EnrolmentFactory,
    TrainerFactory,
    UserFactory,
)


@pytest.fixture
def call(db):
    return BookingFactory(
        state=BookingState.DONE,
        starts_at=now() - timedelta(hours=1),
        signed_off_at=now(),
    )


def test_feedback_is_kept_once_and_can_be_changed(call):
    give(call, Rating.GOOD, "Time.", by=call.trainee)
    give(call, Rating.FAIR, "", by=call.trainee)

    said = CallFeedback.objects.get()
    assert (said.rating, said.missing) == (3, "")
    assert Event.objects.filter(verb="gave_feedback").count() == 1


@pytest.mark.parametrize(("seconds", "may"), [(-1, True), (0, False)])
def test_feedback_is_open_for_two_weeks(call, seconds, may):
    at = call.signed_off_at + timedelta(days=14, seconds=seconds)

    with time_machine.travel(at, tick=False):
        if may:
            give(call, Rating.GOOD, "", by=call.trainee)
        else:
            with pytest.raises(Refused):
                give(call, Rating.GOOD, "", by=call.trainee)


@pytest.mark.parametrize("who", ["trainer", "staff"])
def test_feedback_is_the_trainees(call, who):
    by = {"trainer": call.trainer.user, "staff": UserFactory(is_staff=True)}[who]

    with pytest.raises(Refused):
        give(call, Rating.GOOD, "", by=by)


def test_feedback_waits_for_the_sign_off(db):
    call = BookingFactory(starts_at=now() - timedelta(hours=1))

    with pytest.raises(Refused):
        give(call, Rating.GOOD, "", by=call.trainee)


def answers(trainer, count, *, missing="", trainee=None):
    for number in range(count):
        enrolment = EnrolmentFactory(
            edition=trainer.edition,
            **({"member": trainee} if trainee else {}),
        )
        call = BookingFactory(
            enrolment=enrolment, trainer=trainer, state=BookingState.DONE
        )
        CallFeedbackFactory(
            booking=call,
            rating=4 if number else 5,
            missing=missing and f"{missing} {number}",
        )


@pytest.fixture
def trainer(db):
    trainer = TrainerFactory()
    trainer.edition = EnrolmentFactory().edition
    return trainer


@pytest.mark.parametrize(("count", "shown"), [(4, 0), (5, 1)])
def test_numbers_are_shown_from_five_people_on(trainer, count, shown):
    answers(trainer, count)

    assert len(by_trainer()) == len(by_topic()) == shown


def test_five_answers_of_fewer_people_are_not_enough(trainer):
    answers(trainer, 4)
    twice = CallFeedback.objects.first().booking
    again = BookingFactory(
        enrolment=twice.enrolment, trainer=trainer, state=BookingState.DONE
    )
    CallFeedbackFactory(booking=again)

    assert by_trainer() == []


def test_what_was_missing_is_shown_once_five_wrote_it(trainer):
    answers(trainer, 4, missing="Time")
    answers(trainer, 3)
    (group,) = by_trainer()
    assert group.count == 7
    assert group.missing == []

    answers(trainer, 1, missing="Examples")

    (group,) = by_trainer()
    assert group.missing == ["Examples 0", "Time 0", "Time 1", "Time 2", "Time 3"]
    assert [count for _word, count in group.counts] == [3, 5, 0, 0, 0]
    assert group.average == pytest.approx(35 / 8)


def test_page_names_no_trainee_and_has_one_query_for_each_part(
    client, trainer, django_assert_num_queries
):
    answers(trainer, 5, missing="Time")
    client.force_login(UserFactory(is_staff=True))
    url = reverse("sessions:feedback")
    client.get(url)

    with django_assert_num_queries(6):  # session, user, two roles; trainers, topics
        page = client.get(url).content.decode()

    assert "Time 3" in page
    assert str(trainer) in page
    for said in CallFeedback.objects.all():
        assert str(said.booking.trainee) not in page


def test_trainee_says_how_it_was_on_the_calls_page(client, call):
    client.force_login(call.trainee)
    url = reverse("sessions:give_feedback", args=[call.ref])

    assert (
        "Two questions about this call"
        in client.get(call.get_absolute_url()).content.decode()
    )
    nothing = client.post(url, {"missing": "Half a sentence"})
    answer = client.post(url, {"rating": "4", "missing": "Time."})
    page = client.get(call.get_absolute_url()).content.decode()

    assert nothing.status_code == 422
    assert "Half a sentence" in nothing.content.decode()
    assert answer.url == call.get_absolute_url()
    assert "What you said of this call" in page
    assert "Time." in page


@pytest.mark.parametrize("who", ["trainer", "staff"])
def test_nobody_else_reads_what_one_said_of_a_call(client, call, who):
    CallFeedbackFactory(booking=call, missing="Time to think.")
    user = {"trainer": call.trainer.user, "staff": UserFactory(is_staff=True)}[who]
    client.force_login(user)

    page = client.get(call.get_absolute_url()).content.decode()

    assert "Time to think." not in page
    assert "Two questions about this call" not in page
