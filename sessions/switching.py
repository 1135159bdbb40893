"""Where one call is held: switched to the outside link and back; a guest who comes too."""

from __future__ import annotations

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from lms.audit.log import record
from lms.errors import Refused
from lms.people.models import User
from sessions import mails
from sessions.cancelling import lock_call
from sessions.models import Booking, BookingState, RoomKind
from sessions.room_kinds import link_of, room_of
from sessions.room_links import is_room_url, require_room_url

SOURCE = "Policy 1"
GUEST_LENGTH = 120


# --- The room and the link --------------------------------------------------------


def may_switch(booking: Booking, by: User) -> bool:
    """Tell whether somebody can say now where a call is held.

    Its trainer at any moment until the room closes; its trainee from when it opens,
    and then to a link that is there.
    """
    return _is_ahead(booking) and (
        by.pk == booking.trainer.user_id
        or (by.pk == booking.trainee_id and now() >= booking.opens_at)
    )


def _is_ahead(booking: Booking) -> bool:
    """Whether a call is still to be held, or its room still open."""
    is_held = booking.state in (BookingState.BOOKED, BookingState.DONE)
    return is_held and now() < booking.closes_at


@transaction.atomic
def use_link(booking: Booking, *, by: User, room_url: str = "") -> Booking:
    """Hold a call behind the outside link: the trainer's, or one for it alone.

    Both are led there from then on; the other is told by mail while the room is not
    open yet. Doing it again changes nothing. Raises Refused where there is no link.
    """
    booking = lock_call(booking)
    _require_may_switch(booking, by)
    room_url = room_url.strip()
    require_room_url(room_url)
    if room_url and by.pk != booking.trainer.user_id:
        raise Refused(_("Only the trainer of a call can give it another link."))
    if room_url == booking.trainer.room_url:
        room_url = ""  # follows the trainer's, should it change
    elif not room_url:
        room_url = booking.room_url
    if not is_room_url(room_url or link_of(booking)):
        raise Refused(_("There is no outside link yet: type one for this call."))
    was = (room_of(booking).kind, booking.room_url)
    if was == (RoomKind.LINK, room_url):
        return booking
    _put(booking, RoomKind.LINK, room_url)
    record(by, "switched_to_link", booking, enrolment=booking.enrolment_id)
    mails.tell_where(booking, by=by)
    return booking


@transaction.atomic
def use_room(booking: Booking, *, by: User) -> Booking:
    """Hold a call in the room of this site (again), as `use_link` does the other way.

    By its trainer. Raises Refused while a guest is named: the room holds two.
    """
    booking = lock_call(booking)
    if by.pk != booking.trainer.user_id:
        raise Refused(_("Only the trainer of a call can bring it back to the room."))
    _require_may_switch(booking, by)
    if booking.guest_name:
        raise Refused(
            _("The room holds two, and %(guest)s comes to this call as well.")
            % {"guest": booking.guest_name}
        )
    if room_of(booking).kind == RoomKind.ROOM:
        return booking
    _put(booking, RoomKind.ROOM, "")
    record(by, "switched_to_room", booking, enrolment=booking.enrolment_id)
    mails.tell_where(booking, by=by)
    return booking


def _require_may_switch(booking: Booking, by: User) -> None:
    if not booking.has_party(by):
        raise Refused(_("Only the two of a call can say where it is held."))
    if not _is_ahead(booking):
        raise Refused(_("This call is over."))
    if not may_switch(booking, by):
        raise Refused(_("Until the room opens, your trainer says where the call is."))


def _put(booking: Booking, kind: RoomKind, room_url: str) -> None:
    booking.room_kind = kind
    booking.room_url = room_url
    booking.save(update_fields=["room_kind", "room_url"])


# --- The guest --------------------------------------------------------------------


def may_name_guest(booking: Booking, by: User) -> bool:
    """Tell whether somebody can say who else comes: one of the two, before the call."""
    return (
        booking.has_party(by)
        and booking.state == BookingState.BOOKED
        and now() < booking.starts_at
    )


@transaction.atomic
def name_guest(booking: Booking, *, by: User, name: str, role: str) -> Booking:
    """Say that a third person comes, such as an interpreter; seen by both (Policy 1).

    The call is then behind the outside link, since the room holds two. Saying the
    same again changes nothing.
    """
    booking = lock_call(booking)
    _require_before(booking, by)
    name, role = (" ".join(word.split())[:GUEST_LENGTH] for word in (name, role))
    if not name or not role:
        raise Refused(_("Please give the name of your guest, and what they come for."))
    if (booking.guest_name, booking.guest_role) == (name, role):
        return booking
    booking.guest_name, booking.guest_role = name, role
    booking.save(update_fields=["guest_name", "guest_role"])
    _put(booking, RoomKind.LINK, booking.room_url)
    record(by, "named_guest", booking, enrolment=booking.enrolment_id)
    mails.tell_where(booking, by=by)
    return booking


@transaction.atomic
def drop_guest(booking: Booking, *, by: User) -> Booking:
    """Say that nobody else comes: the call is where its trainer holds calls."""
    booking = lock_call(booking)
    _require_before(booking, by)
    if not booking.guest_name:
        return booking
    booking.guest_name = booking.guest_role = ""
    booking.room_kind = booking.room_url = ""
    booking.save(update_fields=["guest_name", "guest_role", "room_kind", "room_url"])
    record(by, "dropped_guest", booking, enrolment=booking.enrolment_id)
    mails.tell_where(booking, by=by)
    return booking


def _require_before(booking: Booking, by: User) -> None:
    if not booking.has_party(by):
        raise Refused(_("Only the two of a call can say who else comes."))
    if not may_name_guest(booking, by):
        raise Refused(_("This can be said until the call begins."), SOURCE)
