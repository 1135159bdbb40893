import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from sessions.booking import ready_topics
from sessions.models import Booking, BookingState, Origin
from sessions.proposals import propose
from tests.factories import (
    BookingFactory,
    EnrolmentFactory,
    TimeRequestFactory,
    TrainerFactory,
    WaitingFactory,
)

WEDNESDAY = datetime(2026, 6, 3, 9, tzinfo=UTC)  # ten o'clock in London
THREE = ["2026-06-03T10:00Z", "2026-06-03T11:00Z", "2026-06-04T09:00Z"]


@pytest.fixture
def enrolment(db, wednesday):
    return EnrolmentFactory()


@pytest.fixture
def trainer(enrolment, client):
    trainer = TrainerFactory(programmes=[enrolment.programme])
    client.force_login(trainer.user)
    return trainer


def url_of(enrolment):
    return reverse("sessions:schedule", args=[enrolment.pk])


def chosen(enrolment, starts, **more):
    topics = [ready_topics(enrolment)[0].pk]
    return {"picked": 1, "topics": topics, "start": starts} | more


def confirmed(enrolment, starts, **more):
    return chosen(enrolment, starts, request_key=uuid4()) | more


def picks(response):
    return [pick.value for pick in response.context["picks"]]


# --- Who is ready, asks, or waits ----------------------------------------------------


def test_ready_parts_who_asked_who_is_ready_and_who_waits(client, trainer, enrolment):
    edition = enrolment.edition
    later = EnrolmentFactory(edition=edition)
    asked = [TimeRequestFactory(enrolment=later)]
    first = EnrolmentFactory(edition=edition)
    asked.insert(
        0,
        TimeRequestFactory(enrolment=first, created_at=WEDNESDAY - timedelta(days=1)),
    )
    TimeRequestFactory(enrolment=EnrolmentFactory(edition=edition), closed_at=WEDNESDAY)
    booked = EnrolmentFactory(edition=edition)
    topics = [row.topic for row in edition.topics.all()]
    waits = WaitingFactory(
        booking=BookingFactory(enrolment=booked, trainer=trainer, topics=topics)
    )
    TimeRequestFactory()  # of another programme
    WaitingFactory()  # of another programme

    response = client.get(reverse("sessions:ready"))

    assert response.context["asked"] == asked
    people = [person.enrolment for person in response.context["people"]]
    assert people[0] == enrolment
    assert len(people) == 2  # and the one whose request is closed
    assert response.context["waiting"] == [waits]


def test_ready_says_what_was_asked_in_both_zones(client, trainer, enrolment):
    TimeRequestFactory(
        enrolment=enrolment,
        weekdays=[0, 4],
        parts=["morning"],
        note="Before the launch.",
        time_zone="Asia/Tokyo",
    )

    text = client.get(reverse("sessions:ready")).text

    assert "Monday, Friday · Morning, 6:00 to 12:00 (Tokyo)" in text
    assert "Before the launch." in text
    assert "22:00–04:00, from the day before (London)" in text


def test_ready_filters_by_name_and_programme(client, trainer, enrolment):
    other = EnrolmentFactory()
    trainer.programmes.add(other.programme)
    enrolment.member.user.full_name = "Ann Lee"
    enrolment.member.user.save()

    def shown(**query):
        people = client.get(reverse("sessions:ready"), query).context["people"]
        return {person.enrolment for person in people}

    assert shown() == {enrolment, other}
    assert shown(q="ann") == {enrolment}
    assert shown(programme=other.programme.pk) == {other}
    assert shown(q="ann", programme=other.programme.pk) == set()
    assert shown(programme="x") == {enrolment, other}


def test_ready_takes_the_same_queries_for_any_number_of_each(
    client, trainer, enrolment
):
    edition = enrolment.edition
    url = reverse("sessions:ready")

    def add():
        TimeRequestFactory(enrolment=EnrolmentFactory(edition=edition))
        WaitingFactory(
            booking=BookingFactory(enrolment=EnrolmentFactory(edition=edition))
        )
        offered = EnrolmentFactory(edition=edition)
        BookingFactory(
            enrolment=offered,
            trainer=trainer,
            state=BookingState.PROPOSED,
            offer=uuid4(),
            origin=Origin.TRAINER,
        )

    def count():
        client.get(url)
        with CaptureQueriesContext(connection) as captured:
            assert client.get(url).status_code == 200
        return len(captured)

    add()
    few = count()
    add()
    add()

    assert count() == few
    assert few <= 14


# --- Choosing times ------------------------------------------------------------------


def test_schedule_keeps_what_is_chosen_and_offers_the_rest(client, trainer, enrolment):
    response = client.get(url_of(enrolment), chosen(enrolment, THREE[:2]))

    assert picks(response) == THREE[:2]
    lines = {
        f"{line.at:%Y-%m-%dT%H:%MZ}": line
        for day in response.context["times"].days
        for line in day.slots
    }
    assert [at for at, line in lines.items() if line.selected] == THREE[:2]
    assert "2026-06-03T10:15Z" not in lines  # a call of the two cannot overlap
    assert "2026-06-03T10:45Z" not in lines
    without_first = client.get(lines[THREE[0]].url.partition("#")[0])
    assert picks(without_first) == THREE[1:2]
    with_another = client.get(lines["2026-06-03T13:00Z"].url.partition("#")[0])
    assert picks(with_another) == [*THREE[:2], "2026-06-03T13:00Z"]


def test_schedule_says_when_four_are_chosen(client, trainer, enrolment):
    response = client.get(
        url_of(enrolment), chosen(enrolment, [*THREE, "2026-06-04T11:00Z"])
    )

    assert picks(response) == THREE
    assert response.context["errors"] == ["Choose at most 3 times. Remove one first."]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"other_date": "2026-06-05"}, "both a date and a time"),
        ({"other_date": "2026-06-05", "other_time": "25:00"}, "Write the time as"),
        ({"other_date": "5 June", "other_time": "10:00"}, "Write the date as"),
        ({"other_date": "2026-06-05", "other_time": "20:00"}, "outside your hours"),
        ({"other_date": "2026-06-01", "other_time": "10:00"}, "is over"),
        ({"other_date": "2027-06-01", "other_time": "10:00"}, "days ahead"),
        ({"other_date": "0001-01-01", "other_time": "10:00"}, "this century"),
        ({"other_date": "9999-12-31", "other_time": "23:59"}, "this century"),
        ({"other_date": "2026-06-03", "other_time": "12:10"}, "another call"),
    ],
)
def test_schedule_says_why_a_time_typed_cannot_be(
    client, trainer, enrolment, typed, words
):
    BookingFactory(trainer=trainer, starts_at=WEDNESDAY + timedelta(hours=2))

    response = client.get(url_of(enrolment), chosen(enrolment, THREE[:1], **typed))

    assert picks(response) == THREE[:1]
    [error] = response.context["errors"]
    assert words in error
    for value in typed.values():
        assert f'value="{value}"' in response.text  # nothing typed is lost


def test_schedule_says_that_a_clock_change_skips_a_time(client, trainer, enrolment):
    trainer.horizon_days = 400
    trainer.save()

    response = client.get(
        url_of(enrolment),
        chosen(
            enrolment,
            [],
            other_date="2027-03-28",
            other_time="01:30",
            any_hours="on",
        ),
    )

    assert "skip that time" in response.context["errors"][0]


def test_schedule_takes_a_time_outside_own_hours_by_saying_so(
    client, trainer, enrolment
):
    response = client.get(
        url_of(enrolment),
        chosen(
            enrolment, [], other_date="2026-06-05", other_time="20:10", any_hours="on"
        ),
    )

    assert picks(response) == ["2026-06-05T19:10Z"]
    assert response.context["errors"] == []
    sent = confirmed(enrolment, picks(response), any_hours="1", do="book")
    client.post(url_of(enrolment), sent)
    assert Booking.objects.get().starts_at == datetime(2026, 6, 5, 19, 10, tzinfo=UTC)


# --- Proposing -----------------------------------------------------------------------


def test_schedule_proposes_up_to_three(client, trainer, enrolment):
    sent = confirmed(enrolment, THREE, do="propose")

    response = client.post(url_of(enrolment), sent)
    again = client.post(url_of(enrolment), sent)

    calls = Booking.objects.filter(state=BookingState.PROPOSED)
    assert len(calls) == 3
    offer = reverse("sessions:offer", args=[sent["request_key"]])
    assert response.url == again.url == offer
    assert "Withdraw these times" in client.get(offer).text
    text = client.get(url_of(enrolment)).text
    assert "You proposed 3 times" in text
    assert "You proposed 3" in client.get(reverse("sessions:ready")).text


def test_schedule_keeps_the_others_when_one_was_taken(client, trainer, enrolment):
    BookingFactory(trainer=trainer, starts_at=WEDNESDAY + timedelta(hours=2))

    response = client.post(url_of(enrolment), confirmed(enrolment, THREE, do="propose"))

    assert response.status_code == 409
    assert picks(response) == [THREE[0], THREE[2]]
    assert len(response.context["errors"]) == 1
    assert Booking.objects.count() == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"start": []},
        {"start": ["x"]},
        {"start": THREE},  # three to book
        {"do": "delete"},
        {"request_key": "x"},
        {"topics": []},
        {"topics": ["999999"]},
        {"topics": ["9" * 25]},
    ],
)
def test_schedule_answers_bad_input_in_words(client, trainer, enrolment, wrong):
    sent = confirmed(enrolment, THREE[:1], do="book") | wrong

    response = client.post(url_of(enrolment), sent)

    assert response.status_code == 422
    assert response.context["errors"]
    assert not Booking.objects.exists()


@pytest.mark.parametrize(
    "start",
    [
        "2026-06-03T10:01Z",
        "2026-06-01T10:00Z",
        "2026-06-03T22:00Z",
        "2027-06-03T10:00Z",
    ],
)
@pytest.mark.parametrize("do", ["book", "propose"])
def test_schedule_refuses_a_time_that_is_not_free(
    client, trainer, enrolment, start, do
):
    response = client.post(url_of(enrolment), confirmed(enrolment, [start], do=do))

    assert response.status_code == 409
    assert not Booking.objects.exists()


def test_schedule_refuses_a_second_offer_in_words(client, trainer, enrolment):
    other = TrainerFactory(programmes=[enrolment.programme])
    propose(
        other,
        enrolment,
        ready_topics(enrolment)[:1],
        [WEDNESDAY + timedelta(hours=1)],
        request_key=uuid4(),
    )

    response = client.post(
        url_of(enrolment), confirmed(enrolment, THREE[1:], do="propose")
    )

    assert response.status_code == 409
    assert f"{other} has proposed times" in response.context["errors"][0]
    assert picks(response) == THREE[1:]


def test_schedule_says_how_long_the_call_takes_not_whose(client, trainer, enrolment):
    text = client.get(reverse("sessions:schedule", args=[enrolment.pk])).text

    assert re.search(r"The call takes \d+ minutes\.", " ".join(text.split()))
    assert "Your call takes" not in text
