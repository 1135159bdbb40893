"""What is sent to the page of free times by hand: plain words, and nothing written."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import time_machine
from django.urls import reverse
from django.utils.timezone import now

from lms.audit.models import Event
from lms.mail.models import Message
from sessions.models import Booking, BookingState
from tests.factories import (
    BookingFactory,
    EnrolmentFactory,
    OutsideBusyFactory,
    TopicCompletionFactory,
    TrainerFactory,
)

MONDAY = datetime(2026, 6, 1, 8, tzinfo=UTC)
WEDNESDAY_TEN = datetime(2026, 6, 3, 9, tzinfo=UTC)  # in London


@pytest.fixture
def enrolment(db, client):
    with time_machine.travel(MONDAY, tick=False):
        enrolment = EnrolmentFactory()
        client.force_login(enrolment.member.user)
        yield enrolment


def send(client, enrolment, **more):
    form = {
        "picked": "1",
        "topics": [enrolment.edition.topics.first().pk],
        "start": f"{WEDNESDAY_TEN:%Y-%m-%dT%H:%MZ}",
        "request_key": str(uuid4()),
    }
    return client.post(reverse("sessions:book", args=[enrolment.pk]), form | more)


def written():
    return [
        sorted(model.objects.values_list("pk", flat=True))
        for model in (Booking, Message, Event)
    ] + [sorted(Booking.objects.values_list("state", "sequence"))]


def refused(client, enrolment, **more):
    """Send it; return the status. Words are said, and nothing is written."""
    before = written()
    response = send(client, enrolment, **more)
    assert written() == before
    assert "error-summary" in response.text
    return response.status_code


def test_what_is_sent_would_be_booked(client, enrolment, trainer):
    assert send(client, enrolment).status_code == 302


@pytest.mark.parametrize(
    ("cap", "when"),
    [
        ({"day_cap": 1}, timedelta(hours=3)),
        ({"week_cap": 1}, timedelta(days=-2, hours=5)),  # Monday
        ({"week_cap": 1}, timedelta(days=4, hours=13)),  # Sunday, 23:00 in London
        ({"day_cap": 0}, None),
        ({"week_cap": 0}, None),
    ],
)
def test_across_the_caps_is_refused(client, enrolment, cap, when):
    trainer = TrainerFactory(programmes=[enrolment.programme], **cap)
    if when is not None:
        BookingFactory(trainer=trainer, starts_at=WEDNESDAY_TEN + when)

    assert refused(client, enrolment) == 409
    assert refused(client, enrolment, trainer=trainer.pk) == 409


@pytest.mark.parametrize("why", ["left", "disabled", "unqualified", "oneself"])
def test_a_trainer_who_may_not_is_refused(client, enrolment, why):
    trainer = TrainerFactory(
        programmes=[] if why == "unqualified" else [enrolment.programme],
        is_active=why != "left",
        user__is_active=why != "disabled",
    )
    if why == "oneself":
        trainer.user = enrolment.member.user
        trainer.save(update_fields=["user"])

    assert refused(client, enrolment) == 409
    assert refused(client, enrolment, trainer=trainer.pk) == 422


@pytest.mark.parametrize("why", ["off", "outside", "another call", "rest"])
def test_a_time_that_the_page_does_not_offer_is_refused(
    client, enrolment, trainer, why
):
    if why == "off":
        trainer.off.events.create(
            title="Off",
            start=WEDNESDAY_TEN + timedelta(minutes=19),
            end=WEDNESDAY_TEN + timedelta(hours=1),
        )
    elif why == "outside":
        OutsideBusyFactory(
            calendar__trainer=trainer, starts_at=WEDNESDAY_TEN + timedelta(minutes=19)
        )
    else:
        minutes = {"another call": 19, "rest": 29}[why]
        BookingFactory(
            trainer=trainer, starts_at=WEDNESDAY_TEN + timedelta(minutes=minutes)
        )

    assert refused(client, enrolment) == 409


@pytest.mark.parametrize("why", ["complete", "booked", "another's"])
def test_a_topic_that_is_not_ready_is_refused(client, enrolment, trainer, why):
    first = enrolment.edition.topics.first()
    if why == "complete":
        TopicCompletionFactory(enrolment=enrolment, topic=first.topic)
    elif why == "booked":
        BookingFactory(enrolment=enrolment)
    else:
        first = EnrolmentFactory().edition.topics.first()

    expected = 422 if why == "another's" else 409
    assert refused(client, enrolment, topics=[first.pk]) == expected


def test_an_enrolment_of_somebody_else_is_not_found(client, enrolment, trainer):
    theirs = EnrolmentFactory(edition=enrolment.edition)
    before = written()

    assert send(client, theirs).status_code == 404
    assert written() == before


@pytest.mark.parametrize(
    "closed",
    [
        {"withdrawn_at": MONDAY},
        {"completed_at": MONDAY, "valid_from": MONDAY.date()},
    ],
)
def test_an_enrolment_that_is_closed_is_refused(client, enrolment, trainer, closed):
    for field, value in closed.items():
        setattr(enrolment, field, value)
    enrolment.save(update_fields=list(closed))

    assert refused(client, enrolment) == 409


def test_the_key_of_somebody_elses_call_is_refused(client, enrolment, trainer):
    theirs = BookingFactory()

    assert refused(client, enrolment, request_key=str(theirs.request_key)) == 409


@pytest.mark.parametrize("name", ["move", "cancel", "hand_over", "missed", "dispute"])
def test_a_call_of_somebody_else_is_not_found(client, enrolment, trainer, name):
    theirs = BookingFactory(starts_at=now() + timedelta(days=3))
    form = {
        "picked": "1",
        "start": f"{WEDNESDAY_TEN:%Y-%m-%dT%H:%MZ}",
        "reason": "Mine now",
        "to": trainer.pk,
    }
    before = written()

    response = client.post(reverse(f"sessions:{name}", args=[theirs.ref]), form)

    assert response.status_code == 404
    assert written() == before
    theirs.refresh_from_db()
    assert theirs.state == BookingState.BOOKED
