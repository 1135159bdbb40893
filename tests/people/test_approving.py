"""What one of the channel team asks for and a second person decides."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.utils.timezone import now

from certificates.approvals import REVOKE, ask_to_revoke, waiting_for
from certificates.models import Certificate, End
from courses.approvals import EXEMPT, ask_to_exempt
from courses.models import Evidence, EvidenceKind
from lms.audit.models import Event
from lms.errors import Refused
from lms.mail.models import Message
from lms.people import accounts, approving
from lms.people.models import Approval, ApprovalOutcome
from tests.factories import CertificateFactory, EnrolmentFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def asker(db):
    return UserFactory(is_staff=True, full_name="Sam Staff")


@pytest.fixture
def other(db):
    return UserFactory(is_staff=True, full_name="Olga Other")


@pytest.fixture
def certificate(db):
    return CertificateFactory()


def revoke(certificate, by, why="lent to a colleague"):
    return ask_to_revoke(certificate, reason="deceit", why=why, by=by)


def test_asking_changes_nothing_and_tells_all_who_may_decide(certificate, asker, other):
    UserFactory(is_staff=True, may_change_people=False)
    UserFactory(is_staff=True, is_active=False)

    approval = revoke(certificate, asker)

    certificate.refresh_from_db()
    assert certificate.ended_as == ""
    assert waiting_for(certificate) == approval
    mail = Message.objects.get()
    assert mail.recipient == other
    assert "lent to a colleague" in mail.body
    assert approving.plan_of(approval).title in mail.body


def test_agreeing_does_it_in_the_askers_name(certificate, asker, other):
    approving.decide(revoke(certificate, asker), True, by=other)

    certificate.refresh_from_db()
    assert (certificate.ended_as, certificate.ended_by) == (End.REVOKED, asker)
    assert certificate.ended_why.endswith("lent to a colleague")
    approval = Approval.objects.get()
    assert (approval.outcome, approval.decided_by) == (ApprovalOutcome.GRANTED, other)
    assert Message.objects.filter(recipient=asker).count() == 1
    verbs = set(Event.objects.values_list("verb", flat=True))
    assert {"asked for a second person", "second person: granted"} <= verbs


def test_declining_does_nothing(certificate, asker, other):
    approval = revoke(certificate, asker)

    approving.decide(approval, False, by=other, answer="They were ill")

    certificate.refresh_from_db()
    assert certificate.ended_as == ""
    assert "They were ill" in Message.objects.get(recipient=asker).body
    assert revoke(certificate, asker) != approval  # it may be asked anew


def test_nobody_decides_what_they_asked_for(certificate, asker, other):
    approval = revoke(certificate, asker)

    with pytest.raises(Refused, match="somebody else"):
        approving.decide(approval, True, by=asker)
    with pytest.raises(IntegrityError), transaction.atomic():
        Approval.objects.update(
            decided_by=asker, decided_at=now(), outcome=ApprovalOutcome.GRANTED
        )

    assert waiting_for(certificate) == approval


@pytest.mark.parametrize("who", [{}, {"is_staff": True, "may_change_people": False}])
def test_only_who_may_do_it_asks_or_decides(certificate, asker, other, who):
    stranger = UserFactory(**who)
    with pytest.raises(Refused):
        revoke(certificate, stranger)
    approval = revoke(certificate, asker)

    with pytest.raises(Refused, match="not decide it"):
        approving.decide(approval, True, by=stranger)

    certificate.refresh_from_db()
    assert certificate.ended_as == ""


def test_one_alone_is_told_that_a_colleague_is_missing(certificate, asker):
    UserFactory(is_staff=True, may_change_people=False)

    with pytest.raises(Refused, match="nobody else of the channel team"):
        revoke(certificate, asker)

    assert not Approval.objects.exists()


def test_asking_and_deciding_again_change_nothing(certificate, asker, other):
    third = UserFactory(is_staff=True)
    approval = revoke(certificate, asker)
    assert revoke(certificate, asker) == approval

    approving.decide(approval, True, by=other)
    again = approving.decide(approval, False, by=third)

    assert (again.outcome, again.decided_by) == (ApprovalOutcome.GRANTED, other)
    keys = Message.objects.values_list("key", flat=True)
    assert len(keys) == len(set(keys)) == 3  # two asked, one told


def test_another_request_about_the_same_waits_its_turn(certificate, asker, other):
    revoke(certificate, asker)

    with pytest.raises(Refused, match="waits for a second person already"):
        revoke(certificate, other)


def test_taken_back_by_whoever_asked_alone(certificate, asker, other):
    approval = revoke(certificate, asker)
    with pytest.raises(Refused):
        approving.take_back(approval, by=other)

    approving.take_back(approval, by=asker)
    done = approving.decide(approval, True, by=other)

    certificate.refresh_from_db()
    assert (done.outcome, certificate.ended_as) == (ApprovalOutcome.TAKEN_BACK, "")


def test_what_the_rule_refuses_goes_on_waiting(certificate, asker, other):
    approval = revoke(certificate, asker)
    Certificate.objects.update(ended_as=End.WITHDRAWN, ended_at=now(), ended_why="x")

    with pytest.raises(Refused, match="ended already"):
        approving.decide(approval, True, by=other)

    assert not approving.plan_of(approval).stands
    approval.refresh_from_db()
    assert approval.decided_at is None


def test_decided_once_and_kept(certificate, asker, other):
    approval = revoke(certificate, asker)
    approving.decide(approval, False, by=other)

    for change in ({"outcome": "granted"}, {"words": {}}, {"asked_by": other}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Approval.objects.update(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        Approval.objects.all().delete()


def test_exemption_is_written_when_agreed(asker, other):
    enrolment = EnrolmentFactory()
    topics = [each.topic for each in enrolment.edition.topics.all()]

    approval = ask_to_exempt(enrolment, topics[:1], by=asker, why="Wrote the guide")
    assert approval.kind == EXEMPT
    assert not Evidence.objects.exists()
    approving.decide(approval, True, by=other)

    written = Evidence.objects.get()
    assert (written.kind, written.by) == (EvidenceKind.EXEMPTION, asker)
    assert written.detail["why"] == "Wrote the guide"
    assert ask_to_exempt(enrolment, topics[:1], by=asker, why="Again") is None


def test_who_has_lost_the_permission_meanwhile_exempts_nobody(asker, other):
    enrolment = EnrolmentFactory()
    topics = [each.topic for each in enrolment.edition.topics.all()]
    approval = ask_to_exempt(enrolment, topics, by=asker, why="Wrote the guide")
    accounts.set_channel_team(asker, False, by=other)

    with pytest.raises(Refused):
        approving.decide(approval, True, by=other)

    assert not Evidence.objects.exists()


def test_two_who_agree_at_once_do_it_once(run_at_once, certificate, asker, other):
    third = UserFactory(is_staff=True)
    approval = revoke(certificate, asker)

    results = run_at_once(
        lambda: approving.decide(approval, True, by=other),
        lambda: approving.decide(approval, True, by=third),
    )

    assert {type(result) for result in results} == {Approval}
    assert Event.objects.filter(verb="second person: granted").count() == 1
    certificate.refresh_from_db()
    assert certificate.ended_as == End.REVOKED


def test_two_who_ask_at_once_make_one_request(run_at_once, certificate, asker, other):
    results = run_at_once(
        lambda: revoke(certificate, asker), lambda: revoke(certificate, other)
    )

    assert {type(result) for result in results} == {Approval, Refused}
    assert Approval.objects.get().kind == REVOKE
