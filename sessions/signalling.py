"""One exchange of a page in the room: what it tells, and what is new for it.

Rows in the database, asked for over HTTP: nothing is kept in a process, so any number
of them serve a call, and a restart loses nothing. Asked often, it costs little: two
queries beside the session's and the person's, and no write where nothing changed but
that some seconds went by.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import CharField, F, Q, QuerySet, Value
from django.db.models.functions import Cast
from django.utils.timezone import now
from django.utils.translation import gettext as _

from lms.mail import times
from lms.people.access import Access
from lms.people.models import User
from sessions import relay
from sessions.board import agenda_version
from sessions.models import (
    Booking,
    CallMessage,
    Ended,
    Presence,
    QualitySample,
    Signal,
)
from sessions.presence import (
    FOR_ROOM,
    SEEN_EVERY,
    TooMuch,
    come,
    end,
    has_come,
    may_be_there,
    other_of,
    why_out,
    why_over,
)
from sessions.room_words import Line, Poll, Quality, Told

SAMPLE_EVERY = timedelta(minutes=1)
RESENT_FOR = timedelta(minutes=2)  # a signal is known again as long as that
ONE_OF = 16  # requests is counted
COUNTED_FOR = timedelta(minutes=1)
MOST_COUNTED = 40  # some ten requests a second; a page makes three at the most
SLOW_FOR = timedelta(seconds=5)
MOST_TOLD = 8 * 1024 * 1024  # letters of signals in one stay: hundreds of connections
LEAST_TOLD = 1024  # that a signal counts for
MOST_MESSAGES = 500  # of one call
MOST_IN_A_MINUTE = 30  # messages of one person
ASKED = (*FOR_ROOM, "board")

Answer = dict[str, Any]


def exchange(ref: str, user: User, said: Poll, sign_in: int = 0) -> Answer | None:
    """Take what a page tells, and answer with what is new for it.

    `sign_in` is the key of the sign-in that asks. None for whoever is not one of the
    two, or is no more.
    """
    stays = list(
        Presence.objects.of_two(user)
        .filter(Q(left_at=None) | Q(user=user, tab=said.tab), booking__ref=ref)
        .select_related(*(f"booking__{name}" for name in ASKED))
        .order_by("pk")
    )
    call = stays[0].booking if stays else own_call(ref, user)
    if call is None or not may_be_there(call, user):
        return None
    own = _newest(stays, user, said.tab)
    if over := why_over(call, user):
        if own is not None and own.left_at is None:
            end([own], Ended.CLOSED)
        return over._asdict()
    if own is not None and (over := why_out(own)):
        return over._asdict()
    # A call that was moved while they were there is come to again.
    if own is None or own.left_at is not None or not has_come(call, user):
        own = come(call, user, said.tab, sign_in)
        if own is None or own.left_at is not None:  # all changed a moment ago
            return exchange(ref, user, said, sign_in)
    require_patience(own)
    their = other_of(call, user)
    other = _live(stays, their) if may_be_there(call, their) else None
    write(own, other, said)
    return answer(call, user, own, other, said)


def own_call(ref: str, user: User) -> Booking | None:
    """A call of one's own, with what is asked of it here; one query."""
    own = Booking.objects.filter(Q(trainee=user) | Q(trainer__user=user), ref=ref)
    return own.select_related(*ASKED).first()


def _newest(stays: Sequence[Presence], user: User, tab: UUID) -> Presence | None:
    own = [stay for stay in stays if stay.user_id == user.pk and stay.tab == tab]
    return own[-1] if own else None


def _live(stays: Sequence[Presence], user: User) -> Presence | None:
    live = [s for s in stays if s.user_id == user.pk and s.left_at is None]
    return live[0] if live else None


# --- How often -------------------------------------------------------------------------


def require_patience(own: Presence) -> None:
    """Refuse a tab that asks far too often, for some seconds.

    What it asks is counted by samples in the row of its stay, which is read in any
    case, so that it costs next to nothing and holds for all processes.
    """
    if own.slow_until and own.slow_until > now():
        raise TooMuch(_("That is too often. Wait a few seconds."))


def _counted(own: Presence, at: datetime) -> dict[str, Any]:
    """What is to be written of a request's being counted: nothing, mostly."""
    if at.microsecond % ONE_OF:
        return {}
    if at - own.counted_from >= COUNTED_FOR:
        return {"counted_from": at, "counted": 1}
    if own.counted < MOST_COUNTED:
        return {"counted": F("counted") + 1}
    return {"counted_from": at, "counted": 1, "slow_until": at + SLOW_FOR}


# --- What is written -------------------------------------------------------------------


def write(own: Presence, other: Presence | None, said: Poll) -> None:
    """Keep what changed: nothing, mostly."""
    at = now()
    changes: dict[str, Any] = {
        name: value for name, value in said.state.items() if getattr(own, name) != value
    }
    told = [each for each in said.signals if other and each.to == other.tab]
    sampled = said.quality is not None and (
        own.sampled_at is None or at - own.sampled_at >= SAMPLE_EVERY
    )
    changes |= _counted(own, at)
    if not changes and not told and not sampled and at - own.seen_at < SEEN_EVERY:
        return
    if sampled:
        changes["sampled_at"] = at
    if said.seen > own.signals_seen:
        changes["signals_seen"] = said.seen
    if told:
        changes["told"] = F("told") + _require_room_for(told, own)
    with transaction.atomic():
        # Taken first, so that of two requests of one tab the later's signals have
        # the higher numbers: who reads up to one has read all before it.
        stay = Presence.objects.filter(pk=own.pk, left_at=None)
        if not stay.update(seen_at=at, **changes):
            return
        if "signals_seen" in changes:
            _forget_seen(own, said.seen, at)
        if told and other is not None:
            Signal.objects.bulk_create(
                [
                    Signal(to=other, by=own, key=each.key, body=each.body, at=at)
                    for each in told
                ],
                ignore_conflicts=True,
            )
        if sampled and said.quality:
            _keep_sample(own, said.quality, str(said.state.get("route", own.route)), at)


def _forget_seen(own: Presence, seen: int, at: datetime) -> None:
    """Drop what the tab has got; the newest stay, to be known when sent again."""
    Signal.objects.filter(to=own, pk__lte=seen, at__lt=at - RESENT_FOR).delete()


def _require_room_for(told: Sequence[Told], own: Presence) -> int:
    """How much more it is; refused where no connection ever needed so much."""
    more = sum(max(len(each.body), LEAST_TOLD) for each in told)
    if own.told + more > MOST_TOLD:
        raise TooMuch(_("That is too much for one call. Leave it and come in again."))
    return more


def _keep_sample(own: Presence, quality: Quality, route: str, at: datetime) -> None:
    sample = QualitySample(
        presence=own,
        at=at.replace(second=0, microsecond=0),
        loss_percent=quality.loss,
        round_trip_ms=quality.round_trip,
        bitrate_kbps=quality.bitrate,
        route=route,
    )
    QualitySample.objects.bulk_create([sample], ignore_conflicts=True)


# --- What is answered ------------------------------------------------------------------


def answer(
    call: Booking, user: User, own: Presence, other: Presence | None, said: Poll
) -> Answer:
    signals, messages = news(call, user, own, said)
    said_back: Answer = {
        "signals": signals,
        "messages": messages,
        "other": _seen_by(call, user, other),
        "polite": user.pk == call.trainee_id,
        "agenda": agenda_version(call),
        "ends_at": call.ends_at.isoformat(),
    }
    if said.ice:
        said_back["ice_servers"] = relay.ice_servers()
    return said_back


def news(
    call: Booking, user: User, own: Presence, said: Poll
) -> tuple[list[Answer], list[Answer]]:
    """The signals and messages that the tab has not got; one query for both."""
    signals: QuerySet[Any] = (
        Signal.objects.filter(to=own, pk__gt=said.seen)
        .order_by()
        .annotate(
            kind=Value(0),
            who=Cast("by__tab", CharField()),
            words=F("body"),
            when=F("at"),
        )
        .values_list("kind", "pk", "who", "words", "when")
    )
    messages: QuerySet[Any] = (
        CallMessage.objects.filter(
            Q(by=user) | Q(to=user), booking=call, pk__gt=said.messages
        )
        .order_by()
        .annotate(
            kind=Value(1),
            who=Cast("by_id", CharField()),
            words=F("text"),
            when=F("at"),
        )
        .values_list("kind", "pk", "who", "words", "when")
    )
    told: list[Answer] = []
    lines: list[Answer] = []
    for kind, pk, who, words, when in signals.union(messages, all=True).order_by(
        "kind", "pk"
    ):
        if kind == 0:
            body = json.loads(words)
            told.append({"id": pk, "from": str(UUID(who)), "body": body})
        else:
            lines.append(_line(pk, who == str(user.pk), words, when, user))
    return told, lines


def _line(pk: int, mine: bool, text: str, at: datetime, reader: User) -> Answer:
    clock = times.clock(at, reader.time_zone)
    return {"id": pk, "mine": mine, "text": text, "clock": clock}


def _seen_by(call: Booking, user: User, other: Presence | None) -> Answer | None:
    if other is None:
        return None
    return {
        "tab": str(other.tab),
        "name": str(other_of(call, user)),
        "microphone": other.microphone,
        "camera": other.camera,
        "screen": other.screen,
        "audio_only": other.audio_only,
        "quiet_for": max(0, round((now() - other.seen_at).total_seconds())),
    }


# --- Messages --------------------------------------------------------------------------


@transaction.atomic
def write_message(call: Booking, user: User, line: Line) -> Answer:
    """Keep a line to the other side; sent again, it is kept once. Raises Refused.

    The call is locked, so that who has read one message has read all before it.
    """
    Booking.objects.select_for_update(of=("self",), no_key=True).get(pk=call.pk)
    own = CallMessage.objects.filter(by=user, key=line.key).first()
    if own is None:
        _require_room_for_message(call, user)
        own = CallMessage.objects.create(
            booking=call,
            by=user,
            to=other_of(call, user),
            key=line.key,
            text=line.text,
        )
    return _line(own.pk, True, own.text, own.at, user)


def written_in(call: Booking, access: Access) -> list[CallMessage]:
    """What one of the two wrote or was written; nothing whose words have gone."""
    lines = CallMessage.objects.visible_to(access).filter(booking=call)
    return list(lines.exclude(text="").select_related("by"))


def _require_room_for_message(call: Booking, user: User) -> None:
    kept = CallMessage.objects.filter(booking=call)
    if kept.count() >= MOST_MESSAGES:
        raise TooMuch(_("No more messages fit into this call."))
    lately = kept.filter(by=user, at__gt=now() - timedelta(minutes=1))
    if lately.count() >= MOST_IN_A_MINUTE:
        raise TooMuch(_("That is too much at once. Wait a minute."))
