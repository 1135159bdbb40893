from uuid import uuid4

import pytest
from django.utils.timezone import now

from courses.cycles import begin_again
from courses.models import Evidence, EvidenceKind
from courses.progress import record_evidence
from lms.mail.models import Message
from lms.people import accounts
from lms.people.membership import leave
from lms.people.models import User
from lms.people.signals import account_disabled, person_erased
from sessions import offer_mails
from sessions.feeds import renew_feed
from sessions.models import BookingState, Feed, OutsideCalendar, TimeRequest
from tests.factories import (
    BookingFactory,
    EditionFactory,
    EnrolmentFactory,
    OutsideCalendarFactory,
    TimeRequestFactory,
)


def test_calls_follow_the_enrolment_that_goes_on(db):
    enrolment = EnrolmentFactory()
    booking = BookingFactory(enrolment=enrolment)

    successor = begin_again(
        enrolment,
        member=enrolment.member,
        edition=enrolment.edition,
        keep=Evidence.objects.none(),
        why="Coming back.",
        by=None,
    )

    booking.refresh_from_db()
    assert (booking.enrolment, booking.state) == (successor, BookingState.BOOKED)
    assert [topic.booked_for for topic in booking.topics.all()] == [successor]


def test_a_call_ends_when_the_new_edition_asks_for_none_of_it(db):
    enrolment = EnrolmentFactory()
    booking = BookingFactory(enrolment=enrolment)
    others = [row.topic for row in enrolment.edition.topics.all()[1:]]
    edition = EditionFactory(programme=enrolment.programme, topics=others)

    begin_again(
        enrolment,
        member=enrolment.member,
        edition=edition,
        keep=Evidence.objects.none(),
        why="The programme changed.",
        by=None,
    )

    booking.refresh_from_db()
    assert booking.state == BookingState.CANCELLED
    assert [topic.booked_for for topic in booking.topics.all()] == [None]


def test_completing_the_programme_frees_the_calls_to_come(db):
    enrolment = EnrolmentFactory()
    booking = BookingFactory(enrolment=enrolment)

    for asked in enrolment.edition.topics.all():
        record_evidence(enrolment, asked.topic, EvidenceKind.EXEMPTION, by=None)

    booking.refresh_from_db()
    assert booking.state == BookingState.CANCELLED


def test_closing_an_account_frees_its_calls_to_come(db):
    booking = BookingFactory()

    account_disabled.send(sender=User, user=booking.trainee, by=None)

    booking.refresh_from_db()
    assert booking.state == BookingState.CANCELLED


@pytest.mark.parametrize("closes", ["account", "membership"])
def test_what_closes_ends_what_was_proposed_and_asked(db, closes):
    enrolment = EnrolmentFactory()
    proposal = BookingFactory(
        enrolment=enrolment, state=BookingState.PROPOSED, offer=uuid4()
    )
    offer_mails.tell_proposed([proposal])
    asked = TimeRequestFactory()
    TimeRequest.objects.filter(pk=asked.pk).update(enrolment=enrolment)
    stranger = TimeRequestFactory()

    if closes == "account":
        accounts.set_active(proposal.trainee, False, by=None)
    else:
        leave(enrolment.member, on=now().date(), by=None)

    proposal.refresh_from_db()
    assert proposal.state == BookingState.CANCELLED
    assert list(TimeRequest.objects.open()) == [stranger]
    assert Message.objects.get(key__contains=":proposed:").dropped_at is not None


def test_a_request_alone_ends_with_the_account(db):
    asked = TimeRequestFactory()

    accounts.set_active(asked.enrolment.member.user, False, by=None)

    assert not TimeRequest.objects.open().exists()


def test_a_feed_and_the_addresses_of_other_calendars_go_with_the_person(db):
    calendar, strangers = OutsideCalendarFactory(), OutsideCalendarFactory()
    for each in (calendar, strangers):
        renew_feed(each.trainer.user)

    person_erased.send(sender=User, user=calendar.trainer.user, by=None)

    assert list(OutsideCalendar.objects.all()) == [strangers]
    assert Feed.objects.get().user == strangers.trainer.user
