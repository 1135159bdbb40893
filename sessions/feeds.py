"""The private feed: one's own calls, read by one's calendar app from one address.

The address is the key, so it is shown once and kept as its SHA-256 alone. A new one
ends the old one at once; so do a closed account and a trainer's leaving.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from django.conf import settings
from django.db import transaction
from django.db.models import Q, prefetch_related_objects
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import override

from lms.audit.log import record
from lms.people.models import User
from sessions import calendar_files
from sessions.models import Booking, BookingState, Feed

PREFIX = "bkf_"  # so that a scanner of leaks knows what it has found
KEPT = timedelta(days=30)  # calls that are over, and those called off
_VERSION = "1"  # of what we write about a call: a new one changes every ETag


@transaction.atomic
def renew_feed(user: User) -> str:
    """Give somebody a feed, or a new address for it; return the address, once.

    The old address ends at once.
    """
    token = PREFIX + secrets.token_urlsafe(24)
    fresh = {"digest": _digest(token), "created_at": now(), "read_at": None}
    feed, _is_new = Feed.objects.update_or_create(user=user, defaults=fresh)
    record(user, "renew_feed", feed)
    return settings.PUBLIC_URL + reverse("sessions:feed_file", args=[token])


@transaction.atomic
def end_feed(user: User, *, by: User | None = None) -> None:
    """End somebody's feed, if they have one."""
    if feed := Feed.objects.select_for_update().filter(user=user).first():
        record(by, "end_feed", feed)
        feed.delete()


def find_feed(token: str) -> Feed | None:
    """Return the feed at this address, of somebody whose account is open; one query."""
    return (
        Feed.objects.filter(digest=_digest(token), user__is_active=True)
        .select_related("user")
        .first()
    )


def note_read(feed: Feed) -> None:
    """Remember that an app reads the feed: to the hour, so that few reads write."""
    hour = now().replace(minute=0, second=0, microsecond=0)
    if feed.read_at is None or feed.read_at < hour:
        Feed.objects.filter(pk=feed.pk).update(read_at=hour)


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()


# --- What is in it --------------------------------------------------------------------


@dataclass(frozen=True)
class FeedFile:
    """One person's calls at this moment, from thirty days back. Loads in one query.

    What was called off lately is in it, and says so. A proposal is not, taken back or
    open: it asks, on its page, and may run out any minute.
    """

    user: User
    calls: list[Booking]

    @classmethod
    def of(cls, user: User) -> FeedFile:
        since = now() - KEPT
        theirs = Q(trainee=user) | Q(trainer__user=user, trainer__is_active=True)
        calls = (
            Booking.objects.agreed()
            .filter(theirs, ends_at__gt=since)
            .exclude(state=BookingState.CANCELLED, ended_at__lte=since)
            .select_related("trainee", "trainer__user", "enrolment__edition")
        )
        return cls(user, list(calls))

    @property
    def etag(self) -> str:
        """Changes when the file does, and is told without writing it."""
        facts = [
            _VERSION,
            settings.PUBLIC_URL,
            self.user.time_zone,
            self.user.language,
            *(fact for call in self.calls for fact in _facts(call)),
        ]
        return f'W/"{sha256(chr(0).join(facts).encode()).hexdigest()[:32]}"'

    def text(self) -> str:
        """Write the file, in the person's language and zone; one query more."""
        prefetch_related_objects(self.calls, "topics")
        with override(self.user.language):
            return calendar_files.feed(self.calls, self.user)


def _facts(call: Booking) -> Iterable[str]:
    return (
        call.uid,
        str(call.sequence),
        call.state,
        call.starts_at.isoformat(),
        call.ends_at.isoformat(),
        call.trainee.full_name,
        call.trainer.user.full_name,
        call.enrolment.edition.title,
    )
