import io
from datetime import timedelta
from zipfile import ZipFile

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from certificates import serials
from certificates.models import CertificateState, End
from tests.factories import CertificateFactory, EnrolmentFactory, MemberFactory

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


def queries_of(client, url):
    """How many queries the page needs once what is cached is cached."""
    client.get(url)
    with CaptureQueriesContext(connection) as queries:
        response = client.get(url)
    assert response.status_code == 200
    return len(queries), [each for each, _state in response.context["lines"]]


def test_team_lists_own_people_with_as_many_queries_for_three_as_for_one(
    client, member, manager
):
    theirs = [made_for(member)]
    made_for(MemberFactory())  # another reseller's
    unreleased(member)
    client.force_login(manager.user)

    for_one, first = queries_of(client, reverse("certificates:team"))
    theirs += [made_for(member), made_for(manager)]
    for_three, all_three = queries_of(client, reverse("certificates:team"))

    assert (first, all_three) == (theirs[:1], theirs[::-1])
    assert for_one == for_three


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"q": "ukasik"}, 1),
        ({"q": "nobody"}, 0),
        ({"q": "\x00'\""}, 0),
        ({"programme": "0"}, 2),
        ({"programme": "9" * 50}, 2),
        ({"page": "no"}, 2),
    ],
)
def test_team_is_filtered_by_the_address(client, member, manager, query, expected):
    made_for(member)
    made_for(manager)
    client.force_login(manager.user)

    response = client.get(reverse("certificates:team"), query)

    assert len(response.context["lines"]) == expected


def test_team_is_for_managers_and_staff(client, member):
    client.force_login(member.user)

    assert client.get(reverse("certificates:team")).status_code == 403


def test_pack_holds_the_files_of_ones_people_and_an_index(client, member, manager):
    first, second = made_for(member), made_for(manager, content=b"%PDF-1.7 two")
    made_for(MemberFactory())  # another reseller's
    unreleased(member)
    CertificateFactory(enrolment__member=member)  # without a file
    made_for(member, ended_as=End.REVOKED, ended_at=now())
    client.force_login(manager.user)

    response = client.get(reverse("certificates:pack"))

    archive = ZipFile(io.BytesIO(body_of(response)))
    content = {name.split(" – ")[-1]: archive.read(name) for name in archive.namelist()}
    table = content.pop("index.csv").decode("utf-8-sig").splitlines()
    assert archive.testzip() is None
    assert content == {
        f"{serials.shown(first.serial)}.pdf": b"%PDF-1.7 one",
        f"{serials.shown(second.serial)}.pdf": b"%PDF-1.7 two",
    }
    assert len(table) == 3
    assert serials.shown(second.serial) in table[1]


def test_pack_of_those_selected_leaves_strangers_out(client, member, manager):
    chosen, strangers = made_for(member), made_for(MemberFactory())
    made_for(member)
    client.force_login(manager.user)

    response = client.post(
        reverse("certificates:pack"), {"serial": [chosen.serial, strangers.serial]}
    )

    names = ZipFile(io.BytesIO(body_of(response))).namelist()
    assert [name.split(" – ")[-1] for name in names] == [
        "index.csv",
        f"{serials.shown(chosen.serial)}.pdf",
    ]


def test_pack_of_nothing_says_so(client, member, manager):
    client.force_login(manager.user)

    response = client.get(reverse("certificates:pack"), follow=True)

    assert response.redirect_chain == [(reverse("certificates:team"), 302)]
    assert b"no certificate to download" in response.content


def test_pack_of_one_without_people_is_ones_own(client, member):
    made_for(MemberFactory(reseller=member.reseller))
    own = made_for(member)
    client.force_login(member.user)

    response = client.get(reverse("certificates:pack"))

    names = ZipFile(io.BytesIO(body_of(response))).namelist()
    assert [name.split(" – ")[-1] for name in names] == [
        "index.csv",
        f"{serials.shown(own.serial)}.pdf",
    ]
