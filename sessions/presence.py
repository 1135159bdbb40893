"""Who is in the room of a call, who may be, and who was there for how long."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _

from lms.errors import Refused
from lms.mail import times
from lms.people.models import User
from sessions.models import Booking, BookingState, Ended, Presence, Signal
from sessions.room import is_open, note_came
from sessions.room_kinds import room_of

FOR_ROOM = ("trainee", "trainer__user", "enrolment__member")
SEEN_EVERY = timedelta(seconds=8)  # that a tab is there is written down no more often
MOST_TABS = 20  # that somebody comes with in a minute
SILENT_AFTER = timedelta(minutes=3)  # a stay of which nothing was heard is over
HERE_WITHIN = timedelta(seconds=75)  # a page behind others is heard of once a minute


class TooMuch(Refused):
    """Somebody asks or tells more than two who talk ever do: to be tried again later."""


class Over(NamedTuple):
    """Why a tab is out of the room, in a word for the page and in words to read."""

    over: str
    words: str
    url: str


# --- Who may be there ----------------------------------------------------------------


def other_of(call: Booking, user: User) -> User:
    """The other of the two."""
    return call.trainer.user if user.pk == call.trainee_id else call.trainee


def may_be_there(call: Booking, user: User) -> bool:
    """Whether somebody is one of the two, still, with an account that is open.

    The trainee belongs to their reseller, the trainer holds calls. No query for a
    call that came with both and with its enrolment's member.
    """
    if not user.is_active:
        return False
    if user.pk == call.trainee_id:
        return call.enrolment.member.is_live
    return user.pk == call.trainer.user_id and call.trainer.is_active


def why_over(call: Booking, user: User) -> Over | None:
    """Why the room is closed to one of the two now; None while it is open.

    A call that is signed off goes on until its room closes: the two may be talking.
    """
    page = call.get_absolute_url()
    way_in = reverse("sessions:join", args=[call.ref])
    if is_open(call):
        if room_of(call).is_ours:
            return None
        words = _("This call goes on by a link, outside this site.")
        if user.pk == call.trainee_id:
            words = _("You are taken to the link, outside this site, in a moment.")
        return Over("link", words, way_in)
    if call.state == BookingState.CANCELLED:
        return Over("cancelled", _("This call was cancelled."), page)
    if call.state == BookingState.MISSED:
        if call.missed_by == ("trainee" if user.pk == call.trainee_id else "trainer"):
            words = _("This call is marked as missed. You can still come.")
            return Over("missed", words, way_in)
        return Over("missed", _("This call is marked as missed."), page)
    if now() < call.opens_at:
        words = _("This call is at another time now: %(when)s.")
        when = times.moment(call.starts_at, user.time_zone)
        return Over("moved", words % {"when": when}, page)
    return Over("closed", _("This call is over, and its room is closed."), page)


def why_out(stay: Presence) -> Over | None:
    """Why a tab whose stay ended is out for good; None where it may come again."""
    call = stay.booking
    room = reverse("sessions:room", args=[call.ref])
    if stay.ended == Ended.REPLACED:
        words = _("You went on with this call in another tab or on another device.")
        return Over("replaced", words, room)
    if stay.ended == Ended.LEFT:
        return Over("left", _("You have left the call."), room)
    return None


# --- Coming and leaving ----------------------------------------------------------------


@transaction.atomic
def come(call: Booking, user: User, tab: UUID, sign_in: int = 0) -> Presence | None:
    """Begin the stay of a tab, which takes over from the person's other one.

    The first coming of each of the two is written into the call. A tab that was
    replaced or left gets the stay that is over; none is for them where the call was
    changed a moment ago. `sign_in` is the key of the sign-in by which they are there:
    the stay ends with it. Raises TooMuch.
    """
    call = (
        Booking.objects.select_for_update(of=("self",), no_key=True)
        .select_related(*FOR_ROOM)
        .get(pk=call.pk)
    )
    if not may_be_there(call, user) or why_over(call, user):
        return None
    own = Presence.objects.filter(booking=call, user=user)
    last = own.filter(tab=tab).order_by("pk").last()
    if last is not None and why_out(last):
        return last
    note_came(call, user)
    if last is not None and last.left_at is None:
        return last
    if own.filter(joined_at__gt=now() - timedelta(minutes=1)).count() >= MOST_TABS:
        raise TooMuch(_("You came in very often just now. Wait a minute."))
    end(own.live(), Ended.REPLACED)
    return Presence.objects.create(booking=call, user=user, tab=tab, sign_in=sign_in)


def has_come(call: Booking, user: User) -> bool:
    """Whether it is written into the call that one of the two came to it."""
    if user.pk == call.trainee_id:
        return call.trainee_joined_at is not None
    return call.trainer_joined_at is not None


def end(stays: Iterable[Presence], how: Ended) -> int:
    """End those stays that are not over, and drop what was to be told to them."""
    keys = [stay.pk for stay in stays]
    if not keys:
        return 0
    with transaction.atomic():
        ended = Presence.objects.filter(pk__in=keys, left_at=None).update(
            left_at=F("seen_at") if how == Ended.SILENT else now(), ended=how
        )
        Signal.objects.filter(Q(to__in=keys) | Q(by__in=keys)).delete()
    return ended


def leave(call: Booking, user: User, tab: UUID | None) -> None:
    """End the stay of one's tab; of whichever is there, where none is named."""
    stays = Presence.objects.live().filter(booking=call, user=user)
    end(stays if tab is None else stays.filter(tab=tab), Ended.LEFT)


def end_signed_out(user: User, sign_ins: Iterable[int]) -> int:
    """End the stays that came by sign-ins which are over; return how many.

    A tab of another sign-in goes on, and so does one that comes again by a new one.
    """
    stays = Presence.objects.live().filter(user=user, sign_in__in=sign_ins)
    return end(stays, Ended.CLOSED)


def end_silent() -> int:
    """End the stays of which nothing is heard; return how many. For the clock.

    They lasted until the tab was last heard of. One query where there is none.
    """
    silent = Presence.objects.live().filter(seen_at__lt=now() - SILENT_AFTER)
    return end(silent, Ended.SILENT)


def forget_signals() -> int:
    """Drop what was told to connect two that are apart again. For the clock; a query.

    Those of a stay go with its end; this finds what came in that moment.
    """
    over = Q(to__left_at__isnull=False) | Q(by__left_at__isnull=False)
    return Signal.objects.filter(over).delete()[0]


def here(calls: Iterable[Booking]) -> set[tuple[int, int]]:
    """Who is in the rooms of these calls now: keys of call and person; one query."""
    live = Presence.objects.live().filter(
        booking__in=[call.pk for call in calls], seen_at__gt=now() - HERE_WITHIN
    )
    return set(live.values_list("booking_id", "user_id"))


# --- Who was there -----------------------------------------------------------------------


class Span(NamedTuple):
    """From when to when somebody was in the room."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Attendance:
    """When one of the two was in the room, first to last."""

    user: User
    spans: list[Span]

    @property
    def total(self) -> timedelta:
        return sum((span.end - span.start for span in self.spans), timedelta())


def attendance(call: Booking) -> list[Attendance]:
    """Who was in the room of a call, and when: the trainee, the trainer; one query.

    A stay that never was ended, as by a crash, lasted until the tab was last heard of.
    Whoever held the call before it was handed over comes after the two.
    """
    by_user: dict[int, Attendance] = {
        user.pk: Attendance(user, []) for user in (call.trainee, call.trainer.user)
    }
    stays = Presence.objects.filter(booking=call).select_related("user")
    for stay in stays.order_by("joined_at", "pk"):
        one = by_user.setdefault(stay.user_id, Attendance(stay.user, []))
        span = Span(stay.joined_at, stay.left_at or stay.seen_at)
        if one.spans and span.start <= one.spans[-1].end:
            before = one.spans[-1]
            one.spans[-1] = Span(before.start, max(before.end, span.end))
        else:
            one.spans.append(span)
    return list(by_user.values())
