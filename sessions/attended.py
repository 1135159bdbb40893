"""Who came to a call, for those who decide on it: the room's spans, and the link."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from lms.people.models import User
from sessions.models import Booking
from sessions.presence import Span, attendance


@dataclass(frozen=True)
class Came:
    """One of the two, or who held the call before: when they were there.

    `joined_at` is when they first pressed Join, `linked_at` when they last went on to
    the outside link; how long they stayed there nobody knows.
    """

    user: User
    role: str
    spans: list[Span]
    joined_at: datetime | None
    linked_at: datetime | None

    @property
    def has_come(self) -> bool:
        return bool(self.spans or self.linked_at or self.joined_at)

    @property
    def words(self) -> str:
        """How long they were in the room, in all; empty where they never were."""
        seconds = sum((span.end - span.start).total_seconds() for span in self.spans)
        minutes = round(seconds / 60)
        if not self.spans:
            return ""
        if not minutes:
            return _("less than a minute in the room")
        return ngettext(
            "%(n)d minute in the room", "%(n)d minutes in the room", minutes
        ) % {"n": minutes}


def attended(call: Booking) -> list[Came]:
    """The trainee, the trainer, and whoever held the call before; one query."""
    marks = {
        call.trainee_id: (
            _("trainee"),
            call.trainee_joined_at,
            call.trainee_linked_at,
        ),
        call.trainer.user_id: (
            _("trainer"),
            call.trainer_joined_at,
            call.trainer_linked_at,
        ),
    }
    before = (_("trainer before"), None, None)
    return [
        Came(one.user, role, one.spans, joined_at, linked_at)
        for one in attendance(call)
        for role, joined_at, linked_at in [marks.get(one.user.pk, before)]
    ]
