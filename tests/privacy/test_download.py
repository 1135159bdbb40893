import json
from hashlib import sha256
from io import BytesIO
from zipfile import ZipFile

import pytest
from django.core.files.base import ContentFile

from certificates.models import CertificateState
from lms.privacy import kept
from lms.privacy.download import own_data
from tests.factories import CertificateFactory, EnrolmentFactory, MemberFactory
from tests.privacy.people import MARK, person_with_all_kept

pytestmark = pytest.mark.django_db


def archive_of(person):
    return ZipFile(BytesIO(b"".join(own_data(person))))


def parts_of(person):
    whole = json.loads(archive_of(person).read("data.json"))
    rows: dict[str, list] = {}
    for part in whole["parts"]:
        rows.setdefault(part["record"], []).extend(part["rows"])
    return rows


def test_download_has_a_row_of_every_record():
    person = person_with_all_kept()

    parts = parts_of(person)

    assert {record for record, rows in parts.items() if not rows} == {"privacy.Erasure"}
    assert parts["people.User"][0]["email"] == person.email
    assert parts["training_sessions.BookingTopic"][0]["note"] == MARK
    assert parts["people.Member"][0]["reseller"] == str(
        person.memberships.get().reseller
    )


def test_download_has_no_secret_and_nothing_left_out():
    whole = json.loads(archive_of(person_with_all_kept()).read("data.json"))

    for each, part in zip(kept.ALL, whole["parts"], strict=True):
        left_out = " ".join(each.left_out.values()).split()
        for row in part["rows"]:
            assert not set(left_out) & row.keys(), each.model


def test_download_has_nothing_of_others():
    person_with_all_kept()
    other = EnrolmentFactory().member.user

    whole = archive_of(other)

    for name in whole.namelist():
        assert MARK.lower().encode() not in whole.read(name).lower()


def test_download_can_be_read_without_a_machine():
    person = person_with_all_kept()

    page = archive_of(person).read("data.html").decode()

    assert f"keeps of\n{MARK}" in page or f"keeps of {MARK}" in page
    for each in kept.ALL:
        if each.model != "privacy.Erasure":
            assert str(each.title) in page


def test_download_has_the_files_of_released_certificates():
    certificate = CertificateFactory(
        state=CertificateState.READY,
        pdf=ContentFile(b"%PDF-1.7 kept", name="certificates/of-a-test.pdf"),
        pdf_sha256=sha256(b"%PDF-1.7 kept").hexdigest(),
    )

    whole = archive_of(certificate.enrolment.member.user)

    files = [name for name in whole.namelist() if name.endswith(".pdf")]
    assert [whole.read(name) for name in files] == [b"%PDF-1.7 kept"]


@pytest.mark.parametrize("count", [1, 3])
def test_download_asks_the_same_of_few_and_many(django_assert_num_queries, count):
    member = MemberFactory()
    for _n in range(count):
        EnrolmentFactory(member=member)

    with django_assert_num_queries(len(kept.ALL) + 1):  # and the files
        b"".join(own_data(member.user))
