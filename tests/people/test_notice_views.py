"""The page of switches, and the link at the foot of a mail."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from lms.mail.kinds import CALLS, CERTIFICATE, DIGEST, ENROLLED
from lms.mail.models import NoticeOff
from lms.mail.notices import off_for, off_url
from tests.factories import MemberFactory, NoticeOffFactory, UserFactory

pytestmark = pytest.mark.django_db
PAGE = "/settings/notices/"


def link(person: Any, kind: Any = CERTIFICATE) -> str:
    return urlsplit(off_url(person.pk, kind)).path


@pytest.mark.parametrize("off", [1, 3])
def test_page_shows_each_kind_in_eleven_queries(
    client: Client, django_assert_num_queries: Any, off: int
) -> None:
    person = UserFactory()
    for kind in ("enrolled", "certificate", "expiry")[:off]:
        NoticeOffFactory(person=person, kind=kind)
    NoticeOffFactory(kind="overdue")  # a stranger's
    client.force_login(person)

    with django_assert_num_queries(11):
        response = client.get(PAGE)

    shown = {row["kind"].key for row in response.context["choices"] if not row["is_on"]}
    assert len(shown) == off
    assert "overdue" not in shown


def test_switch_turns_off_and_on(client: Client) -> None:
    person = UserFactory()
    client.force_login(person)

    client.post(PAGE, {"off": ENROLLED.key})
    assert off_for(person) == {ENROLLED.key}
    client.post(PAGE, {"on": ENROLLED.key})
    assert off_for(person) == set()


@pytest.mark.parametrize("key", [CALLS.key, DIGEST.key, "none", "", "\x00", "x" * 999])
def test_what_is_no_choice_of_theirs_stays(client: Client, key: str) -> None:
    client.force_login(UserFactory())

    response = client.post(PAGE, {"off": key})

    assert response.status_code == 302
    assert not NoticeOff.objects.exists()


@pytest.mark.parametrize(("is_manager", "has_it"), [(True, True), (False, False)])
def test_managers_alone_have_the_digest(
    client: Client, is_manager: bool, has_it: bool
) -> None:
    client.force_login(MemberFactory(is_manager=is_manager).user)

    response = client.get(PAGE)

    kinds = [row["kind"] for row in response.context["choices"]]
    assert (DIGEST in kinds) == has_it


def test_opening_the_link_changes_nothing_and_names_nobody(client: Client) -> None:
    person = UserFactory(full_name="Zelda Zander", email="zelda@example.com")

    response = client.get(link(person))

    assert response.status_code == 200
    assert not NoticeOff.objects.exists()
    assert "zelda" not in response.text.lower()
    assert response["Cache-Control"].startswith("max-age=0, no-cache, no-store")


def test_a_mail_program_turns_it_off_signed_out_with_one_post() -> None:
    person = UserFactory()
    client = Client(enforce_csrf_checks=True)

    response = client.post(link(person), {"List-Unsubscribe": "One-Click"})
    again = client.post(link(person), {"List-Unsubscribe": "One-Click"})

    assert (response.status_code, again.status_code) == (200, 200)
    assert off_for(person) == {CERTIFICATE.key}


def test_the_page_turns_it_on_again(client: Client) -> None:
    person = UserFactory()
    client.post(link(person))

    response = client.post(link(person), {"on": "1"})

    assert response.status_code == 200
    assert off_for(person) == set()


def test_the_link_is_theirs_whoever_is_signed_in(client: Client) -> None:
    person, other = UserFactory.create_batch(2)
    client.force_login(other)

    client.post(link(person))

    assert (off_for(person), off_for(other)) == ({CERTIFICATE.key}, set())


def test_a_link_of_nobody_is_not_found(client: Client) -> None:
    person = UserFactory()
    url = link(person)

    answers = {
        client.get(each).status_code
        for each in (
            url[:-2] + "x/",
            urlsplit(off_url(10**9, CERTIFICATE)).path,
            reverse("people:notice_off", args=["x"]),
        )
    }

    assert answers == {404}
