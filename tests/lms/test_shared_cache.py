"""The cache is away: who is not let in reads why, and other pages are there."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client

from content import kept
from lms.mail import outbox
from lms.mail.models import Message
from lms.people import accounts
from lms.people.models import User
from lms.shared_cache import CacheAwayError
from tests.factories import (
    EnrolmentFactory,
    InvitationFactory,
    MemberFactory,
    UserFactory,
    home_page,
)

pytestmark = pytest.mark.django_db(transaction=True)
PASSWORD = "correct horse battery"


@pytest.fixture
def away(settings: Any) -> Any:
    """Call it, and the cache's table, or its server, is not there any more."""

    def go() -> None:
        there = settings.CACHES["default"]
        nowhere = ["redis://127.0.0.1:9"] if settings.REDIS_URL else "no_such_table"
        settings.CACHES = {"default": there | {"LOCATION": nowhere}}

    return go


def assert_said_in_words(response: Any) -> None:
    assert response.status_code == 503
    assert "Please try again in a minute" in response.content.decode()
    assert response["Retry-After"] == "60"
    assert "Content-Security-Policy" in response


def test_the_door_says_that_it_is_shut_just_now(away: Any) -> None:
    user = MemberFactory(user__password=PASSWORD).user
    away()
    client = Client()

    words = {"login": user.email, "password": PASSWORD}
    assert_said_in_words(client.post("/accounts/login/", words))

    assert "_auth_user_id" not in client.session
    assert client.get("/accounts/login/").status_code == 200


@pytest.mark.parametrize("email", ["ann@example.com", "nobody@example.com"])
def test_a_reset_says_it_alike_for_everybody(away: Any, email: str) -> None:
    UserFactory(email="ann@example.com", password=PASSWORD)
    away()

    assert_said_in_words(Client().post("/accounts/password/reset/", {"email": email}))

    assert not Message.objects.exists()


def test_links_say_it(away: Any) -> None:
    InvitationFactory()
    person = accounts.make_person("ann@example.com", "Ann")
    link = accounts.welcome_link(person).removeprefix("http://localhost:8000")
    away()

    for path in ("/join/nothing/", link, "/welcome/nothing/"):
        assert_said_in_words(Client().get(path))
    words = {"full_name": "A", "password": PASSWORD, "time_zone": "Europe/London"}
    assert_said_in_words(Client().post(link, words))
    person.refresh_from_db()
    assert not person.has_usable_password()


def test_pages_that_are_only_quicker_with_it_are_there(away: Any) -> None:
    home = home_page()
    enrolment = EnrolmentFactory()
    topic = enrolment.edition.topics.first().topic
    client, manager = Client(), Client()
    client.force_login(enrolment.member.user)
    manager.force_login(MemberFactory(is_manager=True).user)
    paths = [home.url, enrolment.programme.url, topic.url, "/my/"]
    away()
    kept._memory.held = ("", {})

    assert [client.get(path).status_code for path in paths] == [200] * 4
    assert manager.get("/team/").status_code == 200


def test_what_others_must_learn_of_is_not_changed(away: Any) -> None:
    away()

    with pytest.raises(CacheAwayError), transaction.atomic():
        kept.forget()


@pytest.mark.parametrize("key", ["limit:any", "content.version", "wagtail_any"])
def test_what_it_keeps_is_written_and_read(key: str) -> None:
    cache.clear()

    assert cache.add(key, "a") is True
    assert cache.add(key, "b") is False
    cache.set(key, ["c", 1.5, None], None)

    assert cache.get_many([key, "limit:none"]) == {key: ["c", 1.5, None]}
    assert key in cache
    assert cache.delete(key) is True
    assert cache.get(key, "none") == "none"
    assert cache.get_many([]) == {}


@pytest.mark.parametrize(
    "ask",
    [
        lambda: cache.get("limit:any"),
        lambda: cache.get_many(["mail.any", "limit:any"]),
        lambda: cache.has_key("limit:any"),
        lambda: cache.add("limit:any", 1),
        lambda: cache.set("limit:any", 1),
        lambda: cache.touch("limit:any"),
        lambda: cache.incr("limit:any"),
        lambda: cache.delete("wagtail_site_root_paths"),
        lambda: cache.delete_many(["mail.any", "content.version"]),
        lambda: cache.clear(),
    ],
    ids=["get", "many", "has", "add", "set", "touch", "incr", "delete", "all", "clear"],
)
def test_what_counts_is_never_taken_for_nothing(away: Any, ask: Any) -> None:
    away()

    with pytest.raises(CacheAwayError):
        ask()


@transaction.atomic
def change_and_read() -> None:
    UserFactory(email="ann@example.com")
    cache.get(kept.KEY)


def test_mail_goes_on(away: Any) -> None:
    accounts.send_welcome(UserFactory())
    away()

    assert outbox.send_due() == 1


@pytest.mark.skipif(bool(settings.REDIS_URL), reason="It is beside the database.")
def test_inside_a_transaction_nothing_is_half_done(away: Any) -> None:
    away()

    with pytest.raises(CacheAwayError):
        change_and_read()

    assert not User.objects.filter(email="ann@example.com").exists()
    assert connection.is_usable()
