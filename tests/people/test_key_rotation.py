"""`SECRET_KEY` changed for a new one: with the old as a fallback nobody notices.

Once the fallback is dropped, what only the old one signed is worth nothing. (Secrets
of second factors, which are encrypted: `test_at_rest.py`.)
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from lms.mail import kinds, notices
from lms.mail.outbox import send_due
from lms.people import accounts
from lms.people.models import User
from tests.factories import MemberFactory

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
OLD, NEW = "old " * 15, "new " * 15


@pytest.fixture(autouse=True)
def under_the_old_key(settings: Any) -> None:
    cache.clear()
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = OLD, []


@pytest.fixture
def ann(under_the_old_key: None) -> User:
    user = accounts.make_person("ann@example.com", "Ann Lee", password=PASSWORD)
    MemberFactory(user=user)
    return user


@pytest.fixture
def rotate(settings: Any) -> Callable[[], None]:
    def rotate() -> None:
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [OLD]

    return rotate


@pytest.fixture
def drop(settings: Any) -> Callable[[], None]:
    def drop() -> None:
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, []

    return drop


def sign_in(user: User) -> Client:
    client = Client()
    words = {"login": user.email, "password": PASSWORD}
    assert client.post(reverse("account_login"), words).status_code == 302
    assert is_in(client)
    return client


def is_in(client: Client) -> bool:
    return client.get("/my/").status_code == 200


def test_who_is_signed_in_stays_so_even_after_the_old_key_is_dropped(ann, rotate, drop):
    seen, unseen = sign_in(ann), sign_in(ann)

    rotate()
    assert is_in(seen)
    assert is_in(seen)
    drop()

    assert is_in(seen)  # whose sign-in was put under the new key by that look
    assert not is_in(unseen)


def test_form_that_was_open_at_the_change_can_be_sent(ann, rotate):
    client = Client(enforce_csrf_checks=True)
    page = client.get(reverse("account_login")).content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert token

    rotate()
    words = {"login": ann.email, "password": PASSWORD}
    words["csrfmiddlewaretoken"] = token[1]
    answer = client.post(reverse("account_login"), words)

    assert answer.status_code == 302
    assert is_in(client)


def test_link_that_makes_a_login_goes_with_the_old_key(rotate, drop):
    new = accounts.make_person("new@example.com", "New")
    url = accounts.welcome_link(new).partition("/welcome/")[2].strip("/")

    rotate()
    assert accounts.find_person(url) == new
    drop()

    assert accounts.find_person(url) is None


def test_link_to_a_new_password_goes_with_the_old_key(ann, rotate, drop):
    Client().post(reverse("account_reset_password"), {"email": ann.email})
    send_due()
    found = re.search(r"https?://[^/\s]+(/\S+)", str(mail.outbox[-1].body))
    assert found

    def works() -> bool:
        page = Client().get(found[1], follow=True)
        return 'name="password1"' in page.content.decode()

    assert works()
    rotate()
    assert works()
    drop()

    assert not works()


def test_link_at_the_foot_of_a_mail_goes_with_the_old_key(ann, rotate, drop):
    kind = next(kind for kind in kinds.BY_KEY.values() if kind.may_be_off)
    token = notices.off_url(ann.pk, kind).rstrip("/").rpartition("/")[2]

    rotate()
    assert notices.read_token(token) == (ann.pk, kind)
    drop()

    assert notices.read_token(token) is None
