from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils.timezone import now

from certificates.issuing import end
from certificates.models import End
from lms.people.accounts import rename
from tests.factories import (
    BookingFactory,
    CertificateFactory,
    EditionFactory,
    EnrolmentFactory,
    ProgrammePageFactory,
    TopicPageFactory,
    UserFactory,
    programme_index,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def enrolment():
    """In a programme of one topic, so that any call may be the last one."""
    programme = ProgrammePageFactory(parent=programme_index(), title="User Support")
    topic = TopicPageFactory(parent=programme, needs_read=False)
    return EnrolmentFactory(edition=EditionFactory(programme=programme, topics=[topic]))


def my_page(client, enrolment):
    client.force_login(enrolment.member.user)
    return client.get(reverse("dashboards:my"))


def test_my_learning_asks_for_the_name_before_the_last_call(client, enrolment):
    BookingFactory(enrolment=enrolment)

    response = my_page(client, enrolment)

    assert response.context["last_call_cell"].enrolment == enrolment
    assert response.context["name_to_confirm"] == enrolment.member.user.full_name
    assert "Your certificate will say" in response.content.decode()
    assert "Next call:" in response.content.decode()


def test_my_learning_asks_for_the_name_once_and_again_when_it_changes(
    client, enrolment
):
    BookingFactory(enrolment=enrolment)
    user = enrolment.member.user
    page = my_page(client, enrolment)
    words = {"name": page.context["name_to_confirm"], "next": "/my/"}

    after = client.post(reverse("people:confirm_name"), words, follow=True)
    rename(user, "Anna สม", by=None)
    renamed = my_page(client, enrolment)

    assert after.redirect_chain == [("/my/", 302)]
    assert "Your certificate will say" not in after.content.decode()
    assert renamed.context["name_to_confirm"] == "Anna สม"
    assert "cannot print these letters yet" in renamed.content.decode()


def test_my_learning_asks_for_no_name_once_the_call_is_over(client, enrolment):
    began_at = now() - timedelta(hours=2)
    BookingFactory(enrolment=enrolment, starts_at=began_at)

    response = my_page(client, enrolment)

    assert response.context["last_call_cell"] is None
    assert "Next call:" not in response.content.decode()


@pytest.mark.parametrize(
    ("minutes", "word", "is_open"),
    [(11, "Opens at", False), (10, "Join", True), (-5, "Join", True)],
)
def test_my_learning_leads_into_the_open_room(
    client, enrolment, minutes, word, is_open
):
    starts_at = now() + timedelta(minutes=minutes)
    call = BookingFactory(enrolment=enrolment, starts_at=starts_at)

    with time_machine.travel(starts_at - timedelta(minutes=minutes), tick=False):
        page = my_page(client, enrolment)

    join = page.context["join"]
    assert join.word.startswith(word)
    assert (f'href="/calls/{call.ref}/join/"' in page.text) == is_open
    assert f'href="/calls/{call.ref}/"' in page.text
    assert "every 20s" in page.text


def test_my_learning_says_that_a_certificate_was_revoked(client):
    certificate = CertificateFactory()
    end(certificate, End.REVOKED, why="A mistake.", by=UserFactory())

    step = my_page(client, certificate.enrolment).context["step"]

    programme = certificate.enrolment.programme.title
    assert step.title == f"Your certificate for {programme} was revoked"
