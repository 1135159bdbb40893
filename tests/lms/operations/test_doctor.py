"""`manage.py doctor`: a sentence each, an exit code, and no look hangs the others."""

import json
import threading
import time
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils.timezone import now

from lms.operations import doctor
from lms.operations.database import look_at_database, look_at_migrations
from lms.operations.doctor import Check, examine, worst
from lms.operations.findings import Level, age, bad, good, warn
from lms.operations.heartbeats import CLOCK, WEB, WORKER
from lms.operations.models import Heartbeat


@pytest.fixture
def all_live(transactional_db):
    for name in (WEB, WORKER, CLOCK):
        Heartbeat.objects.create(
            name=name, host="here", pid=1, started_at=now(), at=now(), worked_at=now()
        )


def run_doctor(*arguments):
    with pytest.raises(SystemExit) as end:
        call_command("doctor", *arguments)
    return end.value.code


def test_each_part_is_told_in_a_sentence_and_all_well_ends_with_nought(
    all_live, capsys
):
    code = run_doctor("--only", "migrations", "worker", "clock", "work")

    lines = capsys.readouterr().out.splitlines()
    assert code == 0
    assert [line.split()[:2] for line in lines] == [
        ["ok", "Migrations:"],
        ["ok", "Worker:"],
        ["ok", "Clock:"],
        ["ok", "Waiting"],
    ]
    assert all(line.endswith(".") for line in lines)


def test_what_is_broken_says_what_to_do_and_ends_with_two(all_live, capsys):
    Heartbeat.objects.filter(name=CLOCK).delete()

    code = run_doctor("--json", "--only", "worker", "clock")

    found = json.loads(capsys.readouterr().out)
    assert code == 2
    assert [(each["part"], each["level"]) for each in found] == [
        ("worker", "ok"),
        ("clock", "bad"),
    ]
    assert "manage.py clock" in found[1]["step"]


def test_the_worst_finding_has_the_last_word():
    checks = [
        Check("a", "A", lambda: good("Well."), is_outside=True),
        Check("b", "B", lambda: warn("So so.", "Look."), is_outside=True),
    ]
    assert worst(examine(checks)) is Level.WARN

    checks.append(Check("c", "C", lambda: bad("Bad.", "Mend."), is_outside=True))
    assert worst(examine(checks)) is Level.BAD


def test_a_look_that_hangs_is_told_and_hangs_no_other():
    held = threading.Event()
    limit = timedelta(seconds=0.2)
    hangs = Check("a", "A", lambda: held.wait(30) and good(""), limit, is_outside=True)
    answers = Check("b", "B", lambda: good("Well."), is_outside=True)
    start = time.monotonic()

    first, second = examine([hangs, answers])
    held.set()

    assert time.monotonic() - start < 10
    assert first.finding.words == "No answer within 0 seconds."
    assert second.finding.words == "Well."


def test_what_is_left_when_the_time_is_up_is_not_begun(db):
    """On the caller's own connection, each look takes a little: the page is answered."""
    looked = []

    def look():
        looked.append(1)
        time.sleep(0.3)
        return good("Well.")

    limit = timedelta(seconds=0.5)
    checks = [Check(name, name, look, limit) for name in "abcdef"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(doctor, "LIMIT", limit)
        results = examine(checks, own_lane=True)

    assert len(looked) == 2
    assert [each.finding.level for each in results] == [Level.OK] * 2 + [Level.BAD] * 4


def test_a_look_that_breaks_is_told_without_what_it_said(caplog):
    def breaks():
        raise RuntimeError("secret")

    [result] = examine([Check("a", "A", breaks, is_outside=True)])

    assert result.finding.level is Level.BAD
    assert result.finding.words == "This could not be looked at: RuntimeError."


def test_every_part_of_the_list_is_looked_at(all_live):
    results = examine()

    assert [result.check for result in results] == doctor.CHECKS
    for result in results:
        assert bool(result.finding.step) is (result.finding.level is not Level.OK)


@pytest.mark.django_db
def test_a_database_that_keeps_its_word_is_well():
    if connection.vendor != "sqlite":
        assert look_at_database().words.startswith("PostgreSQL ")
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous")
        (before,) = cursor.fetchone()
    assert look_at_database().level is (Level.BAD if before < 2 else Level.OK)


@pytest.mark.django_db
def test_migrations_that_are_missing_are_named():
    assert look_at_migrations().words == "All migrations are applied."

    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'operations'")

    found = look_at_migrations()
    assert found.level is Level.BAD
    assert "operations.0001_make_heartbeats" in found.words


@pytest.mark.django_db
def test_migrations_of_a_newer_version_are_told():
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO django_migrations (app, name, applied) "
            "VALUES ('operations', '9999_of_tomorrow', %s)",
            [now()],
        )

    found = look_at_migrations()

    assert found.level is Level.WARN
    assert "operations.9999_of_tomorrow" in found.words


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(seconds=1), "1 second"),
        (timedelta(seconds=119), "119 seconds"),
        (timedelta(minutes=2), "2 minutes"),
        (timedelta(hours=2), "2 hours"),
        (timedelta(days=2), "2 days"),
    ],
)
def test_lengths_of_time_are_told_in_their_largest_unit(length, words):
    assert age(length) == words
