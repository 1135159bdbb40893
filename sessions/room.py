"""The way into a call: which state its join button is in, and who came."""

from __future__ import annotations

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
from sessions.trainers import require_room_url

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
    """Tell whether the room is open at the instant (now)."""
    at = at or now()
    return (
        booking.state == BookingState.BOOKED
        and booking.opens_at <= at < booking.closes_at
    )


def join_button(booking: Booking, user: User) -> Join:
    """What the button of one of the two says now. No query."""
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
    return _open(booking, user)


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


def _open(booking: Booking, user: User) -> Join:
    is_trainee = user.pk == booking.trainee_id
    mine, theirs = booking.trainee_joined_at, booking.trainer_joined_at
    other = booking.trainer.user
    if not is_trainee:
        mine, theirs, other = theirs, mine, booking.trainee
    if not booking.trainer.room_url:
        return Join(
            _("Join"),
            hint=_no_link(),
            changes=True,
        )
    return Join(
        _("Rejoin") if mine else _("Join"),
        reverse("sessions:join", args=[booking.ref]),
        enabled=True,
        hint=_("%(name)s is here.") % {"name": other} if theirs else "",
        live=theirs is not None,
        changes=True,
    )


def _missed(booking: Booking, user: User) -> Join:
    if may_still_come(booking, user) and booking.trainer.room_url:
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
        hint=_("Your trainer still has to say what was covered."),
    )


def _no_link() -> str:
    return _("There is no link to the room yet: please ask the training team.")


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

    The first time counts. A call they were said to have missed is booked again.
    Raises Refused while the room is closed or has no link.
    """
    if booking.state == BookingState.MISSED and booking.trainer.room_url:
        take_back_missed(booking, by=user)
    booking = (
        Booking.objects.select_for_update(of=("self",), no_key=True)
        .select_related("trainer")
        .get(pk=booking.pk)
    )
    if not booking.has_party(user) or not is_open(booking):
        raise Refused(_("This room is not open now."))
    require_room_url(booking.trainer.room_url)
    if not booking.trainer.room_url:
        raise Refused(_no_link())
    side = "trainee" if user.pk == booking.trainee_id else "trainer"
    field = f"{side}_joined_at"
    if getattr(booking, field) is None:
        setattr(booking, field, now())
        booking.save(update_fields=[field])
        record(user, "joined", booking, side=side)
    return booking.trainer.room_url
