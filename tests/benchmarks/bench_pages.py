"""The main pages, each as the demo's person who opens it: queries, and time.

The time is the whole answer inside one process, middleware and all, without the
network: the median of several, after one that warms up.
"""

import time
from collections.abc import Iterator
from statistics import median
from typing import Any

from django.db import connection
from django.test import Client
from django.urls import reverse

from certificates.models import Certificate
from courses.models import Enrolment
from lms.people.models import Member, User
from lms.seed import cast
from sessions.models import Booking, BookingState
from tests.benchmarks.figures import Figure

ROUNDS = 9
MOST_MS = 150


def pages() -> Iterator[tuple[str, User | None, str, int]]:
    """Name, reader, address, and the most queries of each main page."""
    call = Booking.objects.filter(state=BookingState.BOOKED).order_by("starts_at")[0]
    ready = Enrolment.objects.open().filter(bookings=None).order_by("-evidence")[0]
    trainee, trainer = call.trainee, call.trainer.user
    manager = User.objects.filter(memberships__is_manager=True)[0]
    staff = User.objects.get(email=cast.STAFF.email)
    topic = ready.edition.topics.select_related("topic")[0].topic
    person = Member.objects.filter(enrolments=ready)[0]
    certificate = Certificate.objects.released()[0]

    yield "home, signed out", None, "/", 10
    yield "my learning", trainee, reverse("dashboards:my"), 22
    yield "programme", ready.member.user, ready.programme.url, 25
    yield "topic", ready.member.user, topic.url, 25
    book = reverse("sessions:book", args=[ready.pk])
    yield "book a call", ready.member.user, book, 25
    yield "call", trainee, call.get_absolute_url(), 20
    yield "trainer's today", trainer, reverse("sessions:today"), 25
    yield "team", manager, reverse("dashboards:team"), 20
    record = reverse("dashboards:person", args=[person.pk])
    yield "person", staff, record, 20
    yield "standing", staff, reverse("dashboards:standing"), 15
    yield "verify", None, reverse("verify", args=[certificate.serial]), 8


def bench_pages() -> Iterator[Figure]:
    for name, reader, address, most_queries in pages():
        client = Client()
        if reader:
            client.force_login(reader)
        client.get(address)
        queries = 0

        def count(execute: Any, *query: Any) -> Any:
            nonlocal queries
            queries += 1
            return execute(*query)

        with connection.execute_wrapper(count):
            answer = client.get(address)
        if answer.status_code != 200:
            raise RuntimeError(f"{name}: {answer.status_code} at {address}")
        times = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            client.get(address)
            times.append((time.perf_counter() - start) * 1000)
        yield Figure(f"page: {name}, queries", queries, "queries", most_queries)
        yield Figure(f"page: {name}, time", median(times), "ms", MOST_MS)
