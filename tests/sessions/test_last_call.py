"""The call after which no other is left to book, and the name asked about before it."""

from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils.timezone import now

from courses.models import EvidenceKind
from courses.progress import progress_of, record_evidence
from lms.mail.models import Message
from lms.people.confirming import confirm
from sessions.booking import ready_topics
from sessions.last_call import is_last, name_before_last, name_to_ask_in
from sessions.models import BookingState
from sessions.reminders import remind, write
from tests.factories import (
    BookingFactory,
    EditionFactory,
    EnrolmentFactory,
    ProgrammePageFactory,
    TopicPageFactory,
    programme_index,
)

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
WORDS = "Your certificate will say"
TRAINERS = "Name not confirmed yet: please ask"


def programme_of(*, calls, reads=0, **more):
    """Somebody in a programme with so many topics to call on, and so many to read."""
    programme = ProgrammePageFactory(parent=programme_index())
    topics = [
        TopicPageFactory(parent=programme, needs_read=False) for _each in range(calls)
    ] + [TopicPageFactory(parent=programme, needs_call=False) for _each in range(reads)]
    edition = EditionFactory(programme=programme, topics=topics)
    enrolment = EnrolmentFactory(edition=edition, **more)
    return enrolment, topics


def reminders_of(*people):
    """What each reminder says, written as it leaves."""
    rows = Message.objects.filter(key__contains=":reminder:", recipient__in=people)
    return [write(row).body for row in rows]


def last(enrolment, topics=()):
    progress = progress_of([enrolment])[enrolment.pk]
    return is_last(progress, [topic.pk for topic in topics])


def test_last_is_the_call_on_all_that_still_wants_one():
    enrolment, (one, two) = programme_of(calls=2)

    assert not last(enrolment)
    assert not last(enrolment, [one])
    assert last(enrolment, [one, two])

    record_evidence(enrolment, one, EvidenceKind.CALL, by=None)
    assert last(enrolment, [two])
    assert not last(enrolment)


def test_what_can_be_read_at_any_time_keeps_no_call_from_being_the_last():
    enrolment, (one, _to_read) = programme_of(calls=1, reads=1)

    assert last(enrolment, [one])


def test_after_the_last_call_it_is_so_while_something_is_to_read():
    enrolment, (one, to_read) = programme_of(calls=1, reads=1)
    record_evidence(enrolment, one, EvidenceKind.CALL, by=None)

    assert last(enrolment)
    record_evidence(enrolment, to_read, EvidenceKind.READ, by=None)
    enrolment.refresh_from_db()
    assert not last(enrolment)  # it is complete, and its certificate written


def test_without_any_call_it_is_so_once_something_is_done():
    enrolment, (one, _two) = programme_of(calls=0, reads=2)

    assert not last(enrolment)
    record_evidence(enrolment, one, EvidenceKind.READ, by=None)
    assert last(enrolment)


def test_what_is_exempt_wants_no_call():
    enrolment, (one, two) = programme_of(calls=2)
    record_evidence(enrolment, two, EvidenceKind.EXEMPTION, by=None)

    assert last(enrolment, [one])


def test_name_is_asked_in_the_later_of_two_calls_alone():
    enrolment, (one, two) = programme_of(calls=2)
    BookingFactory()  # a stranger's
    first = BookingFactory(enrolment=enrolment, topics=[one], starts_at=now() + DAY)
    assert name_to_ask_in(first) == ""
    second = BookingFactory(
        enrolment=enrolment, topics=[two], starts_at=now() + 2 * DAY
    )

    name = enrolment.member.user.full_name
    assert name_to_ask_in(first) == ""
    assert name_to_ask_in(second) == name
    assert name_before_last(enrolment) == name
    confirm(enrolment.member.user, name)
    assert name_to_ask_in(second) == ""


@pytest.mark.parametrize("state", [BookingState.CANCELLED, BookingState.DONE])
def test_name_is_asked_in_no_call_that_is_not_to_come(state):
    enrolment, topics = programme_of(calls=1)
    call = BookingFactory(enrolment=enrolment, topics=topics, state=state)

    assert name_to_ask_in(call) == ""


def test_name_is_asked_until_the_call_is_over_and_not_after():
    enrolment, topics = programme_of(calls=1)
    call = BookingFactory(enrolment=enrolment, topics=topics)

    with time_machine.travel(call.ends_at - timedelta(seconds=1), tick=False):
        assert name_to_ask_in(call)
    with time_machine.travel(call.ends_at, tick=False):
        assert name_to_ask_in(call) == ""


def test_confirmed_costs_one_query_and_else_four(django_assert_num_queries):
    enrolment, topics = programme_of(calls=1)
    call = BookingFactory(enrolment=enrolment, topics=topics)

    with django_assert_num_queries(4):
        name = name_to_ask_in(call)
    confirm(enrolment.member.user, name)
    with django_assert_num_queries(1):
        name_to_ask_in(call)


def test_call_page_asks_the_trainee_and_tells_the_trainer(client):
    enrolment, topics = programme_of(calls=1)
    call = BookingFactory(enrolment=enrolment, topics=topics)

    client.force_login(call.trainee)
    own = client.get(call.get_absolute_url()).text
    client.force_login(call.trainer.user)
    trainers = client.get(call.get_absolute_url()).text

    assert WORDS in own
    assert f'value="{call.get_absolute_url()}"' in own
    assert TRAINERS not in own
    assert TRAINERS in trainers
    assert reverse("people:confirm_name") not in trainers

    confirm(call.trainee, call.trainee.full_name)
    assert TRAINERS not in client.get(call.get_absolute_url()).text
    client.force_login(call.trainee)
    assert WORDS not in client.get(call.get_absolute_url()).text


def test_call_page_asks_nothing_while_another_call_is_left_to_book(client):
    enrolment, (one, _two) = programme_of(calls=2)
    call = BookingFactory(enrolment=enrolment, topics=[one])

    for reader in (call.trainee, call.trainer.user):
        client.force_login(reader)
        page = client.get(call.get_absolute_url()).text
        assert WORDS not in page
        assert TRAINERS not in page


def test_both_reminders_say_it_until_it_is_confirmed():
    enrolment, topics = programme_of(calls=1)
    call = BookingFactory(
        enrolment=enrolment, topics=topics, starts_at=now() + timedelta(days=5)
    )
    remind(call)
    name = call.trainee.full_name

    own = reminders_of(call.trainee)
    trainers = reminders_of(call.trainer.user)
    confirm(call.trainee, name)
    after = reminders_of(call.trainee, call.trainer.user)

    assert len(own) == len(trainers) == 2
    assert all(f"Your certificate will say “{name}”. Right?" in body for body in own)
    assert all("Name not confirmed yet, please ask" in body for body in trainers)
    assert not any("certificate" in body for body in after)


def test_booking_the_last_call_asks_and_books_without_an_answer(
    client, enrolment, trainer, trainee
):
    """All topics are chosen, so it is the last; one of them alone is not."""
    url = reverse("sessions:book", args=[enrolment.pk])
    keys = [topic.pk for topic in ready_topics(enrolment)]
    chosen = {"picked": "1", "start": "2026-06-03T09:00Z"}

    all_of_it = client.get(url, chosen | {"topics": keys})
    one_alone = client.get(url, chosen | {"topics": keys[:1]})
    as_it_opens = client.get(url)  # with all topics that are ready
    booked = client.post(
        url,
        chosen | {"topics": keys, "request_key": all_of_it.context["request_key"]},
    )

    assert WORDS in all_of_it.text
    assert "You can book without answering" in all_of_it.text
    assert WORDS not in one_alone.text
    assert WORDS in as_it_opens.text
    assert booked.status_code == 302
    assert WORDS in client.get(booked["Location"]).text
