"""Twelve processes that book at once, through the real pages: no collision.

Each window of a trainer's hours is 75 minutes long, and a call 45: of the starts in
it (at 0, 15 and 30 minutes) any two overlap. So each trainer takes one call in each
window, whoever comes first, and what is right is known before.
"""

import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.urls import reverse

from courses.models import Enrolment, Source
from lms.constraints import NoOverlap
from lms.people.models import Member, User
from sessions import booking
from sessions.models import LIVE_STATES, Booking, BookingState, Trainer
from sessions.slots import free_at, search_for
from tests.factories import (
    EditionFactory,
    EditionTopicFactory,
    ResellerFactory,
    TrainerFactory,
)

pytestmark = pytest.mark.races

MONDAY = datetime(2026, 6, 1, 8, tzinfo=UTC)
FIRST_DAY = datetime(2026, 6, 3, 9, tzinfo=UTC)  # a Wednesday; ten o'clock in London
PROCESSES = 12
WINDOWS = 15  # and one on the day after, in which nobody books: times to name
TEN = 10 * 60


@pytest.fixture(autouse=True)
def monday():
    with time_machine.travel(MONDAY):
        yield


@pytest.fixture
def edition(transactional_db):
    """One topic, talked about for 45 minutes."""
    edition = EditionFactory(topics=[])
    EditionTopicFactory(edition=edition, call_minutes=45)
    return edition


def trainers(edition, count, **rules):
    """Trainers with one window a day, into which one call fits."""
    rules = {"weekly_hours": [(day, TEN, TEN + 75) for day in range(7)]} | rules
    return [
        TrainerFactory(programmes=[edition.programme], **rules) for _ in range(count)
    ]


def enrol(edition, count):
    """Make so many people of one reseller, each in the programme, in few queries."""
    reseller = ResellerFactory()
    people = User.objects.bulk_create(
        User(email=f"storm{n}@example.com", full_name=f"Storm {n}", password="!")
        for n in range(count)
    )
    members = Member.objects.bulk_create(
        Member(user=person, reseller=reseller, joined_on=MONDAY.date())
        for person in people
    )
    return Enrolment.objects.bulk_create(
        Enrolment(
            member=member,
            programme=edition.programme,
            edition=edition,
            source=Source.TEAM,
        )
        for member in members
    )


@dataclass(frozen=True)
class Ask:
    """One press of the button: whose, and for when."""

    enrolment: Enrolment
    starts_at: datetime


@dataclass(frozen=True)
class Answer:
    """What came back: the status, and how many of the nearest free times it names."""

    status: int
    named: int = 0


BOOKED, TOLD = Answer(302), Answer(409, named=3)


def press(client, ask):
    """Confirm a time on the page of free times, as a browser does."""
    client.force_login(ask.enrolment.member.user)
    response = client.post(
        reverse("sessions:book", args=[ask.enrolment.pk]),
        {
            "picked": "1",
            "topics": [topic.pk for topic in ask.enrolment.edition.topics.all()],
            "start": f"{ask.starts_at:%Y-%m-%dT%H:%MZ}",
            "request_key": str(uuid4()),
        },
        headers={"HX-Request": "true"},
    )
    if response.status_code == 302:
        return Answer(302)
    soonest = re.search("slots-soonest.*?</ul>", response.text, re.DOTALL)
    return Answer(response.status_code, soonest[0].count("<time") if soonest else 0)


@pytest.fixture
def storm(run_in_processes):
    """Return a function that lets so many people ask at once, in rounds.

    `before` is called with the asks of the coming round, before it begins for all.
    """

    def blow(asks, *, rounds=1, before=None):
        each = len(asks) // PROCESSES // rounds

        def work(number, barrier):
            client = Client(raise_request_exception=False)
            answers = []
            for round_ in range(rounds):
                first = (round_ * PROCESSES + number) * each
                own = asks[first : first + each]
                if before:
                    before(own)
                barrier.wait()
                answers += [press(client, ask) for ask in own]
            return answers

        before_it = deadlocks()
        answers = run_in_processes(PROCESSES, work)
        assert deadlocks() == before_it
        return Counter(one for many in answers for one in many)

    return blow


def deadlocks():
    """How many the database has had to end."""
    if connection.vendor == "sqlite":
        return 0
    return ask_database(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    )


def overlaps():
    """Pairs of live calls of one trainer, or of one trainee, that share any time."""
    live = ", ".join(f"'{state}'" for state in LIVE_STATES)
    return ask_database(
        f"""
        SELECT count(*)
        FROM training_sessions_booking AS one
        JOIN training_sessions_booking AS other ON one.id < other.id
        WHERE one.state IN ({live}) AND other.state IN ({live})
          AND (
            one.trainer_id = other.trainer_id
              AND one.starts_at < other.busy_until
              AND other.starts_at < one.busy_until
            OR one.trainee_id = other.trainee_id
              AND one.starts_at < other.ends_at
              AND other.starts_at < one.ends_at
          )
        """
    )


def ask_database(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


def asks_for(enrolments, windows):
    """As many for each window, at the three starts that all overlap."""
    return [
        Ask(
            enrolment,
            FIRST_DAY
            + timedelta(days=n * windows // len(enrolments), minutes=n % 3 * 15),
        )
        for n, enrolment in enumerate(enrolments)
    ]


@pytest.mark.parametrize("pool", [1, 3])
def test_storm_books_what_the_hours_hold_and_no_more(edition, storm, pool):
    trainers(edition, pool)
    asks = asks_for(enrol(edition, 360), WINDOWS)

    answers = storm(asks, rounds=WINDOWS)

    assert answers == {BOOKED: WINDOWS * pool, TOLD: 360 - WINDOWS * pool}
    assert Booking.objects.live().count() == WINDOWS * pool
    assert overlaps() == 0


def test_fifty_people_and_one_time_make_one_call(edition, run_at_once):
    trainers(edition, 1)
    asks = [Ask(enrolment, FIRST_DAY) for enrolment in enrol(edition, 50)]

    answers = run_at_once(*(partial(press, Client(), ask) for ask in asks))

    assert Counter(answers) == {BOOKED: 1, TOLD: 49}
    assert Booking.objects.count() == 1


def test_caps_hold_in_the_storm(edition, storm):
    """Two weeks, of each day four hours: two calls a day, five a week."""
    monday = FIRST_DAY + timedelta(days=5)
    [trainer] = trainers(
        edition,
        1,
        day_cap=2,
        week_cap=5,
        weekly_hours=[(day, TEN, TEN + 8 * 60) for day in range(7)],
    )
    asks = [
        Ask(enrolment, monday + timedelta(days=n // 4, hours=n % 4))
        for n, enrolment in enumerate(enrol(edition, 48))
    ]

    answers = storm(asks, rounds=4)

    assert answers == {BOOKED: 10, TOLD: 38}
    days = Counter(
        call.starts_at.astimezone(trainer.zone).date() for call in Booking.objects.all()
    )
    assert max(days.values()) == 2
    assert Counter(day.isocalendar().week for day in days.elements()) == {24: 5, 25: 5}
    assert overlaps() == 0


def test_two_tabs_with_two_keys_make_one_call(edition, storm):
    trainers(edition, 1)
    [enrolment] = enrol(edition, 1)
    asks = [Ask(enrolment, FIRST_DAY + timedelta(days=n)) for n in range(PROCESSES)]

    answers = storm(asks)

    assert answers == {BOOKED: 1, Answer(409): PROCESSES - 1}
    assert Booking.objects.count() == 1


# --- Without the guards ------------------------------------------------------------


@pytest.fixture
def no_constraints(transactional_db):
    """Take away what the database promises of overlaps, and give it back."""
    constraints = [
        constraint
        for constraint in Booking._meta.constraints
        if isinstance(constraint, NoOverlap)
    ]
    with connection.cursor() as cursor:
        for constraint in constraints:
            if connection.vendor == "sqlite":  # the template brings them back
                cursor.execute(f"DROP TRIGGER {constraint.name}_insert")
                cursor.execute(f"DROP TRIGGER {constraint.name}_update")
            else:
                table = Booking._meta.db_table
                cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint.name}")
    yield
    if connection.vendor == "postgresql":
        Booking.objects.update(state=BookingState.CANCELLED)
        with connection.schema_editor() as editor:
            for constraint in constraints:
                editor.add_constraint(Booking, constraint)


@pytest.fixture
def look_early(monkeypatch):
    """Let the check be what the page showed: asked before the round, not locked.

    So do those who check, then insert. Outside of the transaction, since SQLite lets
    one transaction write at a time, and what is asked inside one is true to its end.
    """
    seen = {}

    def look(asks):
        for ask in asks:
            search = search_for(ask.enrolment, timedelta(minutes=45))
            seen[ask.starts_at] = free_at(search, ask.starts_at)

    monkeypatch.setattr(booking, "free_at", lambda search, starts_at: seen[starts_at])
    monkeypatch.setattr(booking, "not_in_call", lambda *_: list(Trainer.objects.all()))
    monkeypatch.setattr(booking, "_has_call", lambda *_: False)
    monkeypatch.setattr(booking, "_require_free", lambda *_: None)
    return look


def test_without_any_guard_the_storm_makes_calls_collide(
    edition, storm, no_constraints, look_early
):
    """The negative control: the same storm sees what the guards prevent."""
    trainers(edition, 1)
    asks = asks_for(enrol(edition, 24), windows=2)

    answers = storm(asks, rounds=2, before=look_early)

    assert answers[BOOKED] > 2
    assert overlaps() > 0


def test_the_constraints_alone_keep_calls_apart(edition, storm, look_early):
    trainers(edition, 1)
    asks = asks_for(enrol(edition, 24), windows=2)

    answers = storm(asks, rounds=2, before=look_early)

    assert answers == {BOOKED: 2, TOLD: 22}
    assert overlaps() == 0


def test_the_look_under_the_locks_alone_keeps_calls_apart(
    edition, storm, no_constraints
):
    trainers(edition, 1)
    asks = asks_for(enrol(edition, 24), windows=2)

    answers = storm(asks, rounds=2)

    assert answers == {BOOKED: 2, TOLD: 22}
    assert overlaps() == 0
