"""Kinds of room: that of this site, and a link to somewhere outside.

Each answers the same few questions of a call; another kind is another class here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from sessions.models import RoomKind
from sessions.room_links import is_room_url

if TYPE_CHECKING:
    from sessions.models import Booking


class Room(Protocol):
    """A kind of room."""

    kind: RoomKind
    is_ours: bool  # who is in it is known here; it holds two and nobody else

    def url(self, booking: Booking) -> str:
        """Where one of the two is led; nothing while there is nowhere."""

    def missing(self) -> str:
        """What is said where there is nowhere."""

    def where(self) -> str:
        """Say in mail and on pages where the call is."""


class OwnRoom:
    """The room of this site: two browsers, and nothing to install."""

    kind = RoomKind.ROOM
    is_ours = True

    def url(self, booking: Booking) -> str:
        return reverse("sessions:room", args=[booking.ref])

    def missing(self) -> str:
        return ""

    def where(self) -> str:
        return _("In the room on this site, in your browser: nothing to install.")


class OutsideLink:
    """A link to Zoom, Teams, Meet or another: the call's own, else the trainer's."""

    kind = RoomKind.LINK
    is_ours = False

    def url(self, booking: Booking) -> str:
        url = link_of(booking)
        return url if is_room_url(url) else ""

    def missing(self) -> str:
        return _("There is no link to the room yet: please ask the training team.")

    def where(self) -> str:
        return _("Outside this site: the call’s page leads there.")


ROOMS: dict[RoomKind, Room] = {room.kind: room for room in (OwnRoom(), OutsideLink())}


def room_of(booking: Booking) -> Room:
    """The room in which a call is held: its own choice, else the trainer's."""
    return ROOMS[RoomKind(booking.room_kind or booking.trainer.room_kind)]


def link_of(booking: Booking) -> str:
    """The outside link that a call has or could be switched to; empty for none."""
    return booking.room_url or booking.trainer.room_url


def has_link(booking: Booking) -> bool:
    """Tell whether a call could be switched to an outside link as it stands."""
    return is_room_url(link_of(booking))


def where_words(booking: Booking) -> dict[str, object]:
    """What mail says of where a call is; the test page where it is our room."""
    room = room_of(booking)
    test = f"{settings.PUBLIC_URL}{reverse('sessions:device_test')}"
    return {
        "where": room.where(),
        "is_room": room.is_ours,
        "test_url": test if room.is_ours else "",
    }
