"""What Sentry is told of an error: nobody's data."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys

import pytest
import sentry_sdk
from django.urls import path
from sentry_sdk.transport import Transport

from lms.operations import sentry
from tests.factories import UserFactory

MARK = "Zwetschgendatschi"


def breaks(request, word):
    own = f"{MARK} in a variable"
    logging.getLogger("lms").error("Of %s", MARK)
    raise ValueError(f"{own}, {request.GET['q']}, {request.COOKIES}")


urlpatterns = [path("join/<str:word>/", breaks, name="breaks")]


class Kept(Transport):
    """Sends nothing anywhere, and keeps it."""

    def __init__(self, options=None):
        super().__init__(options)
        self.sent = []

    def capture_envelope(self, envelope):
        self.sent.append(envelope)


@pytest.fixture
def told():
    kept = Kept()
    sentry.start("http://key@127.0.0.1:9/1", transport=kept)
    yield lambda: [
        json.loads(item.payload.get_bytes())
        for envelope in kept.sent
        for item in envelope.items
    ]
    sentry_sdk.get_client().close()
    sentry_sdk.get_global_scope().set_client(None)


@pytest.mark.django_db
def test_an_error_is_told_without_anybodys_data(client, settings, told):
    settings.ROOT_URLCONF = __name__
    client.raise_request_exception = False
    client.force_login(UserFactory(full_name=MARK))
    client.cookies["word"] = MARK

    client.post(f"/join/{MARK}/?q={MARK}", {"name": MARK}, headers={"x-word": MARK})

    events = told()
    assert MARK not in json.dumps(events)
    errors = [
        event["exception"]["values"][-1] for event in events if "exception" in event
    ]
    assert [error["type"] for error in errors] == ["ValueError"]
    frame = errors[0]["stacktrace"]["frames"][-1]
    assert frame["function"] == "breaks"
    [logged] = [event["logentry"] for event in events if event.get("logger") == "lms"]
    assert logged["message"].startswith("lms test_sentry:")
    assert {event["release"] for event in events} == {sentry.release()}
    assert {event.get("request", {}).get("method") for event in events} <= {
        "POST",
        None,
    }


def test_the_release_is_the_version_and_the_commit():
    version, _plus, commit = sentry.release().partition("+")

    assert version[0].isdigit()
    assert commit == "" or len(commit) >= 7


def test_a_package_that_is_missing_is_told_at_the_start(tmp_path):
    (tmp_path / "sentry_sdk.py").write_text("raise ImportError")

    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        env=os.environ
        | {
            "PYTHONPATH": str(tmp_path),
            "SENTRY_DSN": "http://key@127.0.0.1:9/1",
            "DEBUG": "1",
            "DATABASE_URL": "sqlite://:memory:",
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode != 0
    assert "SENTRY_DSN is set, and its package is not installed" in done.stderr
