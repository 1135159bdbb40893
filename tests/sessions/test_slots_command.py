import json
from datetime import UTC, datetime
from io import StringIO

import pytest
import time_machine
from django.core.management import call_command
from django.core.management.base import CommandError

from tests.factories import EditionFactory, TrainerFactory, UserFactory

MONDAY = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def today():
    with time_machine.travel(MONDAY, tick=False):
        yield


@pytest.fixture
def trainer(db):
    programme = EditionFactory(
        programme__section="1.3", programme__title="User Support"
    ).programme
    return TrainerFactory(
        user=UserFactory(full_name="Mia Koch", email="mia@example.com"),
        programmes=[programme],
        time_zone="Europe/Berlin",
        weekly_hours=[(day, 540, 600) for day in range(5)],
    )


def slots(*arguments: str) -> str:
    out = StringIO()
    call_command("slots", *arguments, stdout=out)
    return out.getvalue()


def test_slots_prints_what_is_free_in_the_zone_that_is_named(trainer):
    found = slots(
        "--programme=1.3",
        "--from=2026-06-03",
        "--to=2026-06-03",
        "--zone=America/New_York",
    )

    assert found.splitlines() == [
        "Wed 3 Jun, 03:00 (New York)\tMia Koch",
        "Wed 3 Jun, 03:15 (New York)\tMia Koch",
    ]


def test_slots_prints_json_in_utc(trainer):
    found = slots(
        "--programme=User Support",
        "--from=2026-06-03",
        "--to=2026-06-04",
        "--minutes=60",
        "--trainer=Mia@example.com",
        "--json",
    )

    assert json.loads(found) == [
        {"starts_at": "2026-06-03T07:00Z", "trainers": ["Mia Koch"]},
        {"starts_at": "2026-06-04T07:00Z", "trainers": ["Mia Koch"]},
    ]


def test_slots_looks_a_week_ahead_unless_told(trainer):
    found = slots("--programme=1.3", "--minutes=60")

    assert [line[:10] for line in found.splitlines()] == [
        "Tue 2 Jun,",
        "Wed 3 Jun,",
        "Thu 4 Jun,",
        "Fri 5 Jun,",
    ]


def test_slots_says_that_there_is_none(trainer):
    found = slots("--programme=1.3", "--from=2026-06-06", "--to=2026-06-07")

    assert found == "No free time in these days.\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--programme=9.9"], "There is no programme '9.9'. There are: 1.3 User Supp"),
        (["--trainer=no@example.com"], "Nobody with the address 'no@example.com' is"),
        (["--from=tomorrow"], "'tomorrow' is not a date. Write it like this"),
        (["--to=2026-02-30"], "'2026-02-30' is not a date"),
        (["--from=2026-06-03", "--to=2026-06-02"], "--to must not be before --from"),
        (["--from=9999-12-31"], "Choose days within a year from today"),
        (["--to=9999-12-31"], "Choose days within a year from today"),
        (["--zone=Mars/Olympus"], "There is no time zone 'Mars/Olympus'"),
        (["--minutes=0"], "A call takes between 1 and 1440 minutes"),
    ],
)
def test_slots_says_what_is_wrong(trainer, arguments, sentence):
    with pytest.raises(CommandError) as told:
        slots("--programme=1.3", *arguments)

    assert str(told.value).startswith(sentence)
