"""How often anything may be guessed: by one address, by all, from several processes."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from lms import limits
from lms.people.accounts import make_person
from lms.people.models import User
from sessions.feeds import renew_feed
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
TOO_MANY = "Too many failed login attempts"


@pytest.fixture(autouse=True)
def _fresh_limits(db: None) -> None:
    cache.clear()


@pytest.fixture
def ann() -> User:
    return make_person("ann@example.com", "Ann Lee", password=PASSWORD)


def sign_in(
    password: str, *, login: str = "ann@example.com", at: str = "10.0.0.1"
) -> Any:
    words = {"login": login, "password": password}
    client = Client()
    client.get("/accounts/login/")
    response = client.post("/accounts/login/", words, REMOTE_ADDR=at)
    if response.status_code == 302:
        return "in"
    return "shut" if TOO_MANY in response.content.decode() else "wrong"


def test_one_address_guesses_five_times_at_an_account(ann: User) -> None:
    said = [sign_in("wrong") for _guess in range(6)]

    assert said == ["wrong"] * 5 + ["shut"]
    assert sign_in(PASSWORD) == "shut"


def test_whose_account_it_is_gets_in_from_elsewhere(ann: User) -> None:
    for _guess in range(6):
        sign_in("wrong")

    assert sign_in(PASSWORD, at="10.0.0.2") == "in"


def test_from_everywhere_at_once_each_address_has_two_tries(ann: User) -> None:
    for number in range(20):
        assert sign_in("wrong", at=f"10.1.0.{number}") == "wrong"

    said = [sign_in("wrong", at="10.2.0.1") for _guess in range(3)]

    assert said == ["wrong", "wrong", "shut"]
    assert sign_in(PASSWORD, at="10.3.0.1") == "in"


def test_one_address_guesses_ten_times_a_minute_at_all_accounts() -> None:
    said = [sign_in("wrong", login=f"a{number}@example.com") for number in range(12)]

    assert said == ["wrong"] * 10 + ["shut"] * 2


def guess(number: int, barrier: Any) -> int:
    """Six guesses from one of the processes: how many were looked at."""
    barrier.wait()
    said = [
        sign_in("wrong", login=f"p{number}-{each}@example.com") for each in range(6)
    ]
    return said.count("wrong")


@pytest.mark.django_db(transaction=True)
def test_four_processes_let_ten_guesses_through(
    run_in_processes: Callable[..., list[int]],
) -> None:
    began = monotonic()

    looked_at = run_in_processes(4, guess)

    minutes = 1 + int((monotonic() - began) // 60)  # a slow machine takes more than one
    assert 0 < sum(looked_at) <= 10 * minutes < 24


@pytest.mark.django_db(transaction=True)
def test_nobody_gets_in_while_nothing_can_be_counted(ann: User, settings: Any) -> None:
    assert sign_in(PASSWORD) == "in"
    there = settings.CACHES["default"]
    nowhere = ["redis://127.0.0.1:9"] if settings.REDIS_URL else "no_such_table"
    settings.CACHES = {"default": there | {"LOCATION": nowhere}}

    client = Client(raise_request_exception=False)
    words = {"login": "ann@example.com", "password": PASSWORD}

    assert client.post("/accounts/login/", words).status_code == 503
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize(
    ("path", "refused"),
    [("/join/{}/", 429), ("/welcome/{}/", 429), ("/calendar/bkf_{}.ics", 404)],
)
def test_links_are_guessed_twenty_times(path: str, refused: int) -> None:
    said = [Client().get(path.format(number)).status_code for number in range(21)]

    assert said == [404] * 20 + [refused]


def test_a_feed_found_is_never_counted_and_shut_after_guesses() -> None:
    feed = renew_feed(UserFactory()).removeprefix("http://localhost:8000")
    for _read in range(25):
        assert Client().get(feed).status_code == 200

    for number in range(20):
        Client().get(f"/calendar/bkf_{number}.ics")

    assert Client().get(feed).status_code == 404
    assert Client().get(feed, REMOTE_ADDR="10.0.0.7").status_code == 200


def test_new_passwords_are_asked_for_five_times_a_minute(ann: User) -> None:
    path = reverse("account_reset_password")
    words = {"email": "ann@example.com"}

    said = [Client().post(path, words).status_code for _try in range(6)]

    assert said == [302] * 5 + [429]


def test_counts_are_kept_apart_and_name_nobody(rf: Any) -> None:
    request = rf.get("/", REMOTE_ADDR="2001:db8:1:2:3:4:5:6")
    neighbour = rf.get("/", REMOTE_ADDR="2001:db8:1:2:9::1")

    assert limits.who_asks(request) == limits.who_asks(neighbour)
    assert "2001" not in limits.who_asks(request)
    for _miss in range(5):
        limits.count_miss(request, limits.PASSWORDS, "ann@example.com")
    assert not limits.may_guess(request, limits.PASSWORDS, "ann@example.com")
    assert limits.may_guess(request, limits.PASSWORDS, "eve@example.com")
    assert limits.may_guess(request, limits.LINKS)
