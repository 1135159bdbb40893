"""Exactly one certificate, whoever comes at the same moment."""

from functools import partial

import pytest
from django.db import transaction

from certificates.issuing import issue
from certificates.models import Certificate, CertificateState, Statement
from certificates.preparing import store
from certificates.statements import ask, withdraw
from lms.audit.models import Event
from lms.mail.models import Message
from tests.factories import (
    CertificateFactory,
    EnrolmentFactory,
    MemberFactory,
    TopicCompletionFactory,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.races]


def completed_enrolment():
    enrolment = EnrolmentFactory(completed=True)
    for asked in enrolment.edition.topics.all():
        TopicCompletionFactory(enrolment=enrolment, topic=asked.topic)
    return enrolment


def test_asking_for_a_certificate_at_once_gives_one(run_at_once):
    enrolment = completed_enrolment()

    def ask():
        with transaction.atomic():
            return issue(enrolment)

    answers = run_at_once(ask, ask, ask)

    assert answers == [Certificate.objects.get()] * 3


def test_a_file_made_by_two_workers_is_kept_and_told_once(run_at_once):
    certificate = CertificateFactory(enrolment=completed_enrolment())
    keep = partial(store, certificate, b"%PDF-1.7 the same bytes")

    kept = run_at_once(keep, keep)

    assert sorted(kept) == [False, True]
    assert Certificate.objects.get().state == CertificateState.READY
    assert Message.objects.count() == 1


def test_asking_for_a_statement_at_once_gives_one(run_at_once):
    manager = MemberFactory(is_manager=True)
    click = partial(ask, manager.reseller, by=manager.user)

    answers = run_at_once(click, click, click)

    assert answers == [Statement.objects.get()] * 3


def test_withdrawing_a_statement_at_once_is_logged_once(run_at_once):
    manager = MemberFactory(is_manager=True)
    statement = ask(manager.reseller, by=manager.user)
    take_back = partial(withdraw, statement, by=manager.user)

    run_at_once(take_back, take_back)

    assert Event.objects.filter(verb="withdrew_statement").count() == 1
