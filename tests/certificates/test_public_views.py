from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.timezone import now

from certificates import serials
from certificates.models import Certificate, End
from tests.factories import CertificateFactory, EnrolmentFactory, MemberFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def member():
    return MemberFactory(user__full_name="Mara Łukasik")


def verify_page(client, serial):
    return client.get(reverse("verify", args=[serial]))


def test_verify_says_valid_and_what_the_claim_says(client, member):
    certificate = CertificateFactory(enrolment__member=member)

    response = verify_page(client, certificate.serial)

    page = response.content.decode()
    assert response.status_code == 200
    assert response.context["verdict"].state.key == "valid"
    assert "<h1>Valid</h1>" in page
    assert "Mara Łukasik" in page
    assert member.reseller.name in page
    assert serials.shown(certificate.serial) in page
    assert "Does not expire" in page


def test_verify_keeps_trainers_and_addresses_to_itself(client, member):
    certificate = CertificateFactory(
        enrolment__member=member, private_claim={"evidence": [{"by": "Theo"}]}
    )

    page = verify_page(client, certificate.serial).content.decode()

    assert "Theo" not in page
    assert member.user.email not in page


def test_verify_is_in_no_index_and_no_cache(client, member):
    response = verify_page(client, CertificateFactory().serial)

    assert response["X-Robots-Tag"] == "noindex"
    assert response["Cache-Control"] == "no-store"


def test_verify_understands_what_people_type(client):
    serial = CertificateFactory(serial="0K3QZ71XP4TDC").serial

    assert serials.is_valid(serial)
    assert verify_page(client, "ok3q-z7lx p4td-c").status_code == 200


@pytest.mark.parametrize(
    ("days", "state"), [(-1, "expired"), (0, "expired"), (1, "valid")]
)
def test_verify_says_expired_from_the_last_day_on(client, days, state):
    today = now().date()
    enrolment = EnrolmentFactory(
        completed=True,
        completed_at=now() - timedelta(days=9),
        valid_until=today + timedelta(days=days),
    )

    response = verify_page(client, CertificateFactory(enrolment=enrolment).serial)

    assert response.context["verdict"].state.key == state


@pytest.mark.parametrize(
    ("as_", "word"), [(End.REVOKED, "Revoked"), (End.WITHDRAWN, "Withdrawn")]
)
def test_verify_says_how_it_ended_and_not_why(client, as_, word):
    certificate = CertificateFactory(
        ended_as=as_, ended_at=now(), ended_why="A private matter"
    )

    page = verify_page(client, certificate.serial).content.decode()

    assert f"<h1>{word}</h1>" in page
    assert "A private matter" not in page


def test_verify_leads_to_the_certificate_that_replaced_it(client):
    old = CertificateFactory(ended_as=End.REPLACED, ended_at=now())
    new = CertificateFactory(enrolment=old.enrolment, supersedes=old)

    response = verify_page(client, old.serial)

    page = response.content.decode()
    assert "<h1>Replaced</h1>" in page
    assert reverse("verify", args=[new.serial]) in page


def test_verify_unknown_is_a_kind_404_with_the_form(client):
    response = verify_page(client, serials.new_serial())

    assert response.status_code == 404
    assert b"has issued no certificate" in response.content
    assert b'name="serial"' in response.content


def test_verify_mistyped_says_so_and_suggests(client):
    serial = CertificateFactory(serial="5K3QZ7MXP4TDM").serial
    assert serials.is_valid(serial)

    response = verify_page(client, "SK3Q-Z7MX-P4TD-M")

    page = response.content.decode()
    assert response.status_code == 404
    assert "does not match" in page
    assert reverse("verify", args=["5K3Q-Z7MX-P4TD-M"]) in page


@pytest.mark.parametrize(
    "typed", ["'", "\x00", "x" * 10_000, "<script>", "🙂", "..", "%2e%2e", " "]
)
def test_verify_answers_any_nonsense_with_404(client, typed):
    assert verify_page(client, typed).status_code == 404


def test_verify_form_leads_to_the_page(client):
    serial = CertificateFactory().serial

    response = client.get(
        reverse("verify_form"), {"serial": serials.shown(serial).lower()}
    )

    assert response["Location"] == reverse("verify", args=[serials.shown(serial)])


@pytest.mark.parametrize("typed", ["", "'", "\x00", "x" * 10_000, "8K3Q"])
def test_verify_form_answers_nonsense_in_words(client, typed):
    response = client.get(reverse("verify_form"), {"serial": typed})

    assert response.status_code == 200
    assert response.context["form"].errors


def test_verify_asks_few_questions(client, django_assert_max_num_queries):
    serial = CertificateFactory().serial
    verify_page(client, serial)

    with django_assert_max_num_queries(5):
        verify_page(client, serial)


def test_what_is_not_released_or_undone_is_unknown(client):
    unreleased = CertificateFactory(release_at=now() + timedelta(minutes=15))
    undone = CertificateFactory(ended_as=End.UNDONE, ended_at=now())

    for certificate in (unreleased, undone):
        assert verify_page(client, certificate.serial).status_code == 404


def test_verify_changes_nothing(client):
    serial = CertificateFactory().serial
    before = Certificate.objects.values().get()

    verify_page(client, serial)

    assert Certificate.objects.values().get() == before
