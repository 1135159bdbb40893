"""The logs tell no link that opens by itself."""

import logging
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils.module_loading import import_string

from lms.people import accounts

pytestmark = pytest.mark.django_db


@pytest.fixture
def written() -> Iterator[StringIO]:
    """What a handler made as the settings say writes."""
    console = settings.LOGGING["handlers"]["console"]
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    for name in console["filters"]:
        handler.addFilter(import_string(settings.LOGGING["filters"][name]["()"])())
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


@pytest.mark.parametrize(
    ("before", "view"),
    [
        ("join", "people:accept"),
        ("welcome", "people:welcome"),
        ("notices/off", "people:notice_off"),
        ("mail-came", "dashboards:mail_came"),
    ],
)
def test_a_dead_link_is_not_written(
    client: Client, written: StringIO, before: str, view: str
) -> None:
    client.get(f"/{before}/s3cret-token_x:1/")

    assert written.getvalue() == f"Not Found: {view}\n"


def test_a_dead_link_is_not_written_while_trying_out(
    client: Client, written: StringIO, settings: Any
) -> None:
    settings.DEBUG = True

    client.get("/mail-came/s3cret-token_x:1/")

    assert written.getvalue() == "Not Found: /mail-came/…/\n"


def test_a_live_link_is_not_written_when_the_form_is_wrong(
    client: Client, written: StringIO
) -> None:
    link = accounts.welcome_link(accounts.make_person("ann@example.com", "Ann"))
    path = link.removeprefix(settings.PUBLIC_URL)

    client.post(path, {"full_name": ""})

    assert written.getvalue() == "Unprocessable Entity: people:welcome\n"


def test_nothing_writes_past_the_filter() -> None:
    for name in ("django", "django.request", "django.server", "django.security"):
        assert logging.getLogger(name).handlers == []
        assert logging.getLogger(name).propagate


def test_other_lines_stay_as_they_are(written: StringIO) -> None:
    logging.getLogger("lms.mail").warning("Message %s was not sent: %s", 7, "OSError")

    assert written.getvalue() == "Message 7 was not sent: OSError\n"


def test_tracebacks_stay(written: StringIO) -> None:
    def fail() -> Any:
        raise ZeroDivisionError

    try:
        fail()
    except ZeroDivisionError:
        logging.getLogger("django.request").exception("Server Error: %s", "/join/x/")

    first, *rest = written.getvalue().splitlines()
    assert first == "Server Error: /join/…/"
    assert rest[-1] == "ZeroDivisionError"
