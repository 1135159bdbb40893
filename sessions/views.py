"""The trainee's agenda, and a call: its page, the way in, its calendar file."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_safe

from lms.errors import Refused
from lms.people.access import MemberRequest
from sessions import calendar_files
from sessions.call_page import fetch, show, way_in
from sessions.models import Booking, BookingState
from sessions.offers import was_agreed
from sessions.room import enter, may_enter
from sessions.ways_in import ways_in

PAST_PER_PAGE = 25


@login_required
@require_safe
def agenda(request: MemberRequest) -> HttpResponse:
    """One's own calls: coming, waiting for sign-off, past."""
    own = (
        Booking.objects.visible_to(request.access)
        .filter(trainee=request.user)
        .agreed()
        .for_agenda()
    )
    over = own.exclude(state=BookingState.BOOKED).order_by("-starts_at", "-pk")
    open_calls = list(own.filter(state=BookingState.BOOKED))
    context = {
        "joins": ways_in(open_calls, request.user),
        "coming": [call for call in open_calls if call.ends_at > now()],
        "waiting": [call for call in open_calls if call.ends_at <= now()],
        "past": Paginator(over, PAST_PER_PAGE).get_page(request.GET.get("page")),
    }
    return render(request, "sessions/agenda.html", context)


@login_required
@require_safe
@never_cache
def booking(request: MemberRequest, ref: str) -> HttpResponse:
    """A call: when, with whom, on what, the way in, and what was covered."""
    call = fetch(request, ref)
    if call.offer and not was_agreed(call) and call.has_party(request.user):
        return redirect("sessions:offer", call.offer)
    if request.htmx:
        return _way_in(request, call)
    return show(request, call)


def _way_in(request: MemberRequest, call: Booking) -> HttpResponse:
    """The join button alone; the whole page anew once it is over and says more."""
    way = way_in(request, call)
    if not way or not way["join"].changes:
        return HttpResponse(headers={"HX-Refresh": "true"})
    is_line = request.GET.get("in") == "list"
    name = "sessions/_line_join.html" if is_line else "sessions/_join.html"
    return render(request, name, {"call": call, **way})


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
@require_safe
def calendar_file(request: MemberRequest, ref: str) -> HttpResponse:
    """The call as a calendar file, for one of the two."""
    call = fetch(request, ref)
    if not call.has_party(request.user) or not was_agreed(call):
        return redirect(call)
    file = calendar_files.calendar_file(call, request.user)
    return HttpResponse(
        file["text"],
        content_type=f"text/calendar; charset=utf-8; method={file['method']}",
        headers={"Content-Disposition": 'attachment; filename="call.ics"'},
    )
