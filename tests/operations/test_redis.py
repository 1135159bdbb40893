"""The cache in Redis, and what becomes of it: emptied, killed, frozen, come back."""

from __future__ import annotations

import pickle
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction
from django.db.models.signals import pre_save
from django.test import Client
from django.urls import reverse

from content import kept
from content.models import HandbookPage
from lms import limits
from lms.limits import Limit
from lms.people.models import User
from lms.shared_cache import CacheAwayError, SharedRedis
from tests.factories import HandbookPageFactory, MemberFactory, UserFactory
from tests.processes import run_in_processes
from tests.redis_server import RedisServer

pytestmark = pytest.mark.django_db(transaction=True)
PASSWORD = "correct horse battery"
LIMIT = Limit("test", 5, 3600)


@pytest.fixture
def server(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisServer]:
    server = RedisServer().start()
    settings.CACHES = {
        "default": {
            "BACKEND": "lms.shared_cache.SharedRedis",
            "LOCATION": [server.url],
        }
    }
    monkeypatch.setattr(SharedRedis, "NAP_SECONDS", 0.2)
    yield server
    server.remove()


def sign_in(client: Client, user: User, password: str = PASSWORD) -> Any:
    words = {"login": user.email, "password": password}
    return client.post("/accounts/login/", words)


def awake() -> None:
    time.sleep(SharedRedis.NAP_SECONDS)


def test_processes_take_each_of_the_times_once(server: RedisServer) -> None:
    def take_all(_number: int, barrier: Any) -> int:
        barrier.wait()
        return sum(limits.take(LIMIT, "ann") for _try in range(10))

    assert sum(run_in_processes(4, take_all)) == LIMIT.times


def test_one_that_is_emptied_signs_nobody_out(server: RedisServer) -> None:
    user = MemberFactory(user__password=PASSWORD).user
    client = Client()
    sign_in(client, user)
    while limits.take(LIMIT, "ann"):
        pass

    server.ask("FLUSHALL")

    assert client.get("/my/").status_code == 200
    assert limits.take(LIMIT, "ann")  # what was counted is what may be lost


def test_one_that_is_emptied_makes_pages_anew(server: RedisServer) -> None:
    values = iter("ab")
    kept.kept(None, "page", lambda: next(values))

    server.ask("FLUSHALL")

    assert kept.kept(None, "page", lambda: next(values)) == "b"


def test_one_that_is_killed_shuts_the_door_and_leaves_pages(
    server: RedisServer,
) -> None:
    user = MemberFactory(user__password=PASSWORD).user
    inside, outside = Client(), Client()
    sign_in(inside, user)

    server.kill()

    assert inside.get("/my/").status_code == 200
    answer = sign_in(outside, user)
    assert answer.status_code == 503
    assert "Please try again in a minute" in answer.content.decode()
    with pytest.raises(CacheAwayError), transaction.atomic():
        kept.forget()

    server.start()
    awake()

    assert sign_in(outside, user).status_code == 302
    kept.forget()


def test_one_that_goes_as_a_page_is_saved_leaves_it_saved(server: RedisServer) -> None:
    """It is answered as saved, seen here at once, and by the others with the cache."""
    page = HandbookPageFactory(title="Before")
    staff = UserFactory(is_superuser=True, is_staff=True)
    trainee, editor = Client(), Client()
    trainee.force_login(MemberFactory().user)
    editor.force_login(staff)
    assert "Before" in trainee.get(page.url).text
    held_by_another = kept._memory.held
    unpublish = reverse("wagtailadmin_pages:unpublish", args=[page.pk])

    with gone_at_the_next_commit(server):
        answer = editor.post(unpublish)

    assert (answer.status_code, kept._memory.owes_word) == (302, True)
    assert trainee.get(page.url).status_code == 404
    server.thaw()
    awake()
    assert trainee.get(page.url).status_code == 404
    assert not kept._memory.owes_word
    kept._memory.held = held_by_another  # as in a process that only reads
    assert trainee.get(page.url).status_code == 404


def test_no_word_outlives_an_hour(server: RedisServer) -> None:
    """What a process could tell nobody of, since it ended too, is seen after that."""
    key = cache.make_key(kept.KEY)

    kept.kept(None, "page", lambda: "before")

    assert 3500 < int(str(server.ask("TTL", key))) <= 3600
    kept.forget()
    assert 3500 < int(str(server.ask("TTL", key))) <= 3600


@contextmanager
def gone_at_the_next_commit(server: RedisServer) -> Iterator[None]:
    """Freeze the cache once a page is committed, and before it is told of that."""

    def freeze(**kwargs: Any) -> None:
        transaction.on_commit(server.freeze)

    pre_save.connect(freeze, sender=HandbookPage)
    try:
        yield
    finally:
        pre_save.disconnect(freeze, sender=HandbookPage)


def test_one_that_answers_nothing_is_waited_for_once(server: RedisServer) -> None:
    client = Client()
    client.force_login(MemberFactory().user)
    client.get("/my/")
    server.freeze()
    start = time.monotonic()

    assert client.get("/my/").status_code == 200
    waited = time.monotonic() - start
    # Each try takes a second, and the greeting of a new connection another.
    assert SharedRedis.PATIENCE_SECONDS <= waited < 4 * SharedRedis.PATIENCE_SECONDS + 3

    SharedRedis.asleep_until[server.url] = time.monotonic() + 60
    start = time.monotonic()
    assert client.get("/my/").status_code == 200
    assert time.monotonic() - start < SharedRedis.PATIENCE_SECONDS

    server.thaw()
    SharedRedis.asleep_until.clear()
    assert cache.add("limit:back", 1)


def test_one_that_comes_back_old_brings_no_old_page_back(server: RedisServer) -> None:
    words = iter(["before", "after", "anew"])
    kept.kept(None, "page", lambda: next(words))
    held_by_an_idle_process = kept._memory.held
    server.ask("SAVE")
    kept.forget()
    kept.kept(None, "page", lambda: next(words))

    server.kill()
    server.start()  # with what it had saved
    kept._memory.held = held_by_an_idle_process

    assert kept.kept(None, "page", lambda: next(words)) == "anew"


def test_a_transaction_outlives_what_is_for_speed(server: RedisServer) -> None:
    server.kill()

    with transaction.atomic():
        UserFactory(email="ann@example.com")
        cache.get(kept.KEY)

    assert User.objects.filter(email="ann@example.com").exists()


def test_what_it_says_names_no_password(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.kill()

    cache.get(kept.KEY)

    assert "Redis is away: ConnectionError" in caplog.messages
    assert "word" not in caplog.text.replace("password", "")


@pytest.mark.parametrize("value", [True, 3, "words", None, [1.5, "a"], {"a": [True]}])
def test_what_is_kept_comes_back_as_it_was(server: RedisServer, value: Any) -> None:
    cache.set("limit:value", value)

    assert cache.get("limit:value", "none") == value


class Touch:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_nothing_that_lies_there_is_run(server: RedisServer, tmp_path: Path) -> None:
    """Whoever gets at Redis gets no further: a pickle of theirs is only a bad word."""
    cache.set("limit:value", "ours")
    ran = tmp_path / "ran"
    (key,) = server.ask("KEYS", "*limit:value")
    server.ask("SET", key, pickle.dumps(Touch(ran)))

    with pytest.raises(ValueError, match=r"decode|Expecting"):
        cache.get("limit:value")

    assert not ran.exists()
