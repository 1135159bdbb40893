"""One attempt, one evidence, one certificate, whoever sends it twenty times at once."""

from functools import partial

import pytest
from django.test import Client
from django.urls import reverse

from certificates.models import Certificate
from courses.checks import give_attempts, start_attempt, submit_attempt
from courses.models import (
    Attempt,
    Evidence,
    EvidenceKind,
    MoreAttempts,
    TopicCompletion,
)
from courses.progress import record_evidence
from tests.checks import as_posted, questions, right_answers, wrong_answers
from tests.factories import (
    EditionFactory,
    EnrolmentFactory,
    TopicPageFactory,
    UserFactory,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.races]

MANY = 20


@pytest.fixture
def enrolment():
    """All is done but the check of its one topic."""
    topic = TopicPageFactory(questions=questions(), attempts_allowed=1)
    edition = EditionFactory(programme=topic.get_parent().specific, topics=[topic])
    enrolment = EnrolmentFactory(edition=edition)
    for kind in (EvidenceKind.READ, EvidenceKind.CALL):
        record_evidence(enrolment, topic, kind, by=None)
    return enrolment


@pytest.fixture
def browsers(enrolment):
    """So many windows of the trainee, signed in once."""
    first = Client()
    first.force_login(enrolment.member.user)
    windows = [Client() for _ in range(MANY)]
    for window in windows:
        window.cookies = first.cookies
    return windows


def topic_of(enrolment):
    return enrolment.edition.topics.get().topic


def test_submits_at_once_give_one_evidence_one_completion_one_certificate(
    run_at_once, enrolment, browsers
):
    attempt = start_attempt(enrolment, topic_of(enrolment))
    url = reverse("courses:submit_check", args=[attempt.pk])
    right = as_posted(attempt, right_answers(attempt))

    answers = run_at_once(*[partial(each.post, url, right) for each in browsers])

    assert [response.status_code for response in answers] == [302] * MANY
    attempt.refresh_from_db()
    assert (attempt.score_percent, attempt.passed) == (100, True)
    assert Evidence.objects.filter(kind=EvidenceKind.CHECK).count() == 1
    assert TopicCompletion.objects.count() == 1
    assert Certificate.objects.count() == 1


def test_right_and_wrong_at_once_score_the_first_alone(
    run_at_once, enrolment, browsers
):
    attempt = start_attempt(enrolment, topic_of(enrolment))
    url = reverse("courses:submit_check", args=[attempt.pk])
    sent = [
        as_posted(attempt, make(attempt)) for make in (right_answers, wrong_answers)
    ]

    run_at_once(
        *[
            partial(each.post, url, sent[number % 2])
            for number, each in enumerate(browsers[:6])
        ]
    )

    attempt.refresh_from_db()
    assert attempt.score_percent in (0, 100)
    passed = Evidence.objects.filter(kind=EvidenceKind.CHECK)
    assert passed.exists() == attempt.passed == Certificate.objects.exists()


def test_starts_at_once_open_one_attempt(run_at_once, enrolment, browsers):
    args = [enrolment.pk, topic_of(enrolment).pk]
    url = reverse("courses:start_check", args=args)

    answers = run_at_once(*[partial(each.post, url) for each in browsers[:8]])

    assert [response.status_code for response in answers] == [302] * 8
    assert Attempt.objects.count() == 1


def test_new_attempts_given_at_once_are_given_once(run_at_once, enrolment):
    topic, trainer = topic_of(enrolment), UserFactory()
    attempt = start_attempt(enrolment, topic)
    submit_attempt(attempt, wrong_answers(attempt))

    run_at_once(*[partial(give_attempts, enrolment, topic, by=trainer, count=1)] * 4)

    assert MoreAttempts.objects.count() == 1
