"""Reminders of a call: a day and an hour before, to each of the two.

Rows of the outbox that wait, and are written as they leave. A call that changes takes
them back and queues new ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.utils.timezone import now

from lms.mail.kinds import CALL_REMINDER
from lms.mail.models import Message
from lms.mail.outbox import Later, Words, add_writer, drop, queue_later, words_of
from sessions.calendar_files import page_url
from sessions.last_call import name_to_ask_in
from sessions.models import Booking, BookingState
from sessions.room_kinds import where_words

if TYPE_CHECKING:
    from lms.people.models import User

WRITER = "call reminder"
HOUR = timedelta(hours=1)
QUIET = HOUR  # a day's reminder so soon after the confirmation would say it twice
SOON = HOUR + timedelta(minutes=5)  # then the confirmation itself says so


def begins_soon(booking: Booking) -> bool:
    """Tell whether a call begins so soon that nobody is reminded of it any more."""
    return booking.starts_at - now() <= SOON


def remind(booking: Booking) -> None:
    """Remind both of a booked call, which is not queued twice; one query.

    Each a day before, on their own clock, and an hour before. What would come right
    after the mail that says the call is booked or moved is left out. Whoever changes
    a call forgets the old ones first.
    """
    queue_later(
        WRITER,
        [
            one
            for person in (booking.trainee, booking.trainer.user)
            for one in _of(booking, person)
        ],
        kind=CALL_REMINDER,
    )


def _of(booking: Booking, person: User) -> Iterator[Later]:
    a_day_before = day_before(booking.starts_at, person)
    an_hour_before = booking.starts_at - HOUR
    if a_day_before - now() > QUIET:
        key = _key(booking, "day", person)
        yield Later(key, person, a_day_before, an_hour_before)
    if not begins_soon(booking):
        key = _key(booking, "hour", person)
        yield Later(key, person, an_hour_before, booking.starts_at)


def day_before(at: datetime, person: User) -> datetime:
    """The same time of day the day before on their clock, whatever it does between."""
    return (at.astimezone(person.zone) - timedelta(days=1)).astimezone(at.tzinfo)


def forget(booking: Booking) -> None:
    """Take back the reminders that have not left."""
    drop(_prefix(booking))


def _prefix(booking: Booking) -> str:
    return f"call:{booking.pk}:reminder:"


def _key(booking: Booking, which: str, person: User) -> str:
    return f"{_prefix(booking)}{which}:{booking.sequence}:{person.pk}"


def write(message: Message) -> Words | None:
    """Write a reminder as it leaves; None for a call that is no longer so."""
    person = message.recipient
    _call, pk, _reminder, which, sequence, _person = message.key.split(":")
    booking = (
        Booking.objects.select_related("trainee", "trainer__user", "enrolment__edition")
        .filter(pk=pk, sequence=sequence, state=BookingState.BOOKED)
        .first()
    )
    if booking is None or person is None or not booking.has_party(person):
        return None
    is_trainer = person.pk == booking.trainer.user_id
    words = {
        "booking": booking,
        "other": booking.trainee if is_trainer else booking.trainer.user,
        "topics": booking.topics.all(),
        "page_url": page_url(booking),
        **where_words(booking),
        "in_an_hour": which == "hour",
        "is_trainer": is_trainer,
        "name_to_confirm": name_to_ask_in(booking),
    }
    return words_of("sessions/email/reminder.txt", words, person)


add_writer(WRITER, write)
