"""Making the seed and the demo: from nothing, on any day, and what refuses to."""

import os
import subprocess
import sys

import pytest
import time_machine
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils.timezone import now
from wagtail.models import Site

from content.models import HandbookPage
from courses.models import TopicPage
from lms import states
from lms.people.models import User
from lms.seed import cast
from lms.seed.content import seed_content
from lms.seed.demo import seed_demo
from sessions.models import Booking, BookingState
from tests.seed.people import state_of

pytestmark = pytest.mark.django_db


def test_addresses_are_those_of_the_design(settings):
    settings.PUBLIC_URL = "https://learn.example.com"

    seed_content()

    site = Site.objects.get()
    topic = TopicPage.objects.get(slug="using-resolve")
    assert (site.hostname, site.port) == ("learn.example.com", 443)
    assert topic.get_url() == "/programmes/user-support/using-resolve/"
    assert HandbookPage.objects.get(slug="scope").get_url() == "/handbook/scope/"


def test_command_says_what_is_left_to_confirm(capsys):
    call_command("seed")
    first = capsys.readouterr().out
    call_command("seed")

    assert "To confirm: 1.4 Data Privacy & Analytics" in first
    assert "To confirm: Training: the policy names this team" in first
    assert capsys.readouterr().out == "Nothing to seed.\n"


@pytest.mark.parametrize(
    "today",
    [
        "2026-03-27 23:50",  # a Friday night; the clocks change on Sunday
        "2026-10-25 12:00",  # the Sunday on which they change back
        "2028-02-29 00:10",
    ],
)
def test_demo_can_be_made_on_any_day(settings, today):
    settings.DEMO = settings.DEBUG = True

    with time_machine.travel(today, tick=False):
        seed_content()
        seed_demo()

        assert state_of(cast.CHLOE) == states.WAITING_FOR_SIGN_OFF
        assert state_of(cast.DIEGO) == states.GO_OVER_AGAIN
        held = Booking.objects.filter(state=BookingState.DONE)
        assert [booking.ends_at < now() for booking in held] == [True] * 7


@pytest.mark.parametrize(("demo_on", "debug"), [(False, True), (True, False)])
def test_demo_is_refused_outside_demo_mode(settings, demo_on, debug):
    settings.DEMO, settings.DEBUG = demo_on, debug

    with pytest.raises(CommandError, match="with DEMO=1 and DEBUG=1 only"):
        seed_demo()
    with pytest.raises(CommandError, match="with DEMO=1 and DEBUG=1 only"):
        call_command("demo_sign_ins")

    assert User.objects.count() == 0


def test_seed_makes_no_people_without_demo(settings, capsys):
    settings.DEMO = False

    call_command("seed")

    assert User.objects.count() == 0
    assert "Demo" not in capsys.readouterr().out


def test_start_is_refused_with_demo_and_without_debug():
    environment = os.environ | {"DEMO": "1", "DEBUG": "0", "SECRET_KEY": "k" * 50}

    started = subprocess.run(
        [sys.executable, "-c", "import lms.settings"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert started.returncode == 1
    assert started.stderr.startswith("DEMO is on while DEBUG is off")
    assert len(started.stderr.splitlines()) == 1


def test_sign_ins_name_everybody_and_the_password(settings, capsys):
    settings.DEMO = settings.DEBUG = True

    call_command("demo_sign_ins")

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith(cast.PASSWORD)
    people = [cast.STAFF, cast.COLLEAGUE, *cast.TRAINERS, *cast.WORKERS, cast.INVITED]
    assert [line.split()[0] for line in lines[1:]] == [p.email for p in people]
