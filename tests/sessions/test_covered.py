from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest
import time_machine
from django.urls import reverse
from django.utils.timezone import now

from courses.models import EvidenceKind, Source
from courses.progress import record_evidence, void_evidence
from lms.dashboards import clock
from lms.errors import Refused
from lms.mail.models import Message
from sessions.covered import end_covered
from sessions.missing import MissedCount, counts_for
from sessions.models import Booking, BookingState, Cause
from sessions.proposals import propose, take
from tests.factories import BookingFactory, EnrolmentFactory, TrainerFactory


def exempt(enrolment, *numbers):
    topics = list(enrolment.edition.topics.all())
    return [
        record_evidence(enrolment, topics[n].topic, EvidenceKind.EXEMPTION, by=None)
        for n in numbers
    ]


def booked_on(enrolment, trainer, *numbers, **fields):
    topics = list(enrolment.edition.topics.all())
    pages = [topics[n].topic for n in numbers]
    return BookingFactory(enrolment=enrolment, trainer=trainer, topics=pages, **fields)


def told(call):
    keys = Message.objects.filter(key__startswith=f"call:{call.pk}:cancelled:")
    return {mail.recipient for mail in keys}


def test_a_call_whose_topics_are_all_complete_is_ended_and_both_are_told(
    enrolment, trainer
):
    call = booked_on(enrolment, trainer, 0, 1)
    strangers = BookingFactory(enrolment__source=Source.MANAGER)
    exempt(enrolment, 0, 1)

    clock.tick()

    call.refresh_from_db()
    strangers.refresh_from_db()
    assert (call.state, call.ended_by) == (BookingState.CANCELLED, None)
    assert (call.cause, call.late) == (Cause.BYTEKAST, False)
    assert call.reason == "Its topics are covered."
    assert told(call) == {call.trainee, trainer.user}
    assert strangers.state == BookingState.BOOKED
    assert end_covered() == 0


def test_each_round_looks_at_what_begins_soon_and_each_hour_at_all(enrolment, trainer):
    soon = booked_on(enrolment, trainer, 0, starts_at=now() + timedelta(hours=2))
    later = booked_on(enrolment, trainer, 1, starts_at=now() + timedelta(days=9))
    clock.tick()  # the hour begins
    exempt(enrolment, 0, 1)
    states = []

    for minutes in (1, 59, 61):
        with time_machine.travel(now() + timedelta(minutes=minutes)):
            assert clock.tick()
        calls = Booking.objects.order_by("pk")
        states.append([call.state for call in calls])

    assert [soon.pk, later.pk] == [call.pk for call in Booking.objects.order_by("pk")]
    assert states == [
        [BookingState.CANCELLED, BookingState.BOOKED],
        [BookingState.CANCELLED, BookingState.BOOKED],
        [BookingState.CANCELLED, BookingState.CANCELLED],
    ]


def test_a_clock_that_was_away_ends_what_is_covered_in_its_first_round(
    enrolment, trainer
):
    call = booked_on(enrolment, trainer, 0, starts_at=now() + timedelta(days=9))
    clock.tick()
    exempt(enrolment, 0)

    with time_machine.travel(now() + timedelta(days=1)):
        clock.tick()

    call.refresh_from_db()
    assert call.state == BookingState.CANCELLED


def test_who_has_nothing_left_to_cover_is_not_asked_to_choose_again(enrolment, trainer):
    call = booked_on(enrolment, trainer, 0)
    exempt(enrolment, 0)

    end_covered()

    mail = Message.objects.get(recipient=call.trainee)
    assert enrolment.is_open
    assert "Its topics are covered." in mail.body
    assert reverse("sessions:book", args=[enrolment.pk]) not in mail.body


def test_a_call_moved_late_before_does_not_count_once_it_is_covered(enrolment, trainer):
    call = booked_on(enrolment, trainer, 0, late=True)
    exempt(enrolment, 0)

    end_covered()

    assert counts_for([call.trainee]) == {call.trainee_id: MissedCount()}


@pytest.mark.parametrize("why", ["one open", "begun", "done", "voided", "without"])
def test_a_call_with_something_to_cover_or_over_stays(enrolment, trainer, why):
    fields = {"starts_at": now()} if why == "begun" else {}
    if why == "done":
        fields = {"state": BookingState.DONE}
    numbers = [] if why == "without" else [0, 1]
    call = booked_on(enrolment, trainer, *numbers, **fields)
    was = call.state
    evidence = exempt(enrolment, *([0] if why == "one open" else [0, 1]))
    if why == "voided":
        void_evidence(evidence[1], by=None, why="A mistake.")

    assert end_covered() == 0

    call.refresh_from_db()
    assert call.state == was


def test_an_offer_whose_topics_are_complete_is_ended_and_both_are_told_once(
    client, enrolment, trainer
):
    topics = list(enrolment.edition.topics.all())[:1]
    starts = [now() + timedelta(days=2, hours=n) for n in range(1, 3)]
    calls = propose(trainer, enrolment, topics, starts, request_key=uuid4())
    exempt(enrolment, 0)

    assert end_covered() == 2

    assert not Booking.objects.live().exists()
    mails = Message.objects.filter(key__contains=":covered:")
    assert {mail.recipient for mail in mails} == {enrolment.member.user, trainer.user}
    assert mails.count() == 2
    assert Message.objects.get(key__contains=":proposed:").dropped_at
    with pytest.raises(Refused, match="topics are covered"):
        take(calls[0], by=enrolment.member.user)
    client.force_login(enrolment.member.user)
    page = client.get(reverse("sessions:offer", args=[calls[0].offer]))
    assert "you need no call on them" in page.text


@pytest.mark.parametrize("calls", [1, 3])
def test_looking_for_covered_calls_takes_one_query(
    enrolment, trainer, django_assert_num_queries, calls
):
    for n in range(calls):
        booked_on(enrolment, trainer, n)

    with django_assert_num_queries(1):
        assert end_covered() == 0


@pytest.mark.races
def test_two_clocks_end_a_covered_call_once(run_at_once):
    enrolment = EnrolmentFactory()
    call = booked_on(enrolment, TrainerFactory(), 0)
    exempt(enrolment, 0)

    results = run_at_once(*[partial(end_covered)] * 3)

    assert sorted(results) == [0, 0, 1]
    call.refresh_from_db()
    assert call.sequence == 1
