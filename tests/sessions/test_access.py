from datetime import timedelta

import pytest
from django.utils.timezone import now

from courses.checks import (
    give_attempts,
    pass_in_call,
    start_attempt,
    submit_attempt,
)
from courses.models import EvidenceKind
from courses.progress import record_evidence
from sessions.access import bookable_by, ready_for, ready_people
from sessions.booking import ready_topics
from sessions.models import BookingState
from tests.checks import questions
from tests.factories import (
    BookingFactory,
    EditionFactory,
    EnrolmentFactory,
    TopicPageFactory,
    TrainerFactory,
)


@pytest.mark.parametrize("preparation", ["advised", "first"])
def test_ready_for_asks_the_same_as_ready_topics(db, preparation):
    edition = EditionFactory(preparation=preparation)
    topics = [row.topic for row in edition.topics.all()]
    trainer = TrainerFactory(programmes=[edition.programme])
    untouched, read, exempt, booked, again, covered = EnrolmentFactory.create_batch(
        6, edition=edition
    )
    record_evidence(read, topics[0], EvidenceKind.READ, by=None)
    for topic in topics:
        record_evidence(exempt, topic, EvidenceKind.EXEMPTION, by=None)
        record_evidence(booked, topic, EvidenceKind.READ, by=None)
        record_evidence(again, topic, EvidenceKind.READ, by=None)
        record_evidence(covered, topic, EvidenceKind.CALL, by=None)
    BookingFactory(enrolment=booked, topics=topics)
    BookingFactory(enrolment=again, topics=topics, state=BookingState.CANCELLED)

    listed = {enrolment.pk for enrolment in ready_for(trainer)}

    everyone = [untouched, read, exempt, booked, again, covered]
    assert listed == {each.pk for each in everyone if ready_topics(each)}
    expected = {"advised": {untouched, read, again}, "first": {read, again}}
    assert listed == {each.pk for each in expected[preparation]}


def test_ready_people_brings_the_topics_that_are_ready(db):
    enrolment = EnrolmentFactory()
    BookingFactory(enrolment=enrolment)

    (person,) = ready_people([enrolment])

    assert [topic.asked for topic in person.topics] == ready_topics(enrolment)
    assert person.minutes == 60
    assert not person.is_prepared


def test_ready_since_counts_from_the_last_call(db):
    edition = EditionFactory()
    trainer = TrainerFactory(programmes=[edition.programme])
    month_ago = now() - timedelta(days=30)
    met = EnrolmentFactory(edition=edition, enrolled_at=month_ago)
    never_met = EnrolmentFactory(
        edition=edition, enrolled_at=month_ago + timedelta(days=1)
    )
    BookingFactory(
        enrolment=met,
        trainer=trainer,
        state=BookingState.DONE,
        signed_off_at=now() - timedelta(days=2),
    )

    assert list(ready_for(trainer)) == [never_met, met]


def test_bookable_are_open_live_and_in_own_programmes(db):
    edition = EditionFactory()
    trainer = TrainerFactory(programmes=[edition.programme])
    own = EnrolmentFactory(edition=edition)
    EnrolmentFactory()
    EnrolmentFactory(edition=edition, completed=True)
    EnrolmentFactory(edition=edition, withdrawn_at=now())
    EnrolmentFactory(edition=edition, member__left_on=now().date())
    EnrolmentFactory(edition=edition, member__user__is_active=False)
    EnrolmentFactory(edition=edition, member__user=trainer.user)

    assert list(bookable_by(trainer)) == [own]


@pytest.mark.parametrize(("away_until", "listed"), [(-1, True), (0, False)])
def test_ready_for_leaves_out_who_is_away(db, away_until, listed):
    edition = EditionFactory()
    trainer = TrainerFactory(programmes=[edition.programme])
    today = now().date()
    EnrolmentFactory(
        edition=edition,
        member__away_from_on=today - timedelta(days=9),
        member__away_until_on=today + timedelta(days=away_until),
    )

    assert ready_for(trainer).exists() == listed


@pytest.mark.parametrize("needs_call", [True, False])
@pytest.mark.parametrize("preparation", ["advised", "first"])
def test_ready_for_counts_a_check_without_attempts_left(db, preparation, needs_call):
    topic = TopicPageFactory(
        questions=questions(1), attempts_allowed=1, needs_call=needs_call
    )
    edition = EditionFactory(
        programme=topic.get_parent().specific, topics=[topic], preparation=preparation
    )
    trainer = TrainerFactory(programmes=[edition.programme])
    untried, failed, given, helped = EnrolmentFactory.create_batch(4, edition=edition)
    for each in (untried, failed, given, helped):
        record_evidence(each, topic, EvidenceKind.READ, by=None)
    for each in (failed, given, helped):
        submit_attempt(start_attempt(each, topic), {})
    give_attempts(given, topic, by=trainer.user, count=1)
    pass_in_call(helped, topic, by=trainer.user, note="Fine")

    listed = set(ready_for(trainer))

    everyone = [untried, failed, given, helped]
    assert listed == {each for each in everyone if ready_topics(each)}
    expected = {
        ("advised", True): set(everyone),
        ("first", True): {failed, helped},
        ("advised", False): {failed},
        ("first", False): {failed},
    }
    assert listed == expected[preparation, needs_call]
