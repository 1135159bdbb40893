"""Reminding people of what is open."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils.timezone import now

from courses.models import Enrolment
from courses.reminding import remind, remind_late
from lms.mail import outbox
from lms.mail.models import Message
from lms.people.models import Member
from lms.people.nudging import Nudged
from tests.factories import EnrolmentFactory, MemberFactory, UserFactory

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock() -> Any:
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


def only(*members: Member) -> Any:
    return Member.objects.filter(pk__in=[member.pk for member in members])


def test_reminder_says_who_asks_what_is_open_and_where(mailoutbox: Any) -> None:
    manager = UserFactory(full_name="Ada Manager")
    member = MemberFactory(user__full_name="Tess Trainee")
    first = EnrolmentFactory(member=member, due_on=date(2026, 12, 3))
    EnrolmentFactory(member=member, completed=True)
    EnrolmentFactory()  # a stranger's

    assert remind(only(member), by=manager) == Nudged(sent=1)
    assert outbox.send_due() == 1

    (mail,) = mailoutbox
    title = first.edition.title
    assert mail.subject == f"Ada Manager reminds you: {title}"
    assert mail.body.splitlines()[:6] == [
        "Hello Tess Trainee,",
        "",
        "Ada Manager asks you to go on with what is open for you:",
        "",
        f"- {title}: 0 of 4 topics, due on 3 December 2026",
        f"  http://localhost:8000{first.programme.url}",
    ]


def test_what_is_done_by_then_is_not_reminded_of(mailoutbox: Any) -> None:
    enrolment = EnrolmentFactory()
    remind(only(enrolment.member), by=UserFactory())
    Enrolment.objects.update(withdrawn_at=now())

    assert outbox.send_due() == 0

    assert mailoutbox == []


def test_who_has_nothing_open_is_not_reminded() -> None:
    done = EnrolmentFactory(completed=True).member

    assert remind(only(done), by=UserFactory()) == Nudged(done=1)

    assert not Message.objects.exists()


@pytest.mark.parametrize(("days", "sent"), [(-1, 1), (0, 0), (1, 0)])
def test_late_is_after_the_due_date(days: int, sent: int) -> None:
    enrolment = EnrolmentFactory(due_on=NOON.date() + timedelta(days=days))

    assert remind_late(only(enrolment.member), by=UserFactory()).sent == sent


def test_only_those_asked_about_are_reminded() -> None:
    late = date(2026, 11, 1)
    own, other = EnrolmentFactory(due_on=late), EnrolmentFactory(due_on=late)

    remind_late(only(own.member), by=UserFactory())

    assert Message.objects.get().recipient == own.member.user
    assert other.member.user.messages.count() == 0


@pytest.mark.parametrize("people", [1, 3])
def test_remind_late_takes_ten_queries(
    django_assert_num_queries: Any, people: int
) -> None:
    rows = EnrolmentFactory.create_batch(people, due_on=date(2026, 11, 1))
    manager = UserFactory()

    with django_assert_num_queries(10):
        remind_late(only(*[row.member for row in rows]), by=manager)
