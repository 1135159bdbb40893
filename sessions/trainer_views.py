"""The trainer's screens: today, who is ready, scheduling, the sign-off."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from courses.progress import progress_of
from lms.errors import Refused
from lms.people.access import MemberRequest
from lms.people.roles import trainer_required
from lms.walls import unscoped
from sessions.access import (
    trainer_of,
)
from sessions.call_page import fetch, tried_checks
from sessions.forms import SignOffForm
from sessions.missing import counts_for
from sessions.models import Booking, BookingState, BookingTopic, Outcome, Trainer
from sessions.room import join_button
from sessions.signoff import (
    asked_of,
    qualifies,
    undo_sign_off,
    undo_until,
)
from sessions.signoff import sign_off as sign_off_call

WEEK = timedelta(days=7)
EARLIER_NOTES = 3


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
    context = {
        "now": now(),
        "next_call": coming[0] if coming else None,
        "join": join_button(coming[0], request.user) if coming else None,
        "cards": cards,
        "week": list(by_day.values()),
        "to_sign_off": [call for call in calls if call.ends_at <= now()],
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


def earlier_words(trainer: Trainer, trainees: list[int]) -> list[BookingTopic]:
    """What was said of these people's topics in calls with this trainer, newest first.

    One query.
    """
    return list(
        unscoped(BookingTopic.objects, "said by the trainer who asks")
        .filter(
            booking__trainee__in=trainees,
            booking__trainer=trainer,
            booking__state=BookingState.DONE,
        )
        .exclude(outcome=Outcome.PENDING)
        .select_related("booking")
        .order_by("-booking__starts_at", "pk")
    )


# --- The sign-off ------------------------------------------------------------------


def _fetch_to_sign(request: MemberRequest, ref: str) -> Booking:
    """Load a call to sign off: a stranger's is a 404, another role's a 403."""
    call = fetch(request, ref)
    if call.trainer.user_id != request.user.pk and not request.access.may_change_people:
        raise PermissionDenied
    return call


@login_required
@never_cache
def sign_off(request: MemberRequest, ref: str) -> HttpResponse:
    """Say, topic by topic, what the call covered."""
    call = _fetch_to_sign(request, ref)
    criteria = {pk: list(asked.criteria) for pk, asked in asked_of(call).items()}
    is_trainer = call.trainer.user_id == request.user.pk
    form = SignOffForm(
        request.POST or None,
        topics=list(call.topics.all()),
        criteria=criteria,
        is_trainer=is_trainer,
    )
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                sign_off_call(call, form.words(), by=request.user)
            except Refused as refusal:
                form.add_error(None, str(refusal))
                status = 409
            else:
                messages.success(request, _("Signed off. Thank you."))
                return redirect(call)
    progress = progress_of([call.enrolment])[call.enrolment_id]
    context = {
        "call": call,
        "tried": tried_checks([call])[call.pk],
        "form": form,
        "parts": [
            part | {"progress": progress.topic(part["topic"].topic_id)}
            for part in form.parts()
        ],
        "notes": [
            said
            for said in earlier_words(call.trainer, [call.trainee_id])
            if is_trainer and said.booking_id != call.pk
        ],
        "qualifies": qualifies(call, progress),
        "may_sign_off": call.state == BookingState.BOOKED and call.starts_at <= now(),
    }
    return render(request, "sessions/sign_off.html", context, status=status)


@login_required
@require_POST
def undo(request: MemberRequest, ref: str) -> HttpResponse:
    """Take a sign-off back, shortly after."""
    call = _fetch_to_sign(request, ref)
    try:
        undo_sign_off(call, by=request.user)
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect(call)
    messages.success(request, _("The sign-off is undone. The call waits for it again."))
    return redirect("sessions:sign_off", call.ref)
