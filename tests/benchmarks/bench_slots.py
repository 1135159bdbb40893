"""Free times of 50 trainers over 8 weeks with 4,000 live calls, in eight zones.

Beside it, in the same rounds, django-scheduler's own `Period` reads the very same
weekly hours, trainer by trainer: hours alone, without calls, rules or a grid, its
events with their rules in one query each. That is a head start for it.
"""

import random
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from statistics import median
from typing import Any

import pytz
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from schedule.models import Event
from schedule.periods import Period

from courses.models import Edition
from sessions import diaries, grid, minutes
from sessions.models import Booking, Trainer
from sessions.slots import find, free_at, search_for
from tests.benchmarks.figures import Figure
from tests.factories import EnrolmentFactory, TrainerFactory

ROUNDS = 15
TRAINERS, CALLS_EACH, TRAINEES_EACH = 50, 80, 4
LENGTH = timedelta(minutes=45)
ZONES = [
    "Europe/London",
    "Europe/Berlin",
    "America/New_York",
    "America/Los_Angeles",
    "Asia/Kolkata",
    "Asia/Tokyo",
    "Australia/Sydney",
    "America/Sao_Paulo",
]
WINDOWS = [
    (day, start, end) for day in range(5) for start, end in ((540, 720), (780, 1020))
]


def make_trainers(edition: Edition) -> list[Trainer]:
    """Make them, with hours of a year ago and calls in them, none of which collide."""
    chance = random.Random(4000)
    trainers = [
        TrainerFactory(
            programmes=[edition.programme],
            time_zone=ZONES[number % len(ZONES)],
            weekly_hours=WINDOWS,
        )
        for number in range(TRAINERS)
    ]
    year = timedelta(weeks=52)
    Event.objects.update(start=F("start") - year, end=F("end") - year)
    calls = []
    for trainer in trainers:
        people = [
            EnrolmentFactory(edition=edition, programme=edition.programme)
            for _ in range(TRAINEES_EACH)
        ]
        search = search_for(people[0], LENGTH, trainer=trainer)
        starts = [slot.starts_at for slot in find(search)]
        free = starts[::4]  # an hour apart, or more: a call and its rest
        for number, start in enumerate(chance.sample(free, CALLS_EACH)):
            enrolment = people[number % TRAINEES_EACH]
            calls.append(
                Booking(
                    enrolment=enrolment,
                    trainee=enrolment.member.user,
                    trainer=trainer,
                    starts_at=start,
                    ends_at=start + LENGTH,
                    busy_until=start + LENGTH + trainer.rest,
                )
            )
    Booking.objects.bulk_create(calls)
    return trainers


def hours_by_period(trainers: list[Trainer]) -> int:
    """Read 8 weeks of each trainer's hours the library's way; tell how many windows."""
    start, count = now(), 0
    for trainer in trainers:
        events = Event.objects.filter(calendar=trainer.hours_id).select_related("rule")
        zone = pytz.timezone(trainer.time_zone)
        period = Period(events, start, start + timedelta(weeks=8), tzinfo=zone)
        count += len(period.occurrences)
    return count


def forget_all() -> None:
    """Empty what the engine keeps from search to search: clock times and the like."""
    for module in (minutes, grid, diaries):
        for value in vars(module).values():
            if hasattr(value, "cache_clear"):
                value.cache_clear()


def milliseconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def bench_slots() -> Iterator[Figure]:
    edition = Edition.objects.all()[0]
    Trainer.objects.update(is_active=False)  # the demo's
    trainers = make_trainers(edition)
    search = search_for(
        EnrolmentFactory(edition=edition, programme=edition.programme), LENGTH
    )
    with CaptureQueriesContext(connection) as queries:
        found = find(search)
    middle = found[len(found) // 2].starts_at
    hours_by_period(trainers)
    ours, cold, theirs, once = [], [], [], []
    for _ in range(ROUNDS):
        ours.append(milliseconds(lambda: find(search)))
        theirs.append(milliseconds(lambda: hours_by_period(trainers)))
        forget_all()
        cold.append(milliseconds(lambda: find(search)))
        once.append(milliseconds(lambda: free_at(search, middle)))
    free = sum(len(slot.trainers) for slot in found)
    what = f"slots: {TRAINERS} trainers, {TRAINERS * CALLS_EACH} calls, 8 weeks"
    yield Figure(f"{what}, queries", len(queries), "queries", 6)
    yield Figure(f"{what}, {free} free times", median(ours), "ms", 50)
    yield Figure(f"{what}, nothing kept from before", median(cold), "ms", 50)
    yield Figure(
        "slots: times as fast as Period reads the hours alone",
        median(other / own for own, other in zip(ours, theirs, strict=True)),
        "x",
        15,
        at_least=True,
    )
    yield Figure("slots: who is free at one time", median(once), "ms", 15)
