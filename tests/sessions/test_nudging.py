"""Asking people to book their call."""

from datetime import date
from typing import Any

import pytest
from django.utils.timezone import now

from courses.models import Enrolment
from lms.mail import outbox
from lms.mail.models import Nudge
from lms.people.nudging import Nudged
from sessions.models import BookingState
from sessions.nudging import send_booking_link
from tests.factories import (
    BookingFactory,
    EnrolmentFactory,
    NudgeFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


def only(*rows: Enrolment) -> Any:
    return Enrolment.objects.filter(pk__in=[row.pk for row in rows])


def test_link_leads_to_the_page_that_books(mailoutbox: Any) -> None:
    own = EnrolmentFactory(due_on=date(2030, 1, 2))
    EnrolmentFactory()  # a stranger's
    manager = UserFactory(full_name="Ada Manager")

    assert send_booking_link(only(own), by=manager) == Nudged(sent=1)
    assert outbox.send_due() == 1

    (mail,) = mailoutbox
    title = own.edition.title
    assert mail.to == [own.member.user.email]
    assert mail.subject == f"Book your call: {title}"
    assert (
        f"- {title}, due on 2 January 2030\n"
        f"  http://localhost:8000/calls/book/{own.pk}/\n"
    ) in mail.body
    assert "Ada Manager asks you to book your call" in mail.body


def test_two_programmes_make_one_mail(mailoutbox: Any) -> None:
    first = EnrolmentFactory()
    second = EnrolmentFactory(member=first.member)

    assert send_booking_link(only(first, second), by=UserFactory()) == Nudged(sent=1)
    outbox.send_due()

    assert mailoutbox[0].subject == "Book your calls: 2 programmes"


def test_who_has_a_call_or_is_done_is_not_asked() -> None:
    booked = BookingFactory().enrolment
    done = EnrolmentFactory(completed=True)
    cancelled = BookingFactory(state=BookingState.CANCELLED, topics=[]).enrolment

    result = send_booking_link(only(booked, done, cancelled), by=UserFactory())

    assert result == Nudged(sent=1, done=2)
    assert Nudge.objects.get().person == cancelled.member.user


def test_who_was_reminded_lately_is_not_asked() -> None:
    own = EnrolmentFactory()
    NudgeFactory(member=own.member)

    assert send_booking_link(only(own), by=UserFactory()).lately == 1


@pytest.mark.parametrize("how", ["books", "is taken out"])
def test_what_is_over_by_then_is_not_sent(mailoutbox: Any, how: str) -> None:
    own = EnrolmentFactory()
    send_booking_link(only(own), by=UserFactory())

    if how == "books":
        BookingFactory(enrolment=own)
    else:
        Enrolment.objects.update(withdrawn_at=now())

    assert outbox.send_due() == 0
    assert mailoutbox == []
