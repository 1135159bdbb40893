"""Asking people to book their call: a link, as a nudge of which there is one in three days."""

from __future__ import annotations

from django.conf import settings
from django.db.models import Exists, OuterRef
from django.urls import reverse

from courses.models import Enrolment, EnrolmentQuerySet
from lms.mail.kinds import REMINDER
from lms.mail.models import Message
from lms.mail.outbox import Words, add_writer, words_of
from lms.people.models import User
from lms.people.nudging import Ask, Nudged, nudge, nudge_of
from sessions.models import Booking, BookingState

WRITER = "booking link"


def send_booking_link(enrolments: EnrolmentQuerySet, *, by: User) -> Nudged:
    """Ask whoever is in these to book their call; see `nudge`.

    Who is done, or has a call booked, is left out; two queries beside the nudge's.
    """
    columns = ("member__user", "member", "pk")
    people = set(enrolments.order_by().values_list("member__user", flat=True))
    rows = _to_book(enrolments).order_by().values_list(*columns)
    asked = [Ask(*row) for row in rows]
    done = people - {each.person for each in asked} - {by.pk}
    return nudge(asked, REMINDER, writer=WRITER, by=by) + Nudged(done=len(done))


def _to_book(enrolments: EnrolmentQuerySet) -> EnrolmentQuerySet:
    booked = Booking.objects.filter(enrolment=OuterRef("pk"), state=BookingState.BOOKED)
    return enrolments.open().filter(~Exists(booked))


def write(message: Message) -> Words | None:
    """Write it as it leaves; None where there is nothing to book any more."""
    nudge = nudge_of(message)
    if nudge is None or message.recipient is None:
        return None
    own = Enrolment.objects.filter(pk__in=nudge.about, member__user=message.recipient)
    rows = list(_to_book(own).select_related("edition").order_by("due_on", "pk"))
    if not rows:
        return None
    words = {
        "calls": [
            {
                "title": row.edition.title,
                "due_on": row.due_on,
                "url": settings.PUBLIC_URL + reverse("sessions:book", args=[row.pk]),
            }
            for row in rows
        ],
        "by": nudge.by_name,
    }
    return words_of("sessions/email/booking_link.txt", words, message.recipient)


add_writer(WRITER, write)
