"""Reminders of a call: a day and an hour before, to each of the two.

Rows of the outbox that wait. A call that changes takes them back and writes new ones.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.utils.timezone import now

from lms.mail.outbox import drop, queue
from sessions.calendar_files import page_url
from sessions.models import Booking

if TYPE_CHECKING:
    from lms.people.models import User

HOUR = timedelta(hours=1)
QUIET = HOUR  # a day's reminder so soon after the confirmation would say it twice
SOON = HOUR + timedelta(minutes=5)  # then the confirmation itself says so


def begins_soon(booking: Booking) -> bool:
    """Tell whether a call begins so soon that nobody is reminded of it any more."""
    return booking.starts_at - now() <= SOON


def remind(booking: Booking) -> None:
    """Remind both of a booked call, which is not written twice.

    Each a day before, on their own clock, and an hour before. What would come right
    after the mail that says the call is booked or moved is left out. Whoever changes
    a call forgets the old ones first.
    """
    an_hour_before = booking.starts_at - HOUR
    for person in (booking.trainee, booking.trainer.user):
        a_day_before = day_before(booking.starts_at, person)
        if a_day_before - now() > QUIET:
            _queue(booking, person, "day", a_day_before, until=an_hour_before)
        if not begins_soon(booking):
            _queue(booking, person, "hour", an_hour_before, until=booking.starts_at)


def day_before(at: datetime, person: User) -> datetime:
    """The same time of day the day before on their clock, whatever it does between."""
    return (at.astimezone(person.zone) - timedelta(days=1)).astimezone(at.tzinfo)


def forget(booking: Booking) -> None:
    """Take back the reminders that have not left."""
    drop(_key(booking))


def _key(booking: Booking) -> str:
    return f"call:{booking.pk}:reminder:"


def _queue(
    booking: Booking, person: User, which: str, at: datetime, *, until: datetime
) -> None:
    is_trainer = person.pk == booking.trainer.user_id
    queue(
        f"{_key(booking)}{which}:{booking.sequence}:{person.pk}",
        person,
        "sessions/email/reminder.txt",
        {
            "booking": booking,
            "is_trainer": is_trainer,
            "other": booking.trainee if is_trainer else booking.trainer.user,
            "topics": list(booking.topics.all()),
            "page_url": page_url(booking),
            "in_an_hour": which == "hour",
        },
        send_after=at,
        expires_at=until,
    )
