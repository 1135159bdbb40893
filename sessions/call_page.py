"""The page of one call, which its two sides, managers and the channel team share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.timezone import now

from courses.models import Attempt, AttemptKind, Enrolment
from lms.audit.looking import looked
from lms.people.access import MemberRequest
from lms.walls import unscoped
from sessions import calendar_files
from sessions.booking import length_of, ready_topics
from sessions.cancelling import is_late
from sessions.forms import CancelForm, DisputeForm
from sessions.left import leaving_of
from sessions.missing import (
    PATIENCE,
    MissedCount,
    counts_for,
    may_say_missed,
    may_still_come,
)
from sessions.models import Booking, BookingState, Cause, Dispute, Origin
from sessions.notice import may_skip_notice
from sessions.picking import Times, times_page
from sessions.room import join_button
from sessions.signoff import undo_until
from sessions.slots import free_slots

OFF = (BookingState.CANCELLED, BookingState.MISSED)


def fetch(request: MemberRequest, ref: str) -> Booking:
    """Load a call for its page; a 404 for whoever may not see it."""
    call = get_object_or_404(
        Booking.objects.visible_to(request.access)
        .select_related(
            "trainee",
            "trainer__user",
            "ended_by",
            "created_by",
            "enrolment__member__reseller",
            "enrolment__edition",
            "enrolment__programme",
        )
        .prefetch_related("topics__topic"),
        ref=ref,
    )
    if not call.has_party(request.user):
        looked(request, call.trainee)
    return call


def show(
    request: MemberRequest,
    call: Booking,
    *,
    cancel: CancelForm | None = None,
    dispute: DisputeForm | None = None,
    status: int = 200,
) -> HttpResponse:
    """Answer with the page of a call; with a form as it was sent, where it was."""
    user = request.user
    party = call.has_party(user)
    is_trainee = user.pk == call.trainee_id
    is_trainer = user.pk == call.trainer.user_id
    may_change = (
        (party or request.access.may_change_people)
        and call.state == BookingState.BOOKED
        and call.starts_at > now()
    )
    until = undo_until(call)
    context = {
        "call": call,
        "topics": call.topics.all(),
        "is_party": party,
        "is_trainee": is_trainee,
        "is_trainer": is_trainer,
        "other_zone": _other_zone(call, user.pk),
        "may_change": may_change,
        "may_hand_over": may_change and not is_trainee,
        "may_sign_off": may_sign_off(request, call),
        "tried": tried_checks([call])[call.pk]
        if may_see_answers(request, call)
        else (),
        "undo_until": until if until and until >= now() else None,
        "on_time_until": call.on_time_until,
        "is_late": is_late(call, user, Cause.PLANS),
        "is_over": call.ends_at <= now(),
        "count": _count(call),
        "cancel_form": cancel or CancelForm(is_ours=not is_trainee),
        "links": calendar_files.links(call) if party else None,
        **way_in(request, call),
        **_leaving(request, call),
        **_missed(request, call, dispute),
    }
    if is_trainee and call.state in OFF:
        context["again"] = soonest_again(call, user.time_zone)
    return render(request, "sessions/booking.html", context, status=status)


def _leaving(request: MemberRequest, call: Booking) -> dict[str, Any]:
    """What becomes of the call of one who left, and who may put them back."""
    leaving = leaving_of(call)
    if leaving is None:
        return {}
    may_change = Enrolment.objects.managed_by(request.access)
    may_undo = may_change.filter(pk=call.enrolment_id).exists()
    return {"leaving": leaving, "may_undo_leaving": may_undo}


def way_in(request: MemberRequest, call: Booking) -> dict[str, Any]:
    """The join button of one of the two, and what may be said of the other."""
    user = request.user
    if not call.has_party(user):
        return {}
    is_trainee = user.pk == call.trainee_id
    came = call.trainee_joined_at if is_trainee else call.trainer_joined_at
    other_came = call.trainer_joined_at if is_trainee else call.trainee_joined_at
    return {
        "join": join_button(call, user),
        "other": call.trainer.user if is_trainee else call.trainee,
        "may_say_missed": may_say_missed(call, user),
        "missed_from": _patience_ends(call) if came and not other_came else None,
    }


def _patience_ends(call: Booking) -> datetime | None:
    """From when on one can say that the other did not come, while that is ahead."""
    at = call.starts_at + PATIENCE
    return at if call.starts_at <= now() < at else None


def _missed(
    request: MemberRequest, call: Booking, form: DisputeForm | None
) -> dict[str, Any]:
    """What is said of a missed call, and whether one may say otherwise."""
    if call.state not in OFF:
        return {}
    words = unscoped(Dispute.objects, "shown to both sides and the channel team")
    said = words.filter(booking=call).first()
    by_trainer = call.missed_by == Origin.TRAINER
    missing = call.trainer.user_id if by_trainer else call.trainee_id
    is_me = call.state == BookingState.MISSED and missing == request.user.pk
    is_party = call.has_party(request.user)
    return {
        "is_missing": is_me,
        "may_still_come": is_party and may_still_come(call, request.user),
        "dispute": said if is_party or request.access.is_staff else None,
        "dispute_form": (form or DisputeForm()) if is_me and said is None else None,
    }


def _count(call: Booking) -> MissedCount | None:
    """How often the trainee missed a call or was late, if ever; no reasons."""
    count = counts_for([call.trainee])[call.trainee_id]
    return count if any(count) else None


def soonest_again(call: Booking, zone: str) -> Times | None:
    """The soonest times for a new call on the same topics, as far as they are ready."""
    if not call.enrolment.is_open:
        return None
    wanted = {topic.topic_id for topic in call.topics.all()}
    topics = [
        topic for topic in ready_topics(call.enrolment) if topic.topic_id in wanted
    ]
    if not topics:
        return None
    slots = free_slots(
        call.enrolment,
        length_of(topics),
        any_notice=may_skip_notice(call.enrolment),
    )
    path = reverse("sessions:book", args=[call.enrolment_id])

    def link(**chosen: Any) -> str:
        query: list[tuple[str, object]] = [("picked", 1)]
        query += [("topics", topic.pk) for topic in topics]
        start = chosen.get("start")
        if start:
            query.append(("start", f"{start:%Y-%m-%dT%H:%MZ}"))
        return f"{path}?{urlencode(query)}#{'confirm' if start else 'times'}"

    return times_page(slots, ZoneInfo(zone), link, day=None, start=None)


def _other_zone(call: Booking, user_pk: int) -> str:
    """The other side's zone; for onlookers, the trainee's."""
    if user_pk == call.trainee_id:
        return call.trainer.time_zone
    return call.trainee.time_zone


def may_see_answers(request: MemberRequest, call: Booking) -> bool:
    """Whether they may read the trainee's check answers: both met, or will meet."""
    if request.user.pk == call.trainee_id:
        return False
    is_theirs = request.user.pk == call.trainer.user_id
    has_met = call.state in (BookingState.BOOKED, BookingState.DONE)
    return request.access.is_staff or (is_theirs and has_met)


def tried_checks(calls: Iterable[Booking]) -> dict[int, set[int]]:
    """By call, the topics whose check its trainee has tried; one query for any."""
    calls = list(calls)
    tried: dict[int, set[int]] = defaultdict(set)
    rows = (
        unscoped(Attempt.objects, "which topics only, of one's own calls")
        .filter(
            enrolment__in=[call.enrolment_id for call in calls],
            kind=AttemptKind.CHECK,
            submitted_at__isnull=False,
        )
        .order_by()
        .values_list("enrolment", "topic")
        .distinct()
    )
    for enrolment, topic in rows:
        tried[enrolment].add(topic)
    return {call.pk: tried[call.enrolment_id] for call in calls}


def may_sign_off(request: MemberRequest, call: Booking) -> bool:
    is_trainer = request.user.pk == call.trainer.user_id
    return (
        (is_trainer or request.access.may_change_people)
        and request.user.pk != call.trainee_id
        and call.state in (BookingState.BOOKED, BookingState.DONE)
        and call.starts_at <= now()
    )
