"""The page of what waits for a second person."""

from __future__ import annotations

import pytest
from django.urls import reverse

from certificates.models import End
from lms.people.models import Approval, ApprovalOutcome
from tests.factories import ApprovalFactory, CertificateFactory, UserFactory

pytestmark = pytest.mark.django_db
PAGE = "/standing/second-person/"


@pytest.fixture
def staff(client):
    user = UserFactory(is_staff=True)
    client.force_login(user)
    return user


def decide(client, approval, do, **words):
    return client.post(
        reverse("dashboards:decide_on", args=[approval.pk]), {"do": do, **words}
    )


def test_page_says_what_will_happen_and_to_whom(client, staff):
    approval = ApprovalFactory(why="Lent to a colleague")
    person = CertificateFactory._meta.model.objects.get().enrolment.member.user

    page = client.get(PAGE).content.decode()

    assert f"Revoke the certificate of {person}" in page
    assert "Its page" in page
    assert "Lent to a colleague" in page
    assert str(approval.asked_by) in page


def test_agreeing_is_one_click_and_a_second_one_is_told_of_it(client, staff):
    certificate = CertificateFactory()
    approval = ApprovalFactory(certificate=certificate)

    assert decide(client, approval, "agree")["Location"] == PAGE
    certificate.refresh_from_db()
    assert certificate.ended_as == End.REVOKED

    again = client.post(
        reverse("dashboards:decide_on", args=[approval.pk]),
        {"do": "decline"},
        follow=True,
    )
    assert "Decided already" in again.content.decode()
    approval.refresh_from_db()
    assert approval.outcome == ApprovalOutcome.GRANTED


def test_own_request_can_be_taken_back_and_not_agreed_to(client, staff):
    approval = ApprovalFactory(asked_by=staff)

    assert "Agree: do it now" not in client.get(PAGE).content.decode()
    assert decide(client, approval, "agree").status_code == 409
    decide(client, approval, "take-back")

    assert Approval.objects.get().outcome == ApprovalOutcome.TAKEN_BACK


def test_who_reads_only_sees_it_without_a_button(client):
    client.force_login(UserFactory(is_staff=True, may_change_people=False))
    approval = ApprovalFactory()

    page = client.get(PAGE).content.decode()

    assert "Revoke the certificate" in page
    assert 'name="do"' not in page
    assert decide(client, approval, "agree", answer="My line").status_code == 409
    approval.refresh_from_db()
    assert approval.decided_at is None


def test_refused_answer_keeps_what_was_typed(client, staff):
    response = decide(client, ApprovalFactory(), "nonsense", answer="My line")

    assert response.status_code == 422
    assert "My line" in response.content.decode()
