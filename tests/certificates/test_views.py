from datetime import timedelta
from urllib.parse import unquote

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from certificates import serials
from certificates.erasing import erase_claims
from certificates.models import CertificateState, End
from tests.factories import (
    CertificateFactory,
    EnrolmentFactory,
    MemberFactory,
    ResellerFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def member():
    return MemberFactory(user__full_name="Mara Łukasik")


@pytest.fixture
def manager(member):
    return MemberFactory(reseller=member.reseller, is_manager=True)


def made_for(member, *, content=b"%PDF-1.7 one", **fields):
    """A certificate of the member, ready, with this as its file."""
    certificate = CertificateFactory(
        enrolment=EnrolmentFactory(member=member, completed=True),
        state=CertificateState.READY,
        pdf=ContentFile(content, name="certificates/of-a-test.pdf"),
        pdf_sha256="0" * 64,
        **fields,
    )
    certificate.refresh_from_db()
    return certificate


def unreleased(member, **fields):
    return made_for(member, release_at=now() + timedelta(minutes=15), **fields)


def body_of(response):
    return b"".join(response.streaming_content)


def read(response):
    """The answer, read to its end: then the file behind it is closed."""
    if response.streaming:
        body_of(response)
    return response


# --- One's own -------------------------------------------------------------------


def queries_of(client, url):
    """How many queries the page needs once what is cached is cached."""
    client.get(url)
    with CaptureQueriesContext(connection) as queries:
        response = client.get(url)
    assert response.status_code == 200
    return len(queries), [each for each, _state in response.context["lines"]]


def test_certificates_lists_own_with_as_many_queries_for_three_as_for_one(
    client, member
):
    own = [made_for(member)]
    made_for(MemberFactory())  # a stranger's: it must not leak
    unreleased(member)
    client.force_login(member.user)

    for_one, first = queries_of(client, reverse("certificates:certificates"))
    own += [made_for(member), made_for(member)]
    for_three, all_three = queries_of(client, reverse("certificates:certificates"))

    assert (first, all_three) == (own[:1], own[::-1])
    assert for_one == for_three


def test_certificates_without_one_says_what_to_do(client, member):
    client.force_login(member.user)

    response = client.get(reverse("certificates:certificates"))

    assert b"No certificate yet" in response.content


@pytest.mark.parametrize("name", ["certificate", "pdf"])
def test_a_certificate_is_seen_by_holder_manager_and_staff_alone(
    client, member, manager, name
):
    url = reverse(f"certificates:{name}", args=[made_for(member).serial])
    seen = {}
    for who, user in {
        "holder": member.user,
        "manager": manager.user,
        "staff": UserFactory(is_staff=True),
        "colleague": MemberFactory(reseller=member.reseller).user,
        "other manager": MemberFactory(is_manager=True).user,
    }.items():
        client.force_login(user)
        seen[who] = read(client.get(url)).status_code

    assert seen == {
        "holder": 200,
        "manager": 200,
        "staff": 200,
        "colleague": 404,
        "other manager": 404,
    }


def test_a_manager_above_sees_it_and_one_below_does_not(client, member):
    below = ResellerFactory(parent=member.reseller)
    url = made_for(MemberFactory(reseller=below)).get_absolute_url()

    client.force_login(MemberFactory(reseller=member.reseller, is_manager=True).user)
    from_above = client.get(url)
    client.force_login(MemberFactory(reseller=below, is_manager=True).user)
    from_below = client.get(made_for(member).get_absolute_url())

    assert (from_above.status_code, from_below.status_code) == (200, 404)


@pytest.mark.parametrize("name", ["certificates:certificate", "certificates:pdf"])
def test_what_is_not_released_or_undone_is_nowhere(client, member, name):
    client.force_login(member.user)
    undone = made_for(member, ended_as=End.UNDONE, ended_at=now())

    for certificate in (unreleased(member), undone):
        assert client.get(reverse(name, args=[certificate.serial])).status_code == 404


def test_until_it_is_ready_the_page_says_so(client, member):
    certificate = CertificateFactory(enrolment__member=member)
    client.force_login(member.user)

    page = client.get(certificate.get_absolute_url())
    file = client.get(reverse("certificates:pdf", args=[certificate.serial]))

    assert b"being prepared" in page.content
    assert b"Download the PDF" not in page.content
    assert file.status_code == 302
    assert file["Location"] == certificate.get_absolute_url()


def test_waiting_for_letters_names_them(client, member):
    certificate = CertificateFactory(
        enrolment__member=member,
        state=CertificateState.WAITING,
        missing_letters="高橋",
    )
    client.force_login(member.user)

    page = client.get(certificate.get_absolute_url()).content.decode()

    assert "Waiting for letters" in page
    assert "You are qualified, and the certificate follows" in page
    assert "lack yet: 高橋." in page
    assert "The qualification counts" in page


def test_my_learning_says_that_one_is_qualified_while_letters_are_added(client, member):
    CertificateFactory(
        enrolment__member=member,
        state=CertificateState.WAITING,
        missing_letters="高橋",
    )
    client.force_login(member.user)

    page = " ".join(client.get(reverse("dashboards:my")).content.decode().split())

    assert "You are qualified. These letters are being added" in page
    assert "高橋" in page


def test_what_cannot_be_made_for_another_reason_names_no_letters(client, member):
    certificate = CertificateFactory(
        enrolment__member=member,
        state=CertificateState.WAITING,
        trouble="It cannot be set: too wide.",
    )
    client.force_login(member.user)

    page = client.get(certificate.get_absolute_url()).content.decode()

    assert "You are qualified, and the certificate follows" in page
    assert "has letters that our fonts lack" not in page
    assert "too wide" not in page


def test_holder_can_copy_the_public_address_and_add_it_to_linkedin(client, member):
    certificate = made_for(member)
    client.force_login(member.user)
    address = f"/c/{serials.shown(certificate.serial)}"

    page = client.get(certificate.get_absolute_url()).content.decode()

    field = page.split('id="verify-address"')[1].split(">")[0]
    assert f'{address}"' in field
    assert "readonly" in field  # to select, where there is no script
    assert 'data-copy="verify-address"' in page
    assert "https://www.linkedin.com/profile/add?" in page


@pytest.mark.parametrize("word", ["hide", "show"])
def test_the_switch_says_that_what_was_public_cannot_be_called_back(
    client, member, word
):
    certificate = made_for(member)
    client.force_login(member.user)
    url = reverse("certificates:share", args=[certificate.serial])

    page = client.post(url, {"name": word}, follow=True).content.decode()

    assert page.count("cannot be called back") == 1


def test_pdf_is_the_stored_file_under_a_telling_name(client, member):
    certificate = made_for(member)
    client.force_login(member.user)

    response = client.get(reverse("certificates:pdf", args=[certificate.serial]))

    title, shown = certificate.public_claim["programme"]["title"], certificate.serial
    name = f"{title} – Mara Łukasik – {serials.shown(shown)}.pdf"
    assert body_of(response) == b"%PDF-1.7 one"
    assert response["Content-Type"] == "application/pdf"
    disposition = unquote(response["Content-Disposition"])
    assert disposition == f"attachment; filename*=utf-8''{name}"


def test_pdf_that_the_storage_has_lost_is_told_in_words(client, member, caplog):
    certificate = made_for(member)
    certificate.pdf.storage.delete(certificate.pdf.name)
    client.force_login(member.user)

    response = client.get(
        reverse("certificates:pdf", args=[certificate.serial]), follow=True
    )

    assert response.redirect_chain == [(certificate.get_absolute_url(), 302)]
    assert "cannot be read just now" in response.content.decode()
    assert f"The file of certificate {certificate.pk} cannot be read" in caplog.text


def test_holder_hides_their_name_in_public_and_shows_it_again(client, member):
    certificate = made_for(member)
    client.force_login(member.user)
    url = reverse("certificates:share", args=[certificate.serial])
    public = reverse("verify", args=[certificate.serial])
    seen = []

    for word in ("hide", "show"):
        client.post(url, {"name": word})
        seen.append("Mara Łukasik" in Client().get(public).content.decode())

    page = client.get(certificate.get_absolute_url()).content.decode()
    assert seen == [False, True]
    assert "Hide my name in public" in page
    assert reverse("badge", args=[serials.shown(certificate.serial)]) in page


def test_nobody_else_hides_a_name(client, member, manager):
    certificate = made_for(member)
    client.force_login(manager.user)

    url = reverse("certificates:share", args=[certificate.serial])

    assert client.post(url, {"name": "hide"}).status_code == 404
    assert b"Hide my name" not in client.get(certificate.get_absolute_url()).content


def test_versions_are_shown_where_there_is_more_than_one(client, member):
    old = made_for(member, ended_as=End.REPLACED, ended_at=now())
    client.force_login(member.user)
    before = client.get(old.get_absolute_url()).content.decode()

    new = CertificateFactory(enrolment=old.enrolment, supersedes=old)
    after = client.get(old.get_absolute_url()).content.decode()

    assert "Versions" not in before
    assert new.get_absolute_url() in after


def test_erased_certificate_leads_to_what_everybody_sees(client, member, manager):
    certificate = made_for(member)
    erase_claims(member.user, by=None)
    client.force_login(manager.user)

    page = client.get(certificate.get_absolute_url())
    file = client.get(reverse("certificates:pdf", args=[certificate.serial]))

    assert page["Location"] == reverse(
        "verify", args=[serials.shown(certificate.serial)]
    )
    assert file["Location"] == certificate.get_absolute_url()
    assert client.get(page["Location"]).status_code == 200
