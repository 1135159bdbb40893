"""Redis stopped under a web process, and started again."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.urls import reverse

from tests.factories import MemberFactory
from tests.operations.house import House, Visitor, until
from tests.redis_server import RedisServer


@pytest.fixture
def server() -> Iterator[RedisServer]:
    server = RedisServer().start()
    yield server
    server.remove()


def test_without_the_cache_pages_are_served_and_nobody_may_guess(
    build: Callable[..., House], server: RedisServer
) -> None:
    user = MemberFactory().user
    house = build(REDIS_URL=server.url)
    trainee, door = Visitor(house.url, user), reverse("account_login")
    words = {"login": user.email, "password": "not the right one"}
    house.start("web")
    assert trainee.get(reverse("dashboards:my")).status == 200

    server.kill()

    assert trainee.get(reverse("dashboards:my")).status == 200
    refused = Visitor(house.url).post(door, words)
    assert refused.status == 503
    assert "not your doing" in refused.text

    server.start()

    until(
        lambda: Visitor(house.url).post(door, words).status == 200,
        "a wrong password is told to be wrong again",
    )
