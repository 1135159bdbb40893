"""People at work while the processes are harmed: who books, who signs off.

Each remembers what was acknowledged, and asks again where nothing was. Afterwards
`expect_whole` looks through the whole database for what was lost, or half done.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random
from threading import Event, Lock, Thread
from typing import Any
from uuid import uuid4

import time_machine
from django.db import connection, connections
from django.db.models import Count, Q
from django.urls import reverse
from django.utils.timezone import now

from certificates.claims import canonical
from certificates.issuing import mail_key
from certificates.models import Certificate, CertificateState
from certificates.preparing import enqueue_pending
from courses.models import Enrolment, Evidence, EvidenceKind, Source, TopicCompletion
from lms.audit import chain
from lms.audit.models import Event as Logged
from lms.mail.models import Message
from lms.mail.outbox import enqueue_due
from lms.people.models import Member, User
from sessions.models import Booking, BookingState, BookingTopic, Outcome
from tests.factories import (
    BookingFactory,
    EditionFactory,
    EditionTopicFactory,
    ResellerFactory,
    TrainerFactory,
)
from tests.operations.house import AWAY, House, MailServer, Visitor, key_of

PER_TRAINER = 30  # calls of the last days that one can sign off
PER_DAY = 9
LENGTH = timedelta(minutes=45)


@dataclass
class Deed:
    """Something somebody does: a form to send until it is acknowledged."""

    kind: str
    who: Visitor
    path: str
    form: dict[str, Any]
    about: Any  # a booking's request key, or its primary key
    tries: int = 0

    def is_done_by(self, status: int, location: str) -> bool:
        return status == 302 and location.startswith("/calls/")


@dataclass
class Heard:
    """What came back, of all that was sent."""

    acknowledged: list[Deed] = field(default_factory=list)
    cut: int = 0  # begun, and no answer
    away: int = 0  # nobody listened
    refused: list[str] = field(default_factory=list)
    pages: Counter[int] = field(default_factory=Counter)


def deeds_for(house: House, count: int, random: Random) -> list[Deed]:
    """So many people who book, and half as many calls to sign off, in any order.

    One topic makes the programme: each sign-off completes it and issues.
    """
    edition = EditionFactory(topics=[])
    asked = EditionTopicFactory(edition=edition, needs_read=False, call_minutes=45)
    all_day = [(day, 0, 1440) for day in range(7)]
    trainers = [
        TrainerFactory(
            programmes=[edition.programme], time_zone="UTC", weekly_hours=all_day
        )
        for _n in range(max(4, count // 2 // PER_TRAINER + 1))
    ]
    people = _enrol(edition, count + count // 2)
    deeds = []
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for n, enrolment in enumerate(people[:count]):
        day, place = divmod(n, PER_DAY)
        at = midnight + timedelta(days=3 + day, hours=5 + 2 * place)
        key = uuid4()
        deeds.append(
            Deed(
                "book",
                Visitor(house.url, enrolment.member.user),
                reverse("sessions:book", args=[enrolment.pk]),
                {
                    "picked": "1",
                    "topics": [asked.pk],
                    "start": f"{at:%Y-%m-%dT%H:%MZ}",
                    "request_key": str(key),
                },
                key,
            )
        )
    visitors = [Visitor(house.url, trainer.user) for trainer in trainers]
    for n, enrolment in enumerate(people[count:]):
        hours, which = divmod(n, len(trainers))
        call = BookingFactory(
            enrolment=enrolment,
            trainer=trainers[which],
            starts_at=now() - timedelta(hours=1 + hours),
        )
        said = call.topics.get().pk
        deeds.append(
            Deed(
                "sign off",
                visitors[which],
                reverse("sessions:sign_off", args=[call.ref]),
                {
                    f"outcome-{said}": "covered",
                    f"note-{said}": "Well done.",
                    f"private-{said}": "",
                },
                call.pk,
            )
        )
    random.shuffle(deeds)
    return deeds


def _enrol(edition: Any, count: int) -> list[Enrolment]:
    """A good many, by few queries."""
    reseller = ResellerFactory()
    users = User.objects.bulk_create(
        User(email=f"{uuid4()}@example.com", full_name=f"Ada Person {n}", password="!")
        for n in range(count)
    )
    members = Member.objects.bulk_create(
        Member(user=user, reseller=reseller, joined_on="2020-01-01") for user in users
    )
    return Enrolment.objects.bulk_create(
        Enrolment(
            member=member,
            programme=edition.programme,
            edition=edition,
            source=Source.MANAGER,
        )
        for member in members
    )


class People:
    """So many hands that do the deeds, each again until it is acknowledged."""

    def __init__(
        self,
        deeds: list[Deed],
        random: Random,
        *,
        hands: int = 3,
        may_do: int | None = None,
    ) -> None:
        self.left = list(reversed(deeds))
        self.begun = 0
        self.limit = may_do
        self.heard = Heard()
        self.lock = Lock()
        self.random = random
        self.is_over = Event()
        self.threads = [Thread(target=self._work, daemon=True) for _n in range(hands)]

    @contextmanager
    def at_work(self) -> Iterator[Heard]:
        for thread in self.threads:
            thread.start()
        try:
            yield self.heard
        finally:
            self.is_over.set()
            for thread in self.threads:
                thread.join()

    def may_do(self, count: int | None) -> None:
        """Let so many deeds be begun, counted from the first; None is all."""
        self.limit = count

    def finish(self, seconds: float) -> None:
        """Wait until all is done, with nothing harmed any more."""
        end = time.monotonic() + seconds
        while any(thread.is_alive() for thread in self.threads):
            assert time.monotonic() < end, f"{len(self.left)} deeds are left."
            time.sleep(0.05)

    def _work(self) -> None:
        while not self.is_over.is_set():
            with self.lock:
                if not self.left:
                    return
                may_begin = self.limit is None or self.begun < self.limit
                deed = self.left.pop() if may_begin else None
                self.begun += may_begin
            if deed and not self._does(deed):
                with self.lock:
                    self.left.append(deed)
                    self.begun -= 1
            time.sleep(self.random.uniform(0, 0.2))

    def _does(self, deed: Deed) -> bool:
        deed.tries += 1
        try:
            answer = deed.who.post(deed.path, deed.form)
        except AWAY as error:
            with self.lock:
                self.heard.away += isinstance(error, ConnectionRefusedError)
                self.heard.cut += not isinstance(error, ConnectionRefusedError)
            return False
        with self.lock:
            self.heard.pages[answer.status] += 1
            if deed.is_done_by(answer.status, answer.location):
                self.heard.acknowledged.append(deed)
                return True
            self.heard.refused.append(
                f"{deed.kind}, try {deed.tries}: {answer.status} {answer.location}"
            )
            return answer.status < 500  # asked again, it would be refused again


# --- Afterwards ---------------------------------------------------------------------


def pass_the_lease() -> None:
    """Let the minutes pass after which the clock asks again, by the rows alone.

    A mail that a killed worker had claimed is left alone for five minutes, and a
    certificate for one: those minutes are taken from the rows and from our own clock,
    and what the clock then does is done.
    """
    Message.objects.filter(sent_at=None, dropped_at=None, tries__gt=0).update(
        send_after=now() - timedelta(minutes=2)
    )
    with time_machine.travel(now() + timedelta(minutes=11)):
        enqueue_due()
        enqueue_pending()
    connections.close_all()


def is_settled() -> bool:
    """Whether nothing is left to send and to make."""
    due = Message.objects.due(now() + timedelta(minutes=6)).filter(writer="")
    pending = Certificate.objects.exclude(state=CertificateState.READY)
    return not due.exists() and not pending.exists()


def expect_whole(house: House, heard: Heard) -> None:
    """No acknowledged deed is lost, and nothing is half done; over all rows."""
    _expect_acknowledged(heard)
    _expect_calls_whole()
    _expect_certificates_whole(house.folder)
    found = chain.check()
    assert not found.fault, found.fault
    _expect_database_whole()


def _expect_acknowledged(heard: Heard) -> None:
    keys = [deed.about for deed in heard.acknowledged if deed.kind == "book"]
    booked = Booking.objects.filter(request_key__in=keys, state=BookingState.BOOKED)
    assert booked.count() == len(keys) == len(set(keys))
    signed = [deed.about for deed in heard.acknowledged if deed.kind == "sign off"]
    done = Booking.objects.filter(pk__in=signed, state=BookingState.DONE)
    assert done.count() == len(signed) == len(set(signed))


def _expect_calls_whole() -> None:
    """A call has its topics, mails and log; a signed one all that it completed."""
    asked_here = Booking.objects.filter(created_by__isnull=False)
    assert not asked_here.annotate(count=Count("topics")).exclude(count=1).exists()

    booked = asked_here.filter(starts_at__gt=now(), state=BookingState.BOOKED)
    refs = {f"call:{pk}:booked" for pk in booked.values_list("pk", flat=True)}
    told = Counter(
        ":".join(key.split(":")[:3])
        for key in Message.objects.filter(
            key__startswith="call:", key__contains=":booked:"
        ).values_list("key", flat=True)
    )
    assert told == dict.fromkeys(refs, 2)
    assert _logged("booked") == set(booked.values_list("pk", flat=True))

    done = Booking.objects.filter(state=BookingState.DONE)
    signed = set(done.values_list("pk", flat=True))
    enrolled = set(done.values_list("enrolment", flat=True))
    assert not done.filter(Q(signed_off_at=None) | Q(signed_off_by=None)).exists()
    topics = BookingTopic.objects.filter(booking__in=done)
    assert not topics.exclude(outcome=Outcome.COVERED, booked_for=None).exists()
    evidence = Evidence.objects.filter(kind=EvidenceKind.CALL, voided_at=None)
    assert sorted(each.detail["booking"] for each in evidence) == sorted(signed)
    completed = {
        "evidence": evidence,
        "completions": TopicCompletion.objects.all(),
        "certificates": Certificate.objects.standing(),
    }
    for what, rows in completed.items():
        found = sorted(rows.values_list("enrolment", flat=True))
        assert (what, found) == (what, sorted(enrolled))
    over = Enrolment.objects.exclude(completed_at=None)
    assert set(over.values_list("pk", flat=True)) == enrolled
    told_of = Message.objects.filter(key__contains=":signed_off:")
    assert sorted(int(each.key.split(":")[1]) for each in told_of) == sorted(signed)
    assert _logged("signed_off") == signed


def _logged(verb: str) -> set[int]:
    rows = Logged.objects.filter(verb=verb).values_list("target_id", flat=True)
    assert len(set(rows)) == len(rows), f"{verb} is logged twice"
    return {int(each) for each in rows}


def _expect_certificates_whole(folder: Path) -> None:
    """Each has its claim, its one file of the right bytes, and its mail."""
    files = set()
    for certificate in Certificate.objects.all():
        claim = canonical(certificate.public_claim)
        assert sha256(claim).hexdigest() == certificate.public_sha256
        assert certificate.state == CertificateState.READY
        path = folder / "private" / certificate.pdf.name
        files.add(path)
        assert sha256(path.read_bytes()).hexdigest() == certificate.pdf_sha256
        assert Message.objects.filter(key=mail_key(certificate)).count() == 1
    kept = (folder / "private").rglob("*.pdf")
    assert set(kept) == files, "half of a file, or one too many, is left"


def _expect_database_whole() -> None:
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA integrity_check")
            assert cursor.fetchall() == [("ok",)]
            cursor.execute("PRAGMA foreign_key_check")
            assert cursor.fetchall() == []


def expect_each_mail_once(server: MailServer, kills: int) -> int:
    """Each that is sent came once, at most once more; return how many came twice."""
    came = Counter(key_of(mail) for mail in server.taken)
    sent = Message.objects.exclude(sent_at=None).values_list("pk", flat=True)
    assert set(came) == set(sent), "a mail is lost, or left though nobody noted it"
    assert max(came.values(), default=1) <= 2
    twice = sum(times == 2 for times in came.values())
    assert twice <= kills
    return twice
