"""Calls that are over, and of which nobody has said what they covered (Policy 1).

They wait: the outcome is a person's word, never the clock's. Their trainer is reminded;
after three days others may say it, from attendance, ticks and notes.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils.timezone import now

from content.contact import channel_team
from lms.mail.kinds import UNSIGNED
from lms.mail.models import Message
from lms.mail.outbox import (
    Later,
    Words,
    add_writer,
    drop,
    leave_out,
    queue,
    queue_later,
    words_of,
)
from lms.people.models import User
from sessions.calendar_files import page_url
from sessions.models import (
    OTHERS_SIGN_AFTER,
    Booking,
    BookingQuerySet,
    BookingState,
    Trainer,
)

WRITER = "call unsigned"
REMIND_AFTER = (timedelta(hours=4), timedelta(hours=24))  # each once
LAST = len(REMIND_AFTER) - 1
TOLD_WITHIN = timedelta(days=14)  # of others being free to say it


# --- Who may say it ----------------------------------------------------------------


def others_may_from(booking: Booking) -> datetime:
    """From when on somebody else may sign a call off that nobody has signed off."""
    return booking.ends_at + OTHERS_SIGN_AFTER


def may_take_back(booking: Booking, by: User) -> bool:
    """Tell whether a sign-off is somebody's to take back, now or later; no query.

    Its trainer's, whoever gave it, and the channel team's; never the trainee's.
    """
    is_own = by.pk in (booking.trainer.user_id, booking.signed_off_by_id)
    return (is_own or by.may_change_people) and by.pk != booking.trainee_id


def may_sign(booking: Booking, by: User) -> bool:
    """Tell whether somebody may say what a call covered, or take back what was said.

    Its trainer. Once it has waited for three days, any trainer qualified for its
    programme and the channel team too; these at once where its trainer holds no calls
    any more. Whoever said it may take it back. At most two queries, for trainers.
    """
    if booking.state == BookingState.DONE or by.pk == booking.trainee_id:
        return may_take_back(booking, by)
    if by.pk in (booking.trainer.user_id, booking.signed_off_by_id):
        return True
    if now() >= others_may_from(booking):
        return by.may_change_people or _is_qualified(booking, by)
    is_gone = not (booking.trainer.is_active and booking.trainer.user.is_active)
    return is_gone and by.may_change_people


def _is_qualified(booking: Booking, by: User) -> bool:
    trainer = getattr(by, "trainer", None)
    return (
        trainer is not None
        and trainer.is_active
        and trainer.programmes.filter(pk=booking.enrolment.programme_id).exists()
    )


def is_for_another(booking: Booking, by: User) -> bool:
    """Whether somebody signs, or signed, a call off that they did not hold."""
    return by.pk != booking.trainer.user_id


# --- What waits ----------------------------------------------------------------------


def unsigned(at: datetime | None = None) -> BookingQuerySet:
    """Calls that are over and wait for a word, the oldest first."""
    over = Booking.objects.filter(state=BookingState.BOOKED, ends_at__lte=at or now())
    return over.order_by("ends_at", "pk")


def left_to(trainer: Trainer) -> BookingQuerySet:
    """Colleagues' calls that a trainer may sign off by now, the oldest first."""
    return (
        Booking.objects.left_unsigned()
        .filter(enrolment__programme__in=trainer.programmes.values("pk"))
        .exclude(trainer=trainer)
        .exclude(trainee=trainer.user_id)
        .order_by("ends_at", "pk")
    )


def remind_unsigned() -> int:
    """Remind trainers of what they have not signed off; return of how many calls.

    Four hours after the end and a day after it, each once, until others may. For the
    clock: safe to repeat, one query where nothing waits, two where all are reminded.
    """
    at = now()
    waiting = unsigned(at - REMIND_AFTER[0]).filter(ends_at__gt=at - OTHERS_SIGN_AFTER)
    mails = [_reminder(call, at) for call in waiting.select_related("trainer__user")]
    known = Message.objects.filter(key__in=[mail.key for mail in mails])
    said = set(known.values_list("key", flat=True)) if mails else set()
    new = [mail for mail in mails if mail.key not in said and mail.to.is_active]
    if new:
        queue_later(WRITER, new, kind=UNSIGNED)
    return len(new)


def _reminder(call: Booking, at: datetime) -> Later:
    """The last that is due: of one that was slept through nobody hears."""
    step = max(i for i, wait in enumerate(REMIND_AFTER) if call.ends_at + wait <= at)
    until = REMIND_AFTER[step + 1] if step < LAST else OTHERS_SIGN_AFTER
    hours = REMIND_AFTER[step] // timedelta(hours=1)
    key = f"{_prefix(call)}{hours}:{call.trainer.user_id}"
    return Later(key, call.trainer.user, at, call.ends_at + until)


def tell_left_unsigned() -> int:
    """Tell of what nobody has signed off for three days; return of how many calls.

    The trainer and the channel team learn once what may be done by now. For the clock:
    safe to repeat, one query where nothing waits, two where all is told.
    """
    at = now()
    waiting = (
        Booking.objects.left_unsigned()
        .filter(ends_at__gt=at - OTHERS_SIGN_AFTER - TOLD_WITHIN)
        .select_related("trainee", "trainer__user", "enrolment__edition")
        .order_by("ends_at", "pk")
    )
    calls = {_left_key(call, call.trainer.user): call for call in waiting}
    known = Message.objects.filter(key__in=list(calls)) if calls else ()
    told = {message.key for message in known}
    for key, call in calls.items():
        if key not in told:
            _tell_left(call)
    return len(calls) - len(told)


@transaction.atomic
def _tell_left(call: Booking) -> None:
    words = {"booking": call, "page_url": f"{page_url(call)}sign-off/"}
    trainer = call.trainer.user
    for to in channel_team():
        if to != trainer:
            key = _left_key(call, to)
            queue(key, to, "sessions/email/left_unsigned_team.txt", words)
    if trainer.is_active:
        queue(
            _left_key(call, trainer), trainer, "sessions/email/left_unsigned.txt", words
        )
    else:  # nobody reads it there, and nobody is told again
        leave_out(_left_key(call, trainer), trainer, UNSIGNED)


def _left_key(call: Booking, to: User | str) -> str:
    return f"{_prefix(call)}left:{to if isinstance(to, str) else to.pk}"


def forget_unsigned(booking: Booking) -> None:
    """Take back what was not sent: it has been said what the call covered."""
    drop(_prefix(booking))


def _prefix(booking: Booking) -> str:
    return f"call:{booking.pk}:unsigned:"


def write(message: Message) -> Words | None:
    """Write a reminder as it leaves; None where it is signed off by then."""
    person, (_call, pk, _unsigned, hours, _person) = (
        message.recipient,
        message.key.split(":"),
    )
    calls = unsigned().select_related("trainee", "trainer__user", "enrolment__edition")
    booking = calls.filter(pk=pk).first()
    if booking is None or person is None or person.pk != booking.trainer.user_id:
        return None
    words = {
        "booking": booking,
        "other": booking.trainee,
        "topics": booking.topics.all(),
        "page_url": f"{page_url(booking)}sign-off/",
        "is_last": int(hours) == REMIND_AFTER[LAST] // timedelta(hours=1),
        "others_from": others_may_from(booking),
    }
    return words_of("sessions/email/unsigned.txt", words, person)


add_writer(WRITER, write)
