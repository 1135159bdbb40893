"""Who is told that a qualification runs out: once for each notice, and no flood."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from django_tasks_db.models import DBTaskResult

from certificates import expiring, tasks
from certificates.expiring import carry_on, tell_some
from certificates.issuing import end
from certificates.models import End
from certificates.receivers import on_programme_completed
from courses.models import Source
from lms.mail.models import Message
from lms.people.nudging import in_the_morning
from tests.factories import (
    CertificateFactory,
    EditionFactory,
    EnrolmentFactory,
    MemberFactory,
    UserFactory,
)

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def clock(db):
    with time_machine.travel(AT, tick=False) as clock:
        yield clock


def ending_in(days, *, member=None, **fields):
    """A certificate whose qualification ends in so many days, held for a year."""
    enrolment = EnrolmentFactory(
        member=member or MemberFactory(),
        completed=True,
        completed_at=now() - timedelta(days=365),
        valid_until=now().date() + timedelta(days=days),
        source=Source.MANAGER,
    )
    return CertificateFactory(enrolment=enrolment, **fields)


def notices():
    told = Message.objects.filter(key__startswith="expiry:", dropped_at=None)
    return [key.rpartition(":")[2] for key in told.values_list("key", flat=True)]


@pytest.mark.parametrize(
    ("days", "told"),
    [
        (91, []),
        (90, ["90"]),
        (61, ["90"]),
        (60, ["60"]),
        (31, ["60"]),
        (30, ["30"]),
        (8, ["30"]),
        (7, ["7"]),
        (1, ["7"]),
        (0, []),
    ],
)
def test_only_the_latest_notice_that_is_due_is_sent(clock, days, told):
    ending_in(days)

    tell_some()

    assert notices() == told


@pytest.mark.asked_elsewhere  # by its neighbours, on one day each
def test_each_notice_is_sent_once_in_the_course_of_time(clock):
    ending_in(100)

    for _day in range(101):
        tell_some()
        tell_some()
        clock.shift(timedelta(days=1))

    assert notices() == ["90", "60", "30", "7"]


def test_notice_tells_when_and_how_to_renew(clock):
    certificate = ending_in(30)

    tell_some()

    message = Message.objects.get()
    enrolment = certificate.enrolment
    assert message.recipient == enrolment.member.user
    assert message.subject == (
        f"{enrolment.edition.title}: your qualification ends on 23 December 2026"
    )
    assert "ends in 30 days" in message.body
    assert "You can renew it now" in message.body
    assert str(enrolment.programme.url) in message.body
    assert message.expires_at == datetime(2026, 12, 23, tzinfo=UTC)


def test_who_is_not_asked_to_renew_is_told_so(clock):
    by_team = EnrolmentFactory(
        completed=True,
        completed_at=now() - timedelta(days=365),
        valid_until=now().date() + timedelta(days=30),
        source=Source.TEAM,  # and they are in none now
    )
    CertificateFactory(enrolment=by_team)

    tell_some()

    message = Message.objects.get(recipient=by_team.member.user)
    assert "Nobody asks you to renew it" in message.body


def ended(certificate):
    end(certificate, End.REVOKED, why="x", by=None)


def renewed(certificate):
    enrolment = certificate.enrolment
    EnrolmentFactory(
        member=enrolment.member, edition=enrolment.edition, cycle=2, completed=True
    )


def annulled(certificate):
    enrolment = certificate.enrolment
    enrolment.annulled_at = now()
    enrolment.save()


def gone(certificate):
    member = certificate.enrolment.member
    member.left_on = now().date()
    member.save()


def disabled(certificate):
    user = certificate.enrolment.member.user
    user.is_active = False
    user.save()


def erased(certificate):
    certificate.erased_at = now()
    certificate.save()


@pytest.mark.parametrize("happens", [ended, renewed, annulled, gone, disabled, erased])
def test_nobody_is_told_of_what_is_over_or_renewed(clock, happens):
    happens(ending_in(30))

    tell_some()

    assert not Message.objects.exists()


def test_what_is_not_released_is_not_told_of(clock):
    ending_in(30, release_at=now() + timedelta(minutes=15))

    tell_some()

    assert not Message.objects.exists()


@pytest.mark.parametrize(("held", "told"), [(0, []), (23, ["7"])])
def test_notice_that_was_due_before_it_began_is_left_out(clock, held, told):
    """Who qualifies for 30 days is not told the same day that it ends in 30."""
    enrolment = EnrolmentFactory(
        completed=True,
        valid_until=now().date() + timedelta(days=30),
        source=Source.MANAGER,
    )
    CertificateFactory(enrolment=enrolment)
    clock.shift(timedelta(days=held))

    tell_some()

    assert notices() == told


def test_corrected_certificate_is_not_told_of_again(clock):
    first = ending_in(30)
    tell_some()
    first.ended_as, first.ended_at = End.REPLACED, now()
    first.save()
    CertificateFactory(enrolment=first.enrolment, supersedes=first)

    tell_some()

    assert notices() == ["30"]


@pytest.mark.parametrize("happens", ["revoked", "renewed"])
def test_notice_that_waits_for_the_morning_is_taken_back(clock, happens):
    clock.move_to(datetime(2026, 11, 23, 1, tzinfo=UTC))
    certificate = ending_in(30)
    tell_some()
    assert notices() == ["30"]

    if happens == "revoked":
        ended(certificate)
    else:
        enrolment = certificate.enrolment
        again = EnrolmentFactory(
            member=enrolment.member, edition=enrolment.edition, cycle=2, completed=True
        )
        CertificateFactory(enrolment=again)
        on_programme_completed(None, enrolment=again)

    assert notices() == []


@pytest.mark.parametrize(
    ("zone", "at"),
    [
        ("Asia/Tokyo", AT),  # 21:00
        ("America/Los_Angeles", AT.replace(hour=16)),  # 04:00: at eight
        ("Europe/London", AT),
    ],
)
def test_mail_is_sent_in_the_readers_morning(clock, zone, at):
    assert in_the_morning(UserFactory(time_zone=zone)) == at


def test_many_are_told_a_batch_at_a_time(clock, monkeypatch):
    monkeypatch.setattr(expiring, "AT_ONCE", 2)
    for _person in range(3):
        ending_in(30)

    assert [tell_some(), tell_some()] == [True, False]
    assert notices() == ["30"] * 3


def test_asking_who_is_to_be_told_takes_as_many_queries_for_three_as_for_one(clock):
    manager = MemberFactory(is_manager=True)
    edition = EditionFactory()

    def add(count):
        for member in MemberFactory.create_batch(count, reseller=manager.reseller):
            enrolment = EnrolmentFactory(
                member=member,
                edition=edition,
                completed=True,
                completed_at=now() - timedelta(days=365),
                valid_until=now().date() + timedelta(days=30),
                source=Source.MANAGER,
            )
            CertificateFactory(enrolment=enrolment)
        tell_some()
        with CaptureQueriesContext(connection) as queries:
            tell_some()
        return len(queries)

    assert add(1) == add(2)


def test_clock_asks_the_worker_once(clock):
    carry_on()
    carry_on()

    asked = DBTaskResult.objects.filter(task_path=tasks.tell_of_ends.module_path)
    assert asked.count() == 1


@pytest.mark.races
@pytest.mark.django_db(transaction=True)
def test_two_workers_tell_each_once(run_at_once):
    for _person in range(3):
        ending_in(30)

    answers = run_at_once(tell_some, tell_some)
    tell_some()

    assert not [each for each in answers if isinstance(each, Exception)]
    assert notices() == ["30"] * 3
