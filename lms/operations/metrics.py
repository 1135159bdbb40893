"""What Prometheus reads at `/metrics`, which is there for who has the token.

How requests went is counted by each process, and added up over those of this machine;
how the house is, is asked of the database when Prometheus asks, and is the same
wherever it asks.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db import Error, connection
from django.db.models import Exists, F, Max, Min, OuterRef, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.utils.timezone import now
from django.views.decorators.cache import never_cache
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from certificates.models import Certificate, CertificateState, Standstill
from lms.audit.models import Event
from lms.mail.models import REFUSED_FOR_GOOD, Message
from lms.operations.heartbeats import CLOCK, SILENT_AFTER, WEB, WORKER
from lms.operations.models import Heartbeat
from lms.operations.processes import pending
from lms.walls import unscoped
from sessions.models import Ended, Presence, QualitySample
from sessions.quality import WEAK

HOUR = timedelta(hours=1)
STAYS_LOOKED_AT = 5000  # the newest: stays have no index by their time
ENOUGH_TO_CONNECT = timedelta(minutes=1)

requests = Counter("lms_requests", "Requests answered.", ["view", "status"])
durations = Histogram(
    "lms_request_seconds",
    "How long answering took.",
    ["view"],
    buckets=(0.05, 0.1, 0.3, 1, 3, 10),
)


def count_request(view: str, status: int, seconds: float) -> None:
    """Count a request, where somebody may ask for the figures."""
    if settings.METRICS_TOKEN:
        requests.labels(view, str(status)).inc()
        durations.labels(view).observe(seconds)


@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """All figures; a 404 for who has no token, as where there are none."""
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not settings.METRICS_TOKEN or not constant_time_compare(
        given, settings.METRICS_TOKEN
    ):
        raise Http404
    registry = CollectorRegistry()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # it has none
    else:
        registry.register(OwnRequests())
    registry.register(House())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class OwnRequests(Collector):
    """What this process has counted, where it is the only one."""

    def collect(self) -> Iterator[object]:  # type: ignore[override]  # of its families
        for family in REGISTRY.collect():
            if family.name in ("lms_requests", "lms_request_seconds"):
                yield family


class House(Collector):
    """How the house is, asked now."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        up = GaugeMetricFamily("lms_database_up", "1: the database answers.")
        try:
            connection.ensure_connection()
            families = list(_families(now()))
        except Error:
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        yield from families


def _families(at: datetime) -> Iterator[GaugeMetricFamily]:
    yield from _processes(at)
    yield from _waiting(at)
    events = GaugeMetricFamily(
        "lms_events_last_hour", "What was done, by kind.", labels=["verb"]
    )
    for verb in ("booked", "signed_off", "certificate_issued", "signed in"):
        count = unscoped(Event.objects, "counted, no row is shown").filter(
            verb=verb, at__gt=at - HOUR
        )
        events.add_metric([verb.replace(" ", "_")], count.count())
    yield events
    stays = GaugeMetricFamily(
        "lms_call_stays_last_hour",
        "Stays in rooms that ended, by how the connection was.",
        labels=["how"],
    )
    for how, number in stays_by_how(at).items():
        stays.add_metric([how], number)
    yield stays


def _processes(at: datetime) -> Iterator[GaugeMetricFamily]:
    living = GaugeMetricFamily(
        "lms_processes", "Processes that live, by kind.", labels=["name"]
    )
    beat = GaugeMetricFamily(
        "lms_beat_age_seconds", "Since the newest sign of life.", labels=["name"]
    )
    worked = GaugeMetricFamily(
        "lms_worker_worked_age_seconds", "Since a worker last ended a piece of work."
    )
    disk = GaugeMetricFamily(
        "lms_disk_free_ratio", "Free share of the disk of the data.", labels=["host"]
    )
    beats = list(Heartbeat.objects.all())
    for name in (WEB, WORKER, CLOCK):
        own = [each for each in beats if each.name == name]
        lately = [each for each in own if each.at > at - SILENT_AFTER[name]]
        living.add_metric([name], len(lately))
        if own:
            beat.add_metric([name], _seconds(at, max(each.at for each in own)))
    if ended := [each.worked_at for each in beats if each.worked_at]:
        worked.add_metric([], _seconds(at, max(ended)))
    free = {
        each.host: each.disk_free / each.disk_size
        for each in sorted(beats, key=lambda each: each.at)
        if each.disk_size and each.at > at - HOUR
    }
    for host, share in free.items():
        disk.add_metric([host], share)
    yield from (living, beat, worked, disk)


def _waiting(at: datetime) -> Iterator[GaugeMetricFamily]:
    """What waits, and for how long: work, mail, certificates."""
    count, since = pending(at)
    yield _gauge("lms_work_waiting", "Pieces of work that may begin.", count)
    yield _gauge("lms_work_age_seconds", "Of the oldest.", _seconds(at, since))
    mail = unscoped(Message.objects, "counted, no row is shown").filter(
        sent_at=None, dropped_at=None
    )
    fails = Q(tries__gt=0) & ~Q(error="") & ~Q(error__in=REFUSED_FOR_GOOD)
    found = mail.exclude(expires_at__lte=at).aggregate(
        due=Min("send_after", filter=Q(send_after__lte=at, tries=0)),
        failing=Min("created_at", filter=fails),
    )
    oldest = min(filter(None, found.values()), default=None)
    yield _gauge(
        "lms_outbox_age_seconds",
        "Of the oldest mail that should have left.",
        _seconds(at, oldest),
    )
    certificates = unscoped(Certificate.objects, "counted, no row is shown").standing()
    since = certificates.filter(
        state=CertificateState.PENDING, erased_at=None
    ).aggregate(oldest=Min("issued_at"))["oldest"]
    yield _gauge(
        "lms_certificate_lag_seconds",
        "Of the oldest certificate without its file.",
        _seconds(at, since),
    )
    yield _gauge(
        "lms_certificates_standstill",
        "1: no certificate can be made.",
        int(Standstill.objects.exists()),
    )


def stays_by_how(at: datetime) -> dict[str, int]:
    """Stays in rooms that ended in the last hour, by how the connection was.

    `silent`: nothing was heard any more; `unconnected`: both were there for a minute,
    and no way between them was found; `weak`: lost each other for a minute or more;
    `relayed`: well, by the relay; `well`: the others. A stay counts once, as the first.
    """
    stays = unscoped(Presence.objects, "counted, no row is shown")
    newest = stays.aggregate(newest=Max("pk"))["newest"] or 0
    ended = stays.filter(
        pk__gt=newest - STAYS_LOOKED_AT, left_at__gt=at - HOUR, left_at__lte=at
    )
    other = stays.filter(
        booking=OuterRef("booking"),
        joined_at__lte=OuterRef("left_at") - ENOUGH_TO_CONNECT,
    ).exclude(user=OuterRef("user"))
    weak = unscoped(QualitySample.objects, "counted, no row is shown").filter(
        Q(loss_percent__gte=WEAK[0]) | Q(round_trip_ms__gte=WEAK[1]),
        presence=OuterRef("pk"),
    )
    rows = ended.annotate(
        had_other=Exists(
            other.filter(Q(left_at=None) | Q(left_at__gte=OuterRef("joined_at")))
        ),
        was_weak=Exists(weak),
        lasted=F("left_at") - F("joined_at"),
    ).values_list("ended", "route", "had_other", "was_weak", "lasted")
    found = dict.fromkeys(["silent", "unconnected", "weak", "relayed", "well"], 0)
    for how, route, had_other, was_weak, lasted in rows:
        if how == Ended.SILENT:
            found["silent"] += 1
        elif not route and had_other and lasted >= ENOUGH_TO_CONNECT:
            found["unconnected"] += 1
        elif was_weak:
            found["weak"] += 1
        else:
            found["relayed" if route == "relay" else "well"] += 1
    return found


def _gauge(name: str, words: str, number: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, words, value=number)


def _seconds(at: datetime, since: datetime | None) -> float:
    return max(0.0, (at - since).total_seconds()) if since else 0.0
