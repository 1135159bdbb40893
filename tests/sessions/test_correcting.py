"""A sign-off by mistake, found late, is taken back with all that came of it."""

from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils.timezone import now

from certificates.models import Certificate, End
from courses.models import Enrolment, Evidence, EvidenceKind
from courses.progress import record_evidence
from lms.audit.models import Event
from lms.errors import Refused
from lms.mail.models import Message
from sessions.correcting import mistakes_of, take_back
from sessions.models import Outcome
from sessions.signoff import TopicWord, sign_off
from tests.factories import BookingFactory, EnrolmentFactory, UserFactory

WHY = "It was another person’s call."


@pytest.fixture
def call(db):
    """A call that qualified somebody a day ago: all topics, all read."""
    enrolment = EnrolmentFactory()
    pages = [asked.topic for asked in enrolment.edition.topics.all()]
    with time_machine.travel(now() - timedelta(days=1), tick=False):
        for page in pages:
            record_evidence(enrolment, page, EvidenceKind.READ, by=None)
        call = BookingFactory(
            enrolment=enrolment,
            starts_at=now() - timedelta(minutes=1),
            topics=pages,
        )
        words = [TopicWord(topic, Outcome.COVERED) for topic in call.topics.all()]
        sign_off(call, words, by=call.trainer.user)
    call.refresh_from_db()
    Message.objects.all().delete()
    return call


def correct(call, *, by=None, why=WHY):
    take_back(call.topics.first(), by=by or call.trainer.user, why=why)


def test_mistake_is_taken_back_with_what_came_of_it(call):
    correct(call)

    first = call.topics.first()
    voided = Evidence.objects.get(voided_at__isnull=False, kind=EvidenceKind.CALL)
    assert (voided.topic, voided.voided_why) == (first.topic, WHY)
    assert voided.voided_by == call.trainer.user
    old, new = Enrolment.objects.order_by("cycle")
    assert old.annulled_at is not None
    assert new.is_open
    certificate = Certificate.objects.get()
    assert (certificate.ended_as, certificate.ended_why) == (End.WITHDRAWN, WHY)
    assert Event.objects.filter(verb="corrected").count() == 1


def test_person_is_told_why_and_what_to_do(call):
    correct(call)

    mail = Message.objects.get(key__contains=":corrected:")
    assert mail.recipient == call.trainee
    assert WHY in mail.body
    assert "issued in error by us" in mail.body
    assert "book a call on this topic" in mail.body


def test_mistake_again_changes_nothing(call):
    correct(call)
    correct(call)

    assert Message.objects.filter(key__contains=":corrected:").count() == 1
    assert Event.objects.filter(verb="corrected").count() == 1


@pytest.mark.parametrize("who", ["trainee", "stranger", "reader"])
def test_mistake_is_for_its_trainer_or_who_may_change_people(call, who):
    by = {
        "trainee": call.trainee,
        "stranger": UserFactory(),
        "reader": UserFactory(is_staff=True, may_change_people=False),
    }[who]

    with pytest.raises(Refused):
        correct(call, by=by)

    assert not Evidence.objects.filter(voided_at__isnull=False).exists()


def test_mistake_needs_a_reason(call):
    with pytest.raises(Refused):
        correct(call, why=" ")


@pytest.mark.parametrize(("seconds", "may"), [(0, False), (1, True)])
def test_mistake_waits_until_it_cannot_be_undone(call, settings, seconds, may):
    settings.SIGN_OFF_UNDO = timedelta(minutes=15)
    at = call.signed_off_at + settings.SIGN_OFF_UNDO + timedelta(seconds=seconds)

    with time_machine.travel(at, tick=False):
        if may:
            correct(call)
        else:
            with pytest.raises(Refused, match="still undo"):
                correct(call)


def test_each_topic_says_what_it_would_undo(call):
    mistakes = mistakes_of(call)

    assert len(mistakes) == call.topics.count()
    assert all(each.consequences.annulled for each in mistakes)


def test_page_says_beforehand_what_it_undoes_and_then_that_it_is_done(client, call):
    client.force_login(call.trainer.user)
    url = reverse("sessions:correct", args=[call.ref])

    page = client.get(url).content.decode()
    answer = client.post(url, {"topic": call.topics.first().pk, "why": WHY})
    after = client.get(call.get_absolute_url()).content.decode()

    assert "is no longer qualified for" in " ".join(page.split())
    assert answer.url == call.get_absolute_url()
    assert "Taken back" in after
    assert WHY in after


def test_page_keeps_the_reason_when_no_topic_is_chosen(client, call):
    client.force_login(call.trainer.user)

    page = client.post(
        reverse("sessions:correct", args=[call.ref]), {"why": "Half a sentence"}
    )

    assert page.status_code == 422
    assert "Half a sentence" in page.content.decode()
