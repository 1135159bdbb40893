import gzip
import json
import re
from base64 import urlsafe_b64decode
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from certificates import serials
from certificates.issuing import end
from certificates.keys import badge_key
from certificates.models import Certificate, CertificateState, End
from certificates.statuses import PLACES
from lms import limits
from tests.factories import CertificateFactory, EnrolmentFactory, MemberFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_counted():
    cache.clear()


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


# --- For programs ----------------------------------------------------------------


def as_json(client, url, **data):
    return client.get(url, data, headers={"accept": "application/json"})


def test_programs_get_the_same_facts_as_json(client, member):
    certificate = CertificateFactory(enrolment__member=member, status_index=7)

    answer = as_json(client, reverse("verify", args=[certificate.serial]))

    said = answer.json()
    assert (answer.status_code, said["status"]) == (200, "valid")
    assert said["serial"] == serials.shown(certificate.serial)
    assert said["certificate"]["name"] == "Mara Łukasik"
    assert said["certificate"]["links"]["status_list"].endswith("/status/0")
    assert "salt" not in said["certificate"]


def test_unknown_and_mistyped_have_the_same_shape_as_json(client):
    known = as_json(client, reverse("verify", args=[CertificateFactory().serial]))
    unknown = as_json(client, reverse("verify", args=[serials.new_serial()]))
    mistyped = as_json(client, reverse("verify", args=["8K3Q"]))

    assert known.json().keys() == unknown.json().keys() == mistyped.json().keys()
    assert (unknown.status_code, unknown.json()["status"]) == (404, "not-found")
    assert (mistyped.status_code, mistyped.json()["status"]) == (404, "mistyped")
    assert unknown.json()["certificate"] is None


def test_a_wrong_check_symbol_never_reaches_the_database(
    client, django_assert_num_queries
):
    with django_assert_num_queries(0):
        answers = [
            as_json(client, reverse("verify", args=["8K3Q-Z7MX-P4TD-0"])),
            client.get(reverse("credential", args=["8K3Q-Z7MX-P4TD-0"])),
            client.get(reverse("badge", args=["8K3Q-Z7MX-P4TD-0"])),
        ]

    assert [answer.status_code for answer in answers] == [404] * 3


# --- Guessing --------------------------------------------------------------------


def asked(client, serial):
    """Status, body and questions of an address, without what tells one from another."""
    with CaptureQueriesContext(connection) as queries:
        response = verify_page(client, serial)
    body = response.content.decode().replace(serials.shown(serial), "SERIAL")
    body = re.sub(r'"X-CSRFToken": "\w+"', "", body)
    kinds = [re.split(r" WHERE | VALUES |SAVEPOINT", q["sql"])[0] for q in queries]
    return response.status_code, body, kinds


def test_unreleased_undone_and_unknown_are_one(client):
    unreleased = CertificateFactory(release_at=now() + timedelta(minutes=15))
    undone = CertificateFactory(ended_as=End.UNDONE, ended_at=now())
    verify_page(client, serials.new_serial())  # what is cached is cached from here on

    answers = [
        asked(client, serial)
        for serial in (unreleased.serial, undone.serial, serials.new_serial())
    ]

    assert answers[0] == answers[1] == answers[2]


def test_two_hundred_guesses_find_nothing_and_are_stopped(client):
    CertificateFactory(release_at=now() + timedelta(minutes=15))

    statuses = [
        as_json(client, reverse("verify", args=[serials.new_serial()])).status_code
        for _guess in range(200)
    ]

    assert statuses == [404] * limits.SERIALS.by_one.times + [429] * (
        200 - limits.SERIALS.by_one.times
    )


def test_who_guessed_too_often_is_not_told_of_a_real_one_and_others_are(client):
    serial = CertificateFactory().serial
    for _guess in range(limits.SERIALS.by_one.times):
        verify_page(client, serials.new_serial())

    stopped = verify_page(client, serial)
    other = client.get(reverse("verify", args=[serial]), REMOTE_ADDR="192.0.2.7")

    assert (stopped.status_code, other.status_code) == (429, 200)
    assert stopped["Retry-After"] == "600"


def test_a_known_serial_is_read_as_often_as_one_likes(client):
    serial = CertificateFactory().serial

    seen = {verify_page(client, serial).status_code for _look in range(50)}

    assert seen == {200}


# --- A hidden name ---------------------------------------------------------------


@pytest.fixture
def hidden(member):
    return CertificateFactory(enrolment__member=member, is_name_hidden=True)


def test_a_hidden_name_is_on_no_page(client, hidden):
    page = verify_page(client, hidden.serial).content.decode()
    said = as_json(client, reverse("verify", args=[hidden.serial])).json()

    assert "M. Ł." in page
    assert (said["certificate"]["name"], said["certificate"]["name_is"]) == (
        "M. Ł.",
        "initials",
    )
    assert [word for word in ("Mara", "Łukasik") if word in f"{page}{said}"] == []


@pytest.mark.parametrize(
    ("typed", "word"),
    [("lukasik  MARA", "Yes: that is"), ("Mara Lindqvist", "No: another name")],
)
def test_a_visitor_compares_a_name(client, hidden, typed, word):
    url = reverse("compare_name", args=[hidden.serial])

    response = client.post(url, {"name": typed})

    assert response.status_code == 200
    assert word in response.content.decode()


def test_comparing_is_no_way_to_guess(client, hidden):
    url = reverse("compare_name", args=[hidden.serial])

    statuses = [
        client.post(url, {"name": f"Name {number}"}).status_code
        for number in range(limits.NAMES.times + 1)
    ]
    after = client.post(url, {"name": "Mara Łukasik"})

    assert statuses == [200] * limits.NAMES.times + [429]
    assert after.status_code == 429
    assert "Yes: that is" not in after.content.decode()


def test_after_an_erasure_it_is_still_genuine(client, member):
    certificate = CertificateFactory(
        enrolment__member=member, public_claim={}, private_claim={}, erased_at=now()
    )

    page = verify_page(client, certificate.serial).content.decode()
    said = as_json(client, reverse("verify", args=[certificate.serial])).json()

    assert "the name was withdrawn" in page
    assert "<h1>Valid</h1>" in page
    assert said["certificate"]["name_is"] == "withdrawn"
    assert said["certificate"]["reseller"] == ""
    assert "Łukasik" not in f"{page}{said}"


# --- Files and lists -------------------------------------------------------------


def with_file(**fields):
    return CertificateFactory(
        state=CertificateState.READY,
        pdf=ContentFile(b"%PDF-1.7", name="certificates/of-a-test.pdf"),
        pdf_sha256="ab" * 32,
        **fields,
    )


def test_a_file_is_told_by_its_hash_once_it_is_out(client):
    certificate = with_file()
    url = reverse("by_hash", args=["AB" * 32])

    found = client.get(url)

    assert found.json()["serial"] == serials.shown(certificate.serial)
    assert found.json()["certificate"]["file"] == {"sha256": "ab" * 32, "bytes": 8}


def test_a_file_that_is_not_out_is_unknown(client):
    with_file(release_at=now() + timedelta(minutes=15))

    assert client.get(reverse("by_hash", args=["ab" * 32])).status_code == 404


def test_a_revocation_shows_in_the_list_within_a_minute(client):
    url = reverse("status_list", args=[0])
    before = client.get(url)
    certificate = CertificateFactory(status_index=4711)
    same = client.get(url, headers={"if-none-match": before["ETag"]})

    end(certificate, End.REVOKED, why="", by=None)
    after = client.get(url, headers={"if-none-match": before["ETag"]})

    assert same.status_code == 304
    assert after.status_code == 200
    assert before["Cache-Control"] == "public, max-age=60"
    assert bits_of(before) == []
    assert bits_of(after) == [4711]


def bits_of(response):
    text = json.loads(response.content)["credentialSubject"]["encodedList"]
    bits = gzip.decompress(urlsafe_b64decode(text[1:] + "=" * (-len(text[1:]) % 4)))
    assert len(bits) * 8 == PLACES
    return [place for place in range(PLACES) if bits[place // 8] & 0x80 >> place % 8]


def test_lists_part_the_places_at_their_ends(client):
    for place in (0, PLACES - 1, PLACES, 2 * PLACES - 1):
        CertificateFactory(status_index=place, ended_as=End.REVOKED, ended_at=now())

    bits = [bits_of(client.get(reverse("status_list", args=[n]))) for n in (0, 1)]

    assert bits == [[0, PLACES - 1], [0, PLACES - 1]]
    assert client.get(reverse("status_list", args=[2])).status_code == 404


@pytest.mark.parametrize("number", ["-1", "x", "9" * 5000, "01", "²"])
def test_a_list_that_is_no_number_is_not_found(client, number):
    assert client.get(f"/status/{number}").status_code == 404


def test_without_its_key_a_badge_is_not_served_and_says_so(client, settings, tmp_path):
    serial = CertificateFactory().serial
    badge_key()
    settings.DATA_DIR = tmp_path

    answer = client.get(reverse("credential", args=[serial]))

    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
