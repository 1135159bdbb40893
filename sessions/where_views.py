"""Saying where a call is held, and who else comes to it."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from lms.errors import Refused
from lms.people.access import MemberRequest
from sessions import switching
from sessions.call_page import fetch, show
from sessions.models import Booking
from sessions.room import may_enter
from sessions.where_forms import GuestForm, LinkForm

JSON = "application/json"


@login_required
@require_POST
def use_link(request: MemberRequest, ref: str) -> HttpResponse:
    """Switch a call to the outside link; both are led there.

    Out of the room (`Accept: application/json`) the answer is the way there, or why not.
    """
    call = fetch(request, ref)
    form = LinkForm(request.POST)
    is_room = request.accepts(JSON) and not request.accepts("text/html")
    if not form.is_valid():
        if is_room:
            return JsonResponse({"words": form.words}, status=422)
        return show(request, call, link=form, status=422)
    try:
        switching.use_link(
            call, by=request.user, room_url=form.cleaned_data["room_url"]
        )
    except Refused as refusal:
        if is_room:
            return JsonResponse({"words": str(refusal)}, status=409)
        form.add_error("room_url", str(refusal))
        return show(request, call, link=form, status=409)
    if is_room:
        return JsonResponse({"url": reverse("sessions:join", args=[call.ref])})
    call.refresh_from_db()
    if "go" in request.POST and may_enter(call, request.user):
        return _go_out(request, call)
    messages.success(request, _("The call is behind the outside link now."))
    return redirect(call)


def _go_out(request: MemberRequest, call: Booking) -> HttpResponse:
    """Lead on to the link by a page: a form of ours may not redirect off the site."""
    way_in = reverse("sessions:join", args=[call.ref])
    context = {"call": call, "join_url": way_in}
    answer = render(request, "sessions/going_out.html", context)
    answer.headers["Refresh"] = f"0; url={way_in}"
    return answer


@login_required
@require_POST
def use_room(request: MemberRequest, ref: str) -> HttpResponse:
    """Hold a call in the room of this site again."""
    said = _("The call is in the room on this site now.")
    return _do(
        request, ref, lambda call: switching.use_room(call, by=request.user), said
    )


@login_required
@require_POST
def name_guest(request: MemberRequest, ref: str) -> HttpResponse:
    """Say who else comes to a call."""
    call = fetch(request, ref)
    form = GuestForm(request.POST)
    if not form.is_valid():
        return show(request, call, guest=form, status=422)
    try:
        switching.name_guest(call, by=request.user, **form.cleaned_data)
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return show(request, call, guest=form, status=409)
    messages.success(
        request, _("Noted, and the other side is told: the call is behind a link now.")
    )
    return redirect(call)


@login_required
@require_POST
def drop_guest(request: MemberRequest, ref: str) -> HttpResponse:
    """Say that nobody else comes."""
    said = _("Noted: nobody else comes.")
    return _do(
        request, ref, lambda call: switching.drop_guest(call, by=request.user), said
    )


def _do(
    request: MemberRequest, ref: str, act: Callable[[Booking], object], said: str
) -> HttpResponse:
    call = fetch(request, ref)
    try:
        act(call)
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, said)
    return redirect(call)
