"""An earlier time, for those who asked to be told of one."""

from __future__ import annotations

from django.utils.translation import gettext as _

from lms.errors import Refused
from lms.people.models import User
from sessions.models import Booking


def offer_freed() -> int:
    """Offer each time that is free again to the next in line; return how many."""
    return 0


def take_earlier(proposal: Booking, *, by: User) -> Booking:
    """Move the booked call to the earlier time."""
    raise Refused(_("This earlier time is no longer free. Your call stays as it is."))
