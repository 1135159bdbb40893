"""The join buttons of calls, with who is in their rooms this minute."""

from __future__ import annotations

from collections.abc import Iterable

from lms.people.models import User
from sessions.models import Booking
from sessions.presence import here
from sessions.room import Join, is_open, join_button
from sessions.room_kinds import room_of


def ways_in(calls: Iterable[Booking], user: User) -> dict[int, Join]:
    """What the join button of each call says now, by the call's key.

    One query for any number, and none while no room of ours is open. The calls come
    with their two sides.
    """
    calls = list(calls)
    rooms = [call for call in calls if is_open(call) and room_of(call).is_ours]
    there = here(rooms) if rooms else set()
    return {call.pk: join_button(call, user, there) for call in calls}
