"""The way into a call: which state its join button is in, and who came."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _

from lms.audit.log import record
from lms.errors import Refused
from lms.mail import times
from sessions.missing import may_still_come, take_back_missed
from sessions.models import Booking, BookingState
from sessions.room_kinds import room_of

if TYPE_CHECKING:
    from lms.people.models import User


@dataclass(frozen=True)
class Join:
    """The join button: a word, where it leads, whether it does so now."""

    word: str
    url: str = ""
    enabled: bool = False
    hint: str = ""
    live: bool = False
    changes: bool = False  # soon to be another: the page asks again by itself


def is_open(booking: Booking, at: datetime | None = None) -> bool:
    """Tell whether the room is open at the instant (now).

    A sign-off does not close it: the two may be talking.
    """
    at = at or now()
    return (
        booking.state in (BookingState.BOOKED, BookingState.DONE)
        and booking.opens_at <= at < booking.closes_at
    )


def join_button(
    booking: Booking, user: User, there: Collection[tuple[int, int]] = ()
) -> Join:
    """What the button of one of the two says now. No query.

    `there` are keys of calls and of people who are in their rooms (`presence.here`).
    """
    page = booking.get_absolute_url()
    if booking.state == BookingState.DONE:
        return Join(_("Ended: what was covered"), f"{page}#covered")
    if booking.state == BookingState.MISSED:
        return _missed(booking, user)
    if booking.state != BookingState.BOOKED:
        return Join(booking.get_state_display())
    if now() < booking.opens_at:
        return _not_yet(booking, user)
    if now() >= booking.closes_at:
        return _over(booking, user)
    return _open(booking, user, there)


def _not_yet(booking: Booking, user: User) -> Join:
    same_day = times.day(booking.opens_at, user.time_zone) == times.day(
        now(), user.time_zone
    )
    opens = (
        times.clock(booking.opens_at, user.time_zone)
        if same_day
        else times.moment(booking.opens_at, user.time_zone)
    )
    return Join(
        _("Opens at %(time)s") % {"time": opens},
        hint=_("Nothing to install before: the way in is here, on this page."),
        changes=same_day,
    )


def _open(booking: Booking, user: User, there: Collection[tuple[int, int]]) -> Join:
    is_trainee = user.pk == booking.trainee_id
    mine = booking.trainee_joined_at if is_trainee else booking.trainer_joined_at
    room = room_of(booking)
    if not room.url(booking):
        return Join(_("Join"), hint=room.missing(), changes=True)
    is_here, hint = _other_side(booking, user, there)
    return Join(
        _("Rejoin") if mine else _("Join"),
        reverse("sessions:join", args=[booking.ref]),
        enabled=True,
        hint=hint,
        live=is_here,
        changes=True,
    )


def _other_side(
    booking: Booking, user: User, there: Collection[tuple[int, int]]
) -> tuple[bool, str]:
    """Whether the other is in the room now, and what is known of them in words.

    Of an outside link nobody knows who is there, only who went on to it, and when.
    """
    is_trainee = user.pk == booking.trainee_id
    other = booking.trainer.user if is_trainee else booking.trainee
    if room_of(booking).is_ours:
        if (booking.pk, other.pk) not in there:
            return False, ""
        return True, _("%(name)s is here.") % {"name": other}
    linked = booking.trainer_linked_at if is_trainee else booking.trainee_linked_at
    if linked is None:
        return False, ""
    words = {"name": other, "time": times.clock(linked, user.time_zone)}
    return False, _("%(name)s went on to the link at %(time)s.") % words


def _missed(booking: Booking, user: User) -> Join:
    if may_still_come(booking, user) and room_of(booking).url(booking):
        return Join(
            _("Join"),
            reverse("sessions:join", args=[booking.ref]),
            enabled=True,
            hint=_("You can still come."),
            changes=True,
        )
    if user.pk == booking.trainee_id:
        return Join(_("Missed: choose another time"), _book_url(booking))
    return Join(_("Missed"))


def _over(booking: Booking, user: User) -> Join:
    if user.pk == booking.trainer.user_id:
        return Join(
            _("Ended: sign it off"), reverse("sessions:sign_off", args=[booking.ref])
        )
    return Join(
        _("Ended"),
        hint=_("Waiting for %(trainer)s’s sign-off.") % {"trainer": booking.trainer},
    )


def _book_url(booking: Booking) -> str:
    return reverse("sessions:book", args=[booking.enrolment_id])


def may_enter(booking: Booking, user: User) -> bool:
    """Tell whether the room is open to one of the two, late as they may be."""
    return booking.has_party(user) and (
        is_open(booking) or may_still_come(booking, user)
    )


@transaction.atomic
def enter(booking: Booking, user: User) -> str:
    """Note that one of the two came, and return the address of the room.

    The first time counts, and the last at which they went on to a link. A call they
    were said to have missed is booked again. Raises Refused while the room is closed
    or has no link.
    """
    if booking.state == BookingState.MISSED and room_of(booking).url(booking):
        take_back_missed(booking, by=user)
    booking = (
        Booking.objects.select_for_update(of=("self",), no_key=True)
        .select_related("trainer")
        .get(pk=booking.pk)
    )
    if not booking.has_party(user) or not is_open(booking):
        raise Refused(_("This room is not open now."))
    room = room_of(booking)
    if not (url := room.url(booking)):
        raise Refused(room.missing())
    note_came(booking, user, by_link=not room.is_ours)
    return url


def note_came(booking: Booking, user: User, *, by_link: bool = False) -> None:
    """Write down when one of the two first came, and last went on to a link.

    The caller has locked the call.
    """
    side = "trainee" if user.pk == booking.trainee_id else "trainer"
    noted = [f"{side}_linked_at"] if by_link else []
    if is_first := getattr(booking, f"{side}_joined_at") is None:
        noted.append(f"{side}_joined_at")
    for field in noted:
        setattr(booking, field, now())
    if noted:
        booking.save(update_fields=noted)
    if is_first:
        record(user, "joined", booking, side=side)
