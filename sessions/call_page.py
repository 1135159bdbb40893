"""The page of one call, which its two sides, managers and the channel team share."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit
from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.timezone import now

from courses.models import Enrolment
from lms.audit.looking import looked
from lms.people.access import MemberRequest
from lms.people.models import User
from lms.walls import unscoped
from sessions import calendar_files, feedback
from sessions.attended import Came, attended
from sessions.board import board_row
from sessions.board_page import after_call, agenda_of
from sessions.booking import length_of, ready_topics
from sessions.cancelling import is_late
from sessions.correcting import may_correct, taken_back
from sessions.forms import CancelForm, DisputeForm, FeedbackForm, QuestionForm
from sessions.left import leaving_of
from sessions.missing import (
    PATIENCE,
    MissedCount,
    counts_for,
    has_come,
    may_say_missed,
    may_still_come,
)
from sessions.models import (
    Booking,
    BookingState,
    CallFeedback,
    Cause,
    Dispute,
    Origin,
)
from sessions.notice import may_skip_notice
from sessions.picking import Times, times_page
from sessions.prepared import may_see_answers, tried_checks
from sessions.quality import heard_in
from sessions.room_kinds import has_link, room_of
from sessions.signalling import written_in
from sessions.signoff import undo_until
from sessions.slots import free_slots
from sessions.switching import may_name_guest, may_switch
from sessions.unsigned import may_sign, others_may_from
from sessions.ways_in import ways_in
from sessions.where_forms import GuestForm, LinkForm

NEVER_HELD = (BookingState.CANCELLED, BookingState.PROPOSED)
OFF = (BookingState.CANCELLED, BookingState.MISSED)


def fetch(request: MemberRequest, ref: str, *, to_sign: bool = False) -> Booking:
    """Load a call for its page; a 404 for whoever may not see it.

    `to_sign` for its sign-off, which others may open once it has waited for long.
    """
    calls = (
        unscoped(Booking.objects, "by the access").to_sign_by(request.access)
        if to_sign
        else Booking.objects.visible_to(request.access)
    )
    call = get_object_or_404(
        calls.select_related(
            "trainee",
            "trainer__user",
            "ended_by",
            "created_by",
            "signed_off_by",
            "enrolment__member__reseller",
            "enrolment__edition",
            "enrolment__programme",
            "board",
        ).prefetch_related("topics__topic"),
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
    feedback_form: FeedbackForm | None = None,
    link: LinkForm | None = None,
    guest: GuestForm | None = None,
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
        "others_may_sign": now() >= others_may_from(call),
        "is_over": call.ends_at <= now(),
        "count": _count(call),
        "cancel_form": cancel or CancelForm(is_ours=not is_trainee),
        "links": calendar_files.links(call) if party else None,
        **way_in(request, call),
        "came": _came(request, call),
        **_from_room(request, call),
        "where": _where(request, call, link, guest),
        **_leaving(request, call),
        **_missed(request, call, dispute),
        **_after(request, call, feedback_form),
    }
    if is_trainee and call.state in OFF:
        context["again"] = soonest_again(call, user.time_zone)
    return render(request, "sessions/booking.html", context, status=status)


def _after(
    request: MemberRequest, call: Booking, form: FeedbackForm | None
) -> dict[str, Any]:
    """The board's part in the page: the question and the agenda, then what came of it."""
    user = request.user
    is_trainee = user.pk == call.trainee_id
    said: dict[str, Any] = {}
    if call.state == BookingState.BOOKED and call.has_party(user):
        said["question"] = board_row(call).question
        if is_trainee:
            said["question_form"] = QuestionForm(
                initial=said | {"base": said["question"]}
            )
            said["agenda"] = agenda_of(call) if call.opens_at <= now() else None
    if call.state != BookingState.DONE:
        return said
    said["taken_back"] = taken_back(call)
    said["may_correct"] = may_correct(call, user)
    if is_trainee:
        said["next"] = after_call(call)
        if form or feedback.is_open(call):
            known = CallFeedback.objects.visible_to(request.access)
            given = known.filter(booking=call).first()
            said["feedback"] = given
            initial = (
                {"rating": given.rating, "missing": given.missing} if given else None
            )
            said["feedback_form"] = form or FeedbackForm(initial=initial)
    return said


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
    other = call.trainer.user if user.pk == call.trainee_id else call.trainee
    return {
        "join": ways_in([call], user)[call.pk],
        "other": other,
        "may_say_missed": may_say_missed(call, user),
        "missed_from": _patience_ends(call, user, other),
    }


def _from_room(request: MemberRequest, call: Booking) -> dict[str, Any]:
    """How good the line was, for who sees who came; what was written, for the two."""
    found: dict[str, Any] = {}
    if now() < call.opens_at:
        return found
    if call.has_party(request.user):
        found["written"] = written_in(call, request.access)
    if _may_see_came(request, call):
        found["heard"] = heard_in(call)
    return found


def _came(request: MemberRequest, call: Booking) -> list[Came]:
    """Who came when, for the trainer and the channel team, once it has begun."""
    has_begun = call.starts_at <= now() and call.state not in NEVER_HELD
    return attended(call) if has_begun and _may_see_came(request, call) else []


def _own_came(request: MemberRequest, call: Booking) -> list[Came]:
    """What was seen of somebody who is said to have missed the call: their own part."""
    return [one for one in attended(call) if one.user == request.user]


def _may_see_came(request: MemberRequest, call: Booking) -> bool:
    return request.user.pk == call.trainer.user_id or request.access.is_staff


def _where(
    request: MemberRequest,
    call: Booking,
    link: LinkForm | None,
    guest: GuestForm | None,
) -> dict[str, Any] | None:
    """Where the call is held, for its two sides while it is ahead, and staff."""
    user = request.user
    if call.state != BookingState.BOOKED or now() >= call.closes_at:
        return None
    if not (call.has_party(user) or request.access.is_staff):
        return None
    room, is_trainer = room_of(call), user.pk == call.trainer.user_id
    url = room.url(call)
    return {
        "words": room.where(),
        "is_room": room.is_ours,
        "host": "" if room.is_ours or not is_trainer else urlsplit(url).hostname,
        "missing": not url,
        "has_link": has_link(call),
        "may_switch": may_switch(call, user),
        "link_form": link or LinkForm(),
        "guest_form": (guest or GuestForm()) if may_name_guest(call, user) else None,
    }


def _patience_ends(call: Booking, user: User, other: User) -> datetime | None:
    """From when on one can say that the other did not come, while that is ahead."""
    at = call.starts_at + PATIENCE
    if not call.starts_at <= now() < at or not has_come(call, user):
        return None
    return None if has_come(call, other) else at


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
    is_disputable = is_me and said is None
    return {
        "is_missing": is_me,
        "may_still_come": is_party and may_still_come(call, request.user),
        "dispute": said if is_party or request.access.is_staff else None,
        "dispute_form": (form or DisputeForm()) if is_disputable else None,
        "own_came": _own_came(request, call) if is_disputable else [],
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


def may_sign_off(request: MemberRequest, call: Booking) -> bool:
    return (
        may_sign(call, request.user)
        and call.state in (BookingState.BOOKED, BookingState.DONE)
        and call.starts_at <= now()
    )
