"""The trainer's first screen: today."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.timezone import now
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from courses.progress import progress_of
from lms.people.access import MemberRequest
from lms.people.roles import trainer_required
from lms.walls import unscoped
from sessions.access import (
    trainer_of,
)
from sessions.board_page import earlier_words
from sessions.missing import counts_for
from sessions.models import Booking, BookingState, BookingTopic, Trainer
from sessions.prepared import tried_checks
from sessions.signoff import undo_until
from sessions.unsigned import left_to
from sessions.ways_in import ways_in

WEEK = timedelta(days=7)
EARLIER_NOTES = 3
LEFT_SHOWN = 25


@trainer_required
@require_safe
@never_cache
def today(request: MemberRequest) -> HttpResponse:
    """The next call, today's calls and who is coming, the week, calls to sign off."""
    trainer = trainer_of(request.access)
    zone = request.user.zone
    calls = list(
        unscoped(Booking.objects, "of the trainer who asks")
        .filter(
            trainer=trainer,
            state=BookingState.BOOKED,
            starts_at__lt=now() + WEEK,
        )
        .for_agenda()
    )
    coming = [call for call in calls if call.ends_at > now()]
    is_today = now().astimezone(zone).date()
    by_day: dict[date, list[Booking]] = defaultdict(list)
    for call in coming:
        by_day[call.starts_at.astimezone(zone).date()].append(call)
    cards = _cards(trainer, by_day.pop(is_today, []))
    joins = ways_in(calls, request.user)
    for card in cards[1:]:  # of the first the button stands on top
        card["join"] = joins[card["call"].pk]
    context = {
        "now": now(),
        "next_call": coming[0] if coming else None,
        "join": joins[coming[0].pk] if coming else None,
        "joins": joins,
        "cards": cards,
        "week": list(by_day.values()),
        "to_sign_off": [call for call in calls if call.ends_at <= now()],
        "left": list(left_to(trainer).for_agenda()[:LEFT_SHOWN]),
        "just_signed_off": _just_signed_off(trainer),
        "trainer": trainer,
    }
    return render(request, "sessions/today.html", context)


def _just_signed_off(trainer: Trainer) -> list[Booking]:
    done = (
        unscoped(Booking.objects, "of the trainer who asks")
        .filter(
            trainer=trainer,
            state=BookingState.DONE,
            signed_off_at__gte=now() - timedelta(days=1),
        )
        .select_related("trainee", "trainer__user", "enrolment__edition")
    )
    return [call for call in done if (until := undo_until(call)) and until >= now()]


def _cards(trainer: Trainer, calls: list[Booking]) -> list[dict[str, Any]]:
    """Who comes, prepared or not, and what was noted before; seven queries."""
    counts = counts_for([call.trainee for call in calls])
    progress = progress_of([call.enrolment for call in calls])
    tried = tried_checks(calls)
    notes: dict[int, list[BookingTopic]] = defaultdict(list)
    for said in earlier_words(trainer, [call.trainee_id for call in calls]):
        notes[said.booking.trainee_id].append(said)
    return [
        {
            "call": call,
            "topics": [
                (topic, progress[call.enrolment_id].topic(topic.topic_id))
                for topic in call.topics.all()
            ],
            "notes": notes[call.trainee_id][:EARLIER_NOTES],
            "count": counts[call.trainee_id],
            "tried": tried[call.pk],
        }
        for call in calls
    ]
