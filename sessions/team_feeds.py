"""The private feed of a manager's team: its calls, read by the manager's calendar app.

Like a person's own (`sessions.feeds`), its address is the key and is kept as a hash.
It is the membership's: it ends when that does, or when it no longer manages.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from hashlib import sha256

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import override

from lms.audit.log import record
from lms.people.models import Member, Reseller, User
from sessions import calendar_files
from sessions.models import Booking, BookingQuerySet, BookingState, TeamFeed

PREFIX = "bkt_"  # so that a scanner of leaks knows what it has found
KEPT = timedelta(days=30)  # calls that are over, and those called off
AHEAD = timedelta(days=120)  # calls to come: of a team of any size


@transaction.atomic
def renew_team_feed(member: Member, *, by: User) -> str:
    """Give a manager a feed of the team, or a new address; return it, once."""
    token = PREFIX + secrets.token_urlsafe(24)
    fresh = {"digest": _digest(token), "created_at": now(), "read_at": None}
    feed, _is_new = TeamFeed.objects.update_or_create(member=member, defaults=fresh)
    record(by, "renew_team_feed", feed)
    return settings.PUBLIC_URL + reverse("sessions:team_feed_file", args=[token])


@transaction.atomic
def end_team_feed(member: Member, *, by: User) -> None:
    """End the feed of a manager's team, if there is one."""
    if feed := TeamFeed.objects.select_for_update().filter(member=member).first():
        record(by, "end_team_feed", feed)
        feed.delete()


def find_team_feed(token: str) -> TeamFeed | None:
    """The feed at this address, of somebody who still manages there; one query."""
    managers = Member.objects.live().filter(
        is_manager=True, user__is_active=True, reseller__in=Reseller.objects.live()
    )
    return (
        TeamFeed.objects.filter(digest=_digest(token), member__in=managers)
        .select_related("member__user", "member__reseller")
        .first()
    )


def note_team_read(feed: TeamFeed) -> None:
    """Remember that an app reads it: to the hour, so that few reads write."""
    hour = now().replace(minute=0, second=0, microsecond=0)
    if feed.read_at is None or feed.read_at < hour:
        TeamFeed.objects.filter(pk=feed.pk).update(read_at=hour)


def calls_in(feed: TeamFeed) -> BookingQuerySet:
    """The calls of everybody below the feed's manager, lately and to come."""
    since = now() - KEPT
    return (
        Booking.objects.agreed()
        .filter(
            enrolment__member__reseller__in=Reseller.objects.below(
                feed.member.reseller
            ),
            ends_at__gt=since,
            starts_at__lt=now() + AHEAD,
        )
        .exclude(state=BookingState.CANCELLED, ended_at__lte=since)
        .select_related("trainee", "enrolment__edition")
        .order_by("starts_at", "pk")
    )


def team_text(feed: TeamFeed) -> str:
    """Write the file in the manager's language and zone; two queries."""
    reader = feed.member.user
    with override(reader.language):
        return calendar_files.team_feed(calls_in(feed), reader)


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()
