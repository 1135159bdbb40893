"""Who is told that a due date is near, or has passed."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine

from courses import due_notices
from courses.models import Enrolment
from lms.mail import outbox
from lms.mail.models import Message, Nudge
from lms.people.nudging import Nudged
from tests.factories import (
    EnrolmentFactory,
    MemberFactory,
    NoticeOffFactory,
    NudgeFactory,
)

pytestmark = pytest.mark.django_db
DUE = date(2026, 12, 15)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def clock() -> Any:
    with time_machine.travel(datetime(2026, 11, 1, 12, tzinfo=UTC), tick=False) as it:
        yield it


def at_noon(clock: Any, days: int) -> None:
    """So many days after the due date."""
    clock.move_to(datetime(2026, 12, 15, 12, tzinfo=UTC) + timedelta(days=days))


def enrolment(**fields: Any) -> Enrolment:
    return EnrolmentFactory(**({"due_on": DUE, "enrolled_at": LONG_AGO} | fields))


@pytest.mark.asked_elsewhere  # by its neighbours, on one day each
def test_told_14_and_3_days_before_and_then_once_a_week(
    clock: Any, mailoutbox: Any
) -> None:
    enrolment()

    told = []
    for day in range(-30, 90):
        at_noon(clock, day)
        due_notices.tell()
        due_notices.tell()
        if outbox.send_due():
            told.append(day)

    assert told == [-14, -3, 1, 8, 15, 22, 29, 36, 43, 50]
    assert len(mailoutbox) == 10


def test_words_say_what_is_due_when(clock: Any, mailoutbox: Any) -> None:
    own = enrolment(member__user__full_name="Tess Trainee")
    at_noon(clock, -14)
    due_notices.tell()
    outbox.send_due()
    at_noon(clock, 1)
    due_notices.tell()
    outbox.send_due()

    soon, over = mailoutbox
    title = own.edition.title
    assert soon.subject == f"Due on 15 December 2026: {title}"
    assert f"- {title}: 0 of 4 topics, due on 15 December 2026\n" in soon.body
    assert over.subject == f"Was due on 15 December 2026: {title}"
    assert f"- {title}: 0 of 4 topics, was due on 15 December 2026\n" in over.body


def test_one_mail_for_all_that_is_due(clock: Any, mailoutbox: Any) -> None:
    first = enrolment()
    enrolment(member=first.member, due_on=DUE - timedelta(days=1))
    at_noon(clock, -10)

    assert due_notices.tell() == Nudged(sent=1)
    outbox.send_due()

    (mail,) = mailoutbox
    assert mail.body.count("0 of 4 topics") == 2


@pytest.mark.parametrize("day", [-13, -5, 3, 60])
def test_clock_that_stood_still_sends_one(clock: Any, day: int) -> None:
    enrolment()
    at_noon(clock, day)

    due_notices.tell()

    assert Message.objects.count() == 1


def test_who_was_reminded_lately_is_told_when_that_is_over(clock: Any) -> None:
    own = enrolment()
    at_noon(clock, -15)
    NudgeFactory(member=own.member)

    sent = []
    for day in range(-15, -9):
        at_noon(clock, day)
        if due_notices.tell().sent:
            sent.append(day)

    assert sent == [-12]


def test_who_is_told_the_due_date_on_joining_is_not_told_at_once_again(
    clock: Any,
) -> None:
    at_noon(clock, -10)
    enrolment(enrolled_at=datetime(2026, 12, 4, tzinfo=UTC))

    assert due_notices.tell() == Nudged()
    at_noon(clock, -3)
    assert due_notices.tell() == Nudged(sent=1)


def test_due_date_that_is_moved_is_told_anew(clock: Any) -> None:
    own = enrolment()
    at_noon(clock, 1)
    due_notices.tell()
    Enrolment.objects.filter(pk=own.pk).update(due_on=date(2027, 1, 15))
    clock.move_to(datetime(2027, 1, 1, 12, tzinfo=UTC))

    assert due_notices.tell() == Nudged(sent=1)

    assert list(Nudge.objects.values_list("kind", flat=True)) == ["due-soon", "overdue"]


@pytest.mark.parametrize(
    "fields",
    [
        {"due_on": None},
        {"completed": True},
        {"withdrawn_at": LONG_AGO},
        {"member__left_on": date(2026, 2, 1)},
        {"member__user__is_active": False},
        {"member__reseller__ended_on": date(2026, 2, 1)},
        {"member__away_from_on": date(2026, 12, 1), "member__away_until_on": DUE},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_who_has_nothing_due_is_gone_or_away_is_not_told(
    clock: Any, fields: dict[str, Any]
) -> None:
    enrolment(**fields)
    at_noon(clock, -3)

    assert due_notices.tell() == Nudged()


def test_who_turned_it_off_is_not_asked_about_every_hour(
    clock: Any, django_assert_num_queries: Any
) -> None:
    NoticeOffFactory(person=enrolment().member.user, kind="due-soon")
    at_noon(clock, -3)

    with django_assert_num_queries(2):
        assert due_notices.tell() == Nudged()
    at_noon(clock, 1)
    assert due_notices.tell() == Nudged(sent=1)


@pytest.mark.parametrize("change", [{"due_on": None}, {"withdrawn_at": LONG_AGO}])
def test_what_is_no_longer_due_by_morning_is_not_sent(
    clock: Any, mailoutbox: Any, change: dict[str, Any]
) -> None:
    own = enrolment(member__user__time_zone="Europe/London")
    clock.move_to(datetime(2026, 12, 1, 0, 30, tzinfo=UTC))
    assert due_notices.tell().sent == 1
    assert outbox.send_due() == 0  # not at night

    Enrolment.objects.filter(pk=own.pk).update(**change)
    clock.move_to(datetime(2026, 12, 1, 8, tzinfo=UTC))

    assert outbox.send_due() == 0
    assert mailoutbox == []


@pytest.mark.parametrize("people", [1, 3])
def test_telling_takes_as_many_queries_for_any_number(
    clock: Any, django_assert_num_queries: Any, people: int
) -> None:
    for _ in range(people):
        enrolment()
    enrolment(member=MemberFactory(), due_on=None)
    at_noon(clock, -3)

    with django_assert_num_queries(11):
        assert due_notices.tell().sent == people
