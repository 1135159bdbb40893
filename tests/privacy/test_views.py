from io import BytesIO
from zipfile import ZipFile

import pytest
from django.urls import reverse

from lms.audit.models import Event
from lms.privacy import kept
from lms.privacy.erasing import ask
from lms.privacy.models import Erasure
from tests.factories import MemberFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def left(client):
    """Somebody who belongs nowhere any more, signed in."""
    person = UserFactory(full_name="Ana Berg")
    client.force_login(person)
    return person


@pytest.fixture
def staff(client):
    person = UserFactory(is_staff=True)
    client.force_login(person)
    return person


def test_anybody_reads_what_is_kept(client):
    page = client.get(reverse("privacy:privacy"))

    words = page.content.decode()
    assert page.status_code == 200
    for each in kept.ALL:
        assert str(each.title) in words.replace("&#x27;", "'")
    assert "6 years" in words


def test_download_is_a_zip_and_is_logged(client, left):
    answer = client.post(reverse("privacy:download"))

    archive = ZipFile(BytesIO(b"".join(answer.streaming_content)))
    assert archive.testzip() is None
    assert "Ana Berg" in archive.read("data.html").decode()
    assert "attachment" in answer["Content-Disposition"]
    assert Event.objects.get().verb == "downloaded own data"


def test_asking_twice_is_one_wish(client, left):
    for _n in range(2):
        assert client.post(reverse("privacy:ask")).status_code == 302

    assert Erasure.objects.get().person == left
    assert (
        "You asked for this on" in client.get(reverse("privacy:own")).content.decode()
    )


def test_member_is_told_why_not(client):
    member = MemberFactory()
    client.force_login(member.user)

    answer = client.post(reverse("privacy:ask"))

    assert answer.status_code == 409
    assert f"still belongs to {member.reseller}" in answer.content.decode()


@pytest.mark.parametrize("count", [1, 3])
def test_staff_list_who_asks_in_one_query(
    client, staff, django_assert_max_num_queries, count
):
    asked = [ask(UserFactory()) for _n in range(count)]
    url = reverse("privacy:erasures")
    client.get(url)

    with django_assert_max_num_queries(5) as few:  # of them one for the list
        page = client.get(url)

    assert page.context["erasures"] == asked
    assert sum("privacy_erasure" in one["sql"] for one in few.captured_queries) == 1


def test_staff_erase(client, staff):
    person = UserFactory(full_name="Ana Berg")
    erasure = ask(person)

    answer = client.post(reverse("privacy:answer", args=[erasure.pk]), {"do": "erase"})

    assert answer.status_code == 302
    person.refresh_from_db()
    assert person.full_name == "Erased person"


def test_no_needs_a_reason_and_keeps_what_was_typed(client, staff):
    erasure = ask(UserFactory())
    url = reverse("privacy:answer", args=[erasure.pk])

    assert client.post(url, {"do": "refuse"}).status_code == 422
    assert client.post(url, {"do": "refuse", "why": "No."}).status_code == 302
    again = client.post(url, {"do": "refuse", "why": "Still no."})

    assert again.status_code == 409
    erasure.refresh_from_db()
    assert erasure.why_refused == "No."
