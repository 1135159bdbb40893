"""From where something was done: of requests, and of what runs outside of them."""

from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse

from lms.audit.log import record
from lms.audit.models import Event
from lms.audit.whence import WhenceMiddleware, _process, family
from tests.factories import UserFactory

WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like "
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        (f"{WINDOWS}Gecko) Chrome/140.0.0.0 Safari/537.36", "Chrome on Windows"),
        (f"{WINDOWS}Gecko) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 "
            "Mobile/15E148 Safari/604.1",
            "Safari on iOS",
        ),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/140.0", "Chrome on Android"),
        ("curl/8.9", ""),
        ("", ""),
        ("Firefox/\x00" * 5000, "Firefox"),
    ],
)
def test_browsers_have_short_names(agent: str, words: str) -> None:
    assert family(agent) == words


def asked(rf: RequestFactory, actor: Any, **headers: Any) -> list[Event]:
    """What two lines say that are written in one request."""

    def view(request: HttpRequest) -> HttpResponse:
        record(actor, "changed", UserFactory())
        record(actor, "changed", UserFactory())
        return HttpResponse()

    WhenceMiddleware(view)(rf.post("/", **headers))
    return list(Event.objects.order_by("pk"))


@pytest.mark.django_db
def test_a_request_says_from_where(rf: RequestFactory) -> None:
    first, second = asked(
        rf, UserFactory(), REMOTE_ADDR="192.0.2.7", HTTP_USER_AGENT=FIREFOX
    )

    assert (first.address, first.agent) == ("192.0.2.7", "Firefox on Linux")
    assert first.system == ""
    assert len(first.request) == 16
    assert first.request == second.request


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["", "not an address"])
def test_an_address_that_is_none_is_left_out(rf: RequestFactory, address: str) -> None:
    line, _other = asked(rf, UserFactory(), REMOTE_ADDR=address)

    assert line.address is None


@pytest.mark.django_db
def test_what_the_system_does_in_a_request_has_no_place(rf: RequestFactory) -> None:
    line, _other = asked(rf, None, REMOTE_ADDR="192.0.2.7", HTTP_USER_AGENT=FIREFOX)

    assert (line.address, line.agent) == (None, "")
    assert line.request


@pytest.mark.django_db
def test_the_next_request_is_another(rf: RequestFactory) -> None:
    first = asked(rf, UserFactory())[0]
    last = asked(rf, UserFactory())[-1]

    assert first.request != last.request


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["/srv/manage.py", "clock"], "clock"),
        (["manage.py", "db_worker", "--backend", "jobs"], "worker"),
        (["/srv/.venv/bin/gunicorn", "lms.wsgi"], "web"),
        (["manage.py"], "manage.py"),
        ([], ""),
    ],
)
def test_a_process_is_named_by_its_command(
    monkeypatch: pytest.MonkeyPatch, command: list[str], name: str
) -> None:
    monkeypatch.setattr("sys.argv", command)

    assert _process.__wrapped__().system == name


@pytest.mark.django_db
def test_outside_of_a_request_the_process_is_named() -> None:
    line = record(UserFactory(), "changed", UserFactory())

    assert line.system == _process().system != ""
    assert (line.request, line.address, line.agent) == ("", None, "")


@pytest.mark.django_db
def test_every_page_knows_from_where(client: Client) -> None:
    person = UserFactory()
    client.force_login(person)

    client.post(
        reverse("people:settings"),
        {"full_name": "Someone Else", "time_zone": "Europe/Paris"},
        HTTP_USER_AGENT=FIREFOX,
    )

    line = Event.objects.get(verb="changed settings")
    assert (line.address, line.agent) == ("127.0.0.1", "Firefox on Linux")
