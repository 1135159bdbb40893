"""The trainee's screens of calls, and the page that both sides share."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST, require_safe

from lms.errors import Refused
from lms.people.access import MemberRequest
from sessions import calendar_files
from sessions.cancelling import cancel_call
from sessions.forms import CancelForm
from sessions.models import Booking, BookingState
from sessions.room import enter, join_button, may_enter
from sessions.signoff import undo_until

PAST_PER_PAGE = 25


@login_required
@require_safe
def agenda(request: MemberRequest) -> HttpResponse:
    """One's own calls: coming, waiting for sign-off, past."""
    own = (
        Booking.objects.visible_to(request.access)
        .filter(trainee=request.user)
        .exclude(state=BookingState.PROPOSED)
        .for_agenda()
    )
    over = own.exclude(state=BookingState.BOOKED).order_by("-starts_at", "-pk")
    open_calls = list(own.filter(state=BookingState.BOOKED))
    context = {
        "coming": [call for call in open_calls if call.ends_at > now()],
        "waiting": [call for call in open_calls if call.ends_at <= now()],
        "past": Paginator(over, PAST_PER_PAGE).get_page(request.GET.get("page")),
    }
    return render(request, "sessions/agenda.html", context)


# --- One call ----------------------------------------------------------------------


def fetch(request: MemberRequest, ref: str) -> Booking:
    """Load a call for its page; a 404 for whoever may not see it."""
    return get_object_or_404(
        Booking.objects.visible_to(request.access)
        .select_related(
            "trainee",
            "trainer__user",
            "ended_by",
            "enrolment__member__reseller",
            "enrolment__edition",
            "enrolment__programme",
        )
        .prefetch_related("topics__topic"),
        ref=ref,
    )


@login_required
@require_safe
@never_cache
def booking(request: MemberRequest, ref: str) -> HttpResponse:
    """A call: when, with whom, on what, the way in, and what was covered."""
    call = fetch(request, ref)
    if request.htmx:
        return render(
            request,
            "sessions/_join.html",
            {"call": call, "join": join_button(call, request.user)},
        )
    return _show(request, call, CancelForm())


def _show(
    request: MemberRequest, call: Booking, form: CancelForm, status: int = 200
) -> HttpResponse:
    user = request.user
    party = call.has_party(user)
    until = undo_until(call)
    context = {
        "call": call,
        "topics": call.topics.all(),
        "is_party": party,
        "is_trainee": user.pk == call.trainee_id,
        "is_trainer": user.pk == call.trainer.user_id,
        "other_zone": _other_zone(call, user.pk),
        "join": join_button(call, user) if party else None,
        "may_cancel": (party or request.access.is_staff)
        and call.state == BookingState.BOOKED
        and call.starts_at > now(),
        "may_sign_off": _may_sign_off(request, call),
        "undo_until": until if until and until >= now() else None,
        "on_time_until": call.on_time_until,
        "is_over": call.ends_at <= now(),
        "form": form,
        "links": calendar_files.links(call) if party else None,
    }
    return render(request, "sessions/booking.html", context, status=status)


def _other_zone(call: Booking, user_pk: int) -> str:
    """The other side's zone; for onlookers, the trainee's."""
    if user_pk == call.trainee_id:
        return call.trainer.time_zone
    return call.trainee.time_zone


def _may_sign_off(request: MemberRequest, call: Booking) -> bool:
    is_theirs = request.user.pk == call.trainer.user_id or request.access.is_staff
    return (
        is_theirs
        and request.user.pk != call.trainee_id
        and call.state in (BookingState.BOOKED, BookingState.DONE)
        and call.starts_at <= now()
    )


@login_required
@require_GET
@never_cache
def join(request: MemberRequest, ref: str) -> HttpResponse:
    """Note that one of the two came, and lead to the room while it is open."""
    call = fetch(request, ref)
    if not may_enter(call, request.user):
        return redirect(call)
    try:
        room = enter(call, request.user)
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect(call)
    return HttpResponseRedirect(room)


@login_required
@require_POST
def cancel(request: MemberRequest, ref: str) -> HttpResponse:
    """Call a call off, with a reason."""
    call = fetch(request, ref)
    form = CancelForm(request.POST)
    if not form.is_valid():
        return _show(request, call, form, status=422)
    try:
        cancel_call(call, by=request.user, reason=form.cleaned_data["reason"])
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return _show(request, call, form, status=409)
    messages.success(request, _("The call is cancelled. Both of you are told by mail."))
    return redirect(call)


@login_required
@require_safe
def calendar_file(request: MemberRequest, ref: str) -> HttpResponse:
    """The call as a calendar file, for one of the two."""
    call = fetch(request, ref)
    if not call.has_party(request.user):
        return redirect(call)
    file = calendar_files.calendar_file(call, request.user)
    return HttpResponse(
        file["text"],
        content_type=f"text/calendar; charset=utf-8; method={file['method']}",
        headers={"Content-Disposition": 'attachment; filename="call.ics"'},
    )
