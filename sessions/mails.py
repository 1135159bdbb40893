"""What the two sides of a call are told by mail, each in their own zone."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import prefetch_related_objects
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import override

from content.contact import channel_team
from lms.mail.outbox import File, Mail, drop, queue, queue_together
from sessions.calendar_files import calendar_file, page_url
from sessions.models import Booking, BookingTopic, Dispute, Origin
from sessions.reminders import begins_soon
from sessions.room_kinds import room_of, where_words
from sessions.slots import free_slots

if TYPE_CHECKING:
    from lms.people.models import User

OFFERED = 3
STANDING = ("booked", "moved", "handed_over", "given_up")  # mail on where a call stands


def tell_booked(booking: Booking) -> None:
    """Confirm a call to both sides, with a file for their calendar."""
    words = {"begins_soon": begins_soon(booking)}
    queue_together(_mail(booking, "booked", person, words) for person in _both(booking))


def tell_cancelled(booking: Booking, *, is_covered: bool = False) -> None:
    """Tell both sides that a call is off; the file takes it out of their calendar.

    Of one that `is_covered` nothing is left: no other time is offered.
    """
    for person in _both(booking):
        _tell(booking, "cancelled", person, {"is_covered": is_covered})


def tell_moved(booking: Booking, was: Booking, *, by: User) -> None:
    """Tell both when a call is now and when it `was`; and whom it left, if anybody."""
    words = {"was": was, "by": by, "begins_soon": begins_soon(booking)}
    _tell(booking, "moved", booking.trainee, words)
    if was.trainer_id == booking.trainer_id:
        _tell(booking, "moved", booking.trainer.user, words)
    else:
        _tell(booking, "booked", booking.trainer.user, words)
        _tell_given_up(booking, was)


def tell_handed_over(booking: Booking, was: Booking) -> None:
    """Tell the trainee and the new trainer who holds the call, and whom it left."""
    words = {"was": was, "begins_soon": begins_soon(booking)}
    _tell(booking, "handed_over", booking.trainee, words)
    _tell(booking, "handed_over", booking.trainer.user, words)
    _tell_given_up(booking, was)


def _tell_given_up(booking: Booking, was: Booking) -> None:
    """Take a call out of the calendar of the trainer whose it was."""
    gone = copy(was)
    gone.sequence = booking.sequence
    words = {"new_trainer": booking.trainer.user}
    _tell(gone, "given_up", was.trainer.user, words, method="CANCEL")


def tell_choose_again(booking: Booking) -> None:
    """Ask the trainee, once, to choose another time; the trainer hears that it is off."""
    _tell(
        booking,
        "choose_again",
        booking.trainee,
        {"times": times_to_choose(booking)},
    )
    _tell(booking, "cancelled", booking.trainer.user)


def tell_where(booking: Booking, *, by: User) -> None:
    """Tell the other side where a call is held now, unless it is right now.

    While the room is open its page, and the call's, say so to whoever is there.
    """
    if now() >= booking.opens_at:
        return
    trainer = booking.trainer.user
    other = trainer if by.pk == booking.trainee_id else booking.trainee
    words = {"no_link": other == trainer and not room_of(booking).url(booking)}
    drop(f"call:{booking.pk}:where:", to=other)
    at = now().isoformat()
    _tell(booking, "where", other, words, again=at, with_file=False)


def tell_missed(booking: Booking) -> None:
    """Tell whoever did not come; the trainee also gets times to choose from.

    After the trainer's absence these are the soonest, whatever the trainers' notice.
    """
    if booking.missed_by == Origin.TRAINEE:
        _tell_of_missing(booking, "missed_you", booking.trainee, any_notice=False)
        return
    _tell_of_missing(booking, "missed_by_us", booking.trainee, any_notice=True)
    _tell_of_missing(booking, "missed_by_you", booking.trainer.user, any_notice=None)


def _tell_of_missing(
    booking: Booking, what: str, person: User, *, any_notice: bool | None
) -> None:
    offered = (
        times_to_choose(booking, any_notice=any_notice)
        if any_notice is not None
        else []
    )
    at = (booking.ended_at or now()).isoformat()
    _tell(booking, what, person, {"times": offered}, again=at, with_file=False)


def tell_came(booking: Booking, missed_at: datetime, *, to: User) -> None:
    """Tell the one who waited that the other came after all.

    What was not sent yet of the call missed is no longer true.
    """
    for what in ("missed_you", "missed_by_us", "missed_by_you"):
        drop(f"call:{booking.pk}:{what}:")
    _tell(booking, "came", to, again=missed_at.isoformat(), with_file=False)


def tell_disputed(dispute: Dispute) -> None:
    """Ask the channel team to look at what happened, with who came when."""
    booking = dispute.booking
    for number, to in enumerate(channel_team()):
        queue(
            f"call:{booking.pk}:disputed:{number}",
            to,
            "sessions/email/disputed.txt",
            {"booking": booking, "dispute": dispute},
        )


def tell_settled(dispute: Dispute) -> None:
    """Tell both sides what the channel team found."""
    for person in _both(dispute.booking):
        _tell(dispute.booking, "settled", person, {"dispute": dispute}, with_file=False)


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


def tell_corrected(
    booking: Booking, topic: BookingTopic, *, why: str, annuls: bool
) -> None:
    """Tell the trainee that a topic was signed off by mistake, and what to do."""
    words = {"topic": topic, "why": why, "annuls": annuls}
    _tell(
        booking,
        "corrected",
        booking.trainee,
        words,
        again=f"{topic.pk}-{now().isoformat()}",
        with_file=False,
    )


def take_back_signed_off(booking: Booking) -> None:
    """Do not send what is undone."""
    drop(_signed_off_key(booking))


def _signed_off_key(booking: Booking) -> str:
    return f"call:{booking.pk}:signed_off:"


def times_to_choose(
    booking: Booking, *, any_notice: bool = False
) -> list[dict[str, object]]:
    """The soonest free times for the topics of a call, each with the page to book it.

    None where the enrolment is closed: there is nothing to book.
    """
    enrolment = booking.enrolment
    if not enrolment.is_open:
        return []
    agenda = {topic.topic_id for topic in booking.topics.all()}
    topics = [
        topic for topic in enrolment.edition.topics.all() if topic.topic_id in agenda
    ]
    length = booking.ends_at - booking.starts_at
    slots = free_slots(enrolment, length, any_notice=any_notice)
    page = f"{settings.PUBLIC_URL}{reverse('sessions:book', args=[enrolment.pk])}"
    chosen: list[tuple[str, object]] = [("picked", 1)]
    chosen += [("topics", topic.pk) for topic in topics]
    return [
        {
            "starts_at": slot.starts_at,
            "url": f"{page}?"
            + urlencode([*chosen, ("start", f"{slot.starts_at:%Y-%m-%dT%H:%MZ}")]),
        }
        for slot in slots[:OFFERED]
    ]


def _both(booking: Booking) -> tuple[User, User]:
    return booking.trainee, booking.trainer.user


def _tell(
    booking: Booking,
    what: str,
    person: User,
    words: Mapping[str, object] | None = None,
    *,
    method: str = "",
    again: str = "",
    with_file: bool = True,
) -> None:
    """Queue one mail about a call as it now stands: once for each of its sequences.

    `again` tells apart what may happen twice at one sequence.
    """
    queue_together(
        [
            _mail(
                booking,
                what,
                person,
                words,
                method=method,
                again=again,
                with_file=with_file,
            )
        ]
    )


def _mail(
    booking: Booking,
    what: str,
    person: User,
    words: Mapping[str, object] | None = None,
    *,
    method: str = "",
    again: str = "",
    with_file: bool = True,
) -> Mail:
    """Write it, and drop what was to be said before."""
    prefetch_related_objects([booking], "topics")  # for the words and the file
    if with_file:
        _drop_older(booking, person)
    files: list[File] = []
    if with_file:
        with override(person.language):
            files.append(calendar_file(booking, person, method))
    return Mail(
        f"call:{booking.pk}:{what}:{again or booking.sequence}:{person.pk}",
        person,
        f"sessions/email/{what}.txt",
        {**_words(booking, person), **(words or {})},
        files,
    )


def _drop_older(booking: Booking, person: User) -> None:
    """Do not send what this mail makes untrue: a retry never comes after it.

    Its calendar file is the newest, so who missed the older ones misses nothing.
    """
    if booking.sequence:  # else nothing was said before
        older = [f"call:{booking.pk}:{what}:" for what in STANDING]
        drop(*older, to=person)


def _words(booking: Booking, person: User) -> dict[str, object]:
    is_trainer = person.pk == booking.trainer.user_id
    return {
        "booking": booking,
        "is_trainer": is_trainer,
        "other": booking.trainee if is_trainer else booking.trainer.user,
        "topics": list(booking.topics.all()),
        "page_url": page_url(booking),
        **where_words(booking),
    }
