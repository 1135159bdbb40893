"""What the two sides of a call are told by mail, each in their own zone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.timezone import now
from django.utils.translation import override

from lms.mail.outbox import drop, queue
from sessions.calendar_files import calendar_file, page_url
from sessions.models import Booking

if TYPE_CHECKING:
    from lms.people.models import User


def tell_booked(booking: Booking) -> None:
    """Confirm a call to both sides, with a file for their calendar."""
    _tell(booking, "booked")


def tell_cancelled(booking: Booking) -> None:
    """Tell both sides that a call is off; the file takes it out of their calendar."""
    _tell(booking, "cancelled")


def tell_signed_off(booking: Booking) -> None:
    """Send the trainee what was covered, once it can no longer be undone."""
    signed_at = booking.signed_off_at or now()
    queue(
        f"{_signed_off_key(booking)}{signed_at.isoformat()}",
        booking.trainee,
        "sessions/email/signed_off.txt",
        _words(booking, booking.trainee),
        send_after=signed_at + settings.SIGN_OFF_UNDO,
    )


def take_back_signed_off(booking: Booking) -> None:
    """Do not send what is undone."""
    drop(_signed_off_key(booking))


def _signed_off_key(booking: Booking) -> str:
    return f"call:{booking.pk}:signed_off:"


def _tell(booking: Booking, what: str) -> None:
    for person in (booking.trainee, booking.trainer.user):
        with override(person.language):
            file = calendar_file(booking, person)
        queue(
            f"call:{booking.pk}:{what}:{booking.sequence}:{person.pk}",
            person,
            f"sessions/email/{what}.txt",
            _words(booking, person),
            files=[file],
        )


def _words(booking: Booking, person: User) -> dict[str, object]:
    is_trainer = person.pk == booking.trainer.user_id
    return {
        "booking": booking,
        "is_trainer": is_trainer,
        "other": booking.trainee if is_trainer else booking.trainer.user,
        "topics": list(booking.topics.all()),
        "page_url": page_url(booking),
    }
