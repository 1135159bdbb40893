"""The channel team's screens of certificates."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from certificates import serials
from certificates.models import Certificate, CertificateState, End
from lms.people.approving import decide
from lms.people.models import Approval
from tests.factories import (
    CertificateFactory,
    EnrolmentFactory,
    MemberFactory,
    TopicCompletionFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
LIST = "/certificates/staff/"


@pytest.fixture
def certificate():
    enrolment = EnrolmentFactory(
        completed=True, member=MemberFactory(user__full_name="Mara Łukasik")
    )
    for asked in enrolment.edition.topics.all():
        TopicCompletionFactory(enrolment=enrolment, topic=asked.topic)
    return CertificateFactory(enrolment=enrolment)


@pytest.fixture
def staff(client):
    user = UserFactory(is_staff=True, full_name="Sam Staff")
    client.force_login(user)
    return user


def manage(certificate):
    return reverse("certificates:manage", args=[certificate.serial])


def listed(response):
    return [each for each, _state, _letters in response.context["lines"]]


def test_list_shows_serials_as_people_read_them(client, staff, certificate):
    client.force_login(staff)

    page = client.get(reverse("certificates:staff")).content.decode()

    assert serials.shown(certificate.serial) in page


def test_a_certificate_is_found_by_serial_name_and_address(client, staff, certificate):
    CertificateFactory()
    email = certificate.enrolment.member.user.email

    for words in (serials.shown(certificate.serial).lower(), "ukasik", email):
        assert listed(client.get(LIST, {"q": words})) == [certificate]
    assert listed(client.get(LIST, {"q": "\x00'"})) != []
    assert client.get(LIST, {"q": "x" * 999}).status_code == 200


@pytest.mark.parametrize(
    ("show", "fields"),
    [
        ("waiting", {"state": CertificateState.WAITING, "missing_letters": "高橋"}),
        ("trouble", {"trouble": "The disk is full."}),
    ],
)
def test_lists_of_what_waits_and_of_trouble_say_why(client, staff, show, fields):
    certificate = CertificateFactory(**fields)
    CertificateFactory()

    response = client.get(LIST, {"show": show})

    page = response.content.decode()
    assert listed(response) == [certificate]
    for word in ["高", "橋"] if show == "waiting" else ["The disk is full."]:
        assert word in page


@pytest.mark.parametrize("show", ["", "waiting", "trouble"])
def test_list_takes_as_many_queries_for_three_as_for_one(client, staff, show):
    def add(count):
        CertificateFactory.create_batch(
            count,
            state=CertificateState.WAITING,
            missing_letters="橋",
            trouble="Why",
        )
        client.get(LIST, {"show": show})
        with CaptureQueriesContext(connection) as queries:
            response = client.get(LIST, {"show": show})
        return len(queries), len(listed(response))

    (for_one, one), (for_three, three) = add(1), add(2)

    assert (one, three) == (1, 3)
    assert for_one == for_three


@pytest.fixture
def agree(staff):
    """A second person agrees to what waits."""
    other = UserFactory(is_staff=True)
    return lambda: [decide(each, True, by=other) for each in Approval.objects.waiting()]


@pytest.mark.parametrize(
    ("as_", "reason"), [(End.REVOKED, "deceit"), (End.WITHDRAWN, "early")]
)
def test_end_is_one_post_and_the_public_page_says_so_and_not_why(
    client, staff, certificate, agree, as_, reason
):
    response = client.post(
        manage(certificate),
        {"do": as_, f"{as_}-reason": reason, f"{as_}-why": "A private matter"},
    )
    certificate.refresh_from_db()
    assert certificate.ended_as == ("" if as_ == End.REVOKED else as_)
    agree()

    assert response["Location"] == manage(certificate)
    response = client.get(manage(certificate))
    certificate.refresh_from_db()
    assert (certificate.ended_as, certificate.ended_by) == (as_, staff)
    assert "A private matter" in response.content.decode()
    assert "Sam Staff" in response.content.decode()
    client.logout()
    public = client.get(reverse("verify", args=[certificate.serial])).content.decode()
    assert f"<h1>{as_.label.partition(':')[0]}</h1>" in public
    assert "A private matter" not in public
    assert "Sam Staff" not in public


def test_end_without_a_reason_is_asked_again_and_keeps_what_was_typed(
    client, staff, certificate
):
    response = client.post(
        manage(certificate), {"do": "revoked", "revoked-why": "Lent to a colleague"}
    )

    assert response.status_code == 422
    assert "Choose a reason." in response.content.decode()
    assert "Lent to a colleague" in response.content.decode()
    assert Certificate.objects.get().ended_as == ""


def test_page_says_that_a_second_person_is_asked(client, staff, certificate, agree):
    client.post(manage(certificate), {"do": "revoked", "revoked-reason": "other"})

    page = client.get(manage(certificate)).content.decode()

    assert "Sam Staff asks to revoke it" in page
    assert reverse("dashboards:second_person") in page


def test_revoking_alone_is_a_409_that_keeps_what_was_typed(client, staff, certificate):
    words = {"do": "revoked", "revoked-reason": "other", "revoked-why": "Lent"}

    response = client.post(manage(certificate), words)

    assert response.status_code == 409
    assert "nobody else of the channel team" in response.content.decode()
    assert "Lent" in response.content.decode()


def test_end_of_what_has_ended_is_a_409(client, staff, certificate, agree):
    words = {"do": "revoked", "revoked-reason": "other"}
    client.post(manage(certificate), words)
    agree()

    assert client.post(manage(certificate), words).status_code == 409


def test_name_is_corrected_into_a_new_version(client, staff, certificate):
    response = client.post(
        manage(certificate),
        {"do": "correct", "full_name": "Mara Lukasik", "others": "on"},
        follow=True,
    )

    new = Certificate.objects.standing().get()
    assert response.redirect_chain == [(manage(new), 302)]
    assert new.public_claim["name"] == "Mara Lukasik"
    assert serials.shown(certificate.serial) in response.content.decode()


def test_letters_that_cannot_be_printed_are_named_beside_the_new_name(
    client, staff, certificate
):
    page = client.post(
        manage(certificate), {"do": "correct", "full_name": "Anna ส"}, follow=True
    ).content.decode()

    assert Certificate.objects.standing().get().public_claim["name"] == "Anna ส"
    assert page.count("Our certificates cannot print these letters yet:") == 1
    assert ">ส</bdi>" in page


@pytest.mark.parametrize("name", ["", "   ", "x" * 121, "\u200b", "<br>", "007"])
def test_name_that_is_none_is_refused(client, staff, certificate, name):
    response = client.post(manage(certificate), {"do": "correct", "full_name": name})

    assert response.status_code == 422


def test_issue_anew_is_offered_once_it_was_revoked(client, staff, certificate, agree):
    before = client.get(manage(certificate)).content.decode()
    client.post(manage(certificate), {"do": "revoked", "revoked-reason": "other"})
    agree()
    after = client.get(manage(certificate)).content.decode()

    url = reverse("certificates:anew", args=[certificate.serial])
    client.post(url)
    client.post(url)

    assert ("Issue anew" in before, "Issue anew" in after) == (False, True)
    assert Certificate.objects.standing().get().supersedes == certificate


def test_undo_window_is_closed_to_staff_too(client, staff, certificate):
    hidden = CertificateFactory(
        ended_as=End.UNDONE,
        ended_at=now(),
        trouble="x",
        state=CertificateState.WAITING,
        missing_letters="橋",
    )

    assert client.get(manage(hidden)).status_code == 404
    for show in ("", "waiting", "trouble"):
        assert hidden not in listed(client.get(LIST, {"show": show}))


def test_standing_and_a_persons_record_lead_here(client, staff, certificate):
    standing = client.get(reverse("dashboards:standing")).content.decode()
    person = reverse("dashboards:person", args=[certificate.enrolment.member_id])

    assert LIST in standing
    assert manage(certificate) in client.get(person).content.decode()


def test_manager_is_not_led_to_what_is_the_channel_teams(client, certificate):
    manager = MemberFactory(
        reseller=certificate.enrolment.member.reseller, is_manager=True
    )
    client.force_login(manager.user)
    person = reverse("dashboards:person", args=[certificate.enrolment.member_id])

    assert manage(certificate) not in client.get(person).content.decode()
    assert client.post(manage(certificate), {"do": "revoked"}).status_code == 403


def test_list_is_a_file_too(client, staff, certificate):
    other = CertificateFactory(enrolment__member__user__full_name="=HYPERLINK(0)")
    asked = {"format": "csv", "q": "ukasik"}

    found = client.get(LIST, asked).getvalue().decode("utf-8-sig")
    every = client.get(LIST, {"format": "csv"}).getvalue().decode()
    sheet = client.get(LIST, {"format": "xlsx"}).getvalue()

    assert serials.shown(certificate.serial) in found
    assert serials.shown(other.serial) not in found
    assert "'=HYPERLINK(0)" in every
    assert sheet.startswith(b"PK")
