"""The room of a call: its page, and all that its page asks while it is open."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from lms.errors import Refused
from lms.people.access import MemberRequest
from lms.people.sign_ins import own_row
from sessions import relay
from sessions.board import agenda_version
from sessions.board_page import agenda_of, board_of
from sessions.models import Booking
from sessions.presence import TooMuch, leave, may_be_there, other_of, why_over
from sessions.room_kinds import has_link
from sessions.room_phrases import phrases
from sessions.room_words import LONGEST_BODY, read_message, read_poll, read_tab
from sessions.signalling import exchange, own_call, write_message

STOP_ASKING = 286  # htmx asks no more: what was signed off stays so


def _own(request: MemberRequest, ref: str) -> Booking:
    """A call of which they are one of the two, still; a 404 for everybody else."""
    call = own_call(ref, request.user)
    if call is None or not may_be_there(call, request.user):
        raise Http404
    return call


@login_required
@require_GET
@never_cache
def room(request: MemberRequest, ref: str) -> HttpResponse:
    """The room, while it is open; else the call's page, which says when it is."""
    call = _own(request, ref)
    if over := why_over(call, request.user):
        return redirect(over.url)
    is_trainee = request.user.pk == call.trainee_id
    context = {
        "call": call,
        "zone": request.user.time_zone,
        "is_trainee": is_trainee,
        "other": other_of(call, request.user),
        "config": _config(request, call),
        "link_template": "sessions/_room_link.html" if has_link(call) else "",
    }
    if is_trainee:
        context["agenda"] = agenda_of(call)
    else:
        context["board"] = board_of(request, call)
    return render(request, "sessions/room.html", context)


def _config(request: MemberRequest, call: Booking) -> dict[str, Any]:
    """What the page's script is told."""
    user = request.user
    is_trainee = user.pk == call.trainee_id
    other = other_of(call, user)

    def to(name: str) -> str:
        return reverse(f"sessions:{name}", args=[call.ref])

    return {
        "poll": to("room_poll"),
        "leave": to("leave_room"),
        "message": to("room_message"),
        "agenda": to("room_agenda"),
        "after": call.get_absolute_url(),
        "link": to("use_link") if has_link(call) else "",
        "me": str(user),
        "other": str(other),
        "token": get_token(request),
        "role": "trainee" if is_trainee else "trainer",
        "polite": is_trainee,
        "agenda_version": agenda_version(call),
        "starts_at": call.starts_at.isoformat(),
        "ends_at": call.ends_at.isoformat(),
        "ice_servers": relay.ice_servers(),
        "ice_fresh_for": relay.fresh_for(),
        "words": phrases(str(other)),
    }


@login_required
@require_POST
@never_cache
def room_poll(request: MemberRequest, ref: str) -> HttpResponse:
    """Take what a page tells, and answer with what is new for it."""
    try:
        said = read_poll(_body(request))
        answer = exchange(ref, request.user, said, own_row(request))
    except Refused as refusal:
        _own(request, ref)  # whoever may not be here is told nothing else
        return _refused(refusal)
    if answer is None:
        raise Http404
    return JsonResponse(answer)


@login_required
@require_POST
@never_cache
def room_message(request: MemberRequest, ref: str) -> HttpResponse:
    """Keep a line to the other side."""
    call = _own(request, ref)
    if over := why_over(call, request.user):
        return JsonResponse(over._asdict(), status=409)
    try:
        line = read_message(_body(request))
        return JsonResponse(write_message(call, request.user, line))
    except Refused as refusal:
        return _refused(refusal)


@login_required
@require_POST
@never_cache
def leave_room(request: MemberRequest, ref: str) -> HttpResponse:
    """End the stay of a tab that says goodbye; of any of one's own, where none is named."""
    call = _own(request, ref)
    try:
        tab = read_tab(request.POST.get("tab", ""))
    except Refused as refusal:
        return JsonResponse({"words": str(refusal)}, status=422)
    leave(call, request.user, tab)
    return HttpResponse(status=204) if tab else redirect(call)


@login_required
@require_GET
@never_cache
def room_agenda(request: MemberRequest, ref: str) -> HttpResponse:
    """What the call is on, with its ticks; and at once what was signed off."""
    call = _own(request, ref)
    agenda = agenda_of(call)
    status = STOP_ASKING if agenda["is_done"] else 200
    context = {"agenda": agenda}
    return render(request, "sessions/_agenda_live.html", context, status=status)


class _TooLongError(Refused):
    """More than anybody has to say at once."""


def _body(request: MemberRequest) -> bytes:
    length = request.META.get("CONTENT_LENGTH") or "0"
    if int(length) > LONGEST_BODY:
        raise _TooLongError("This is too long.")
    return request.body


def _refused(refusal: Refused) -> JsonResponse:
    if isinstance(refusal, TooMuch):
        wait = {"Retry-After": "5"}
        return JsonResponse({"words": str(refusal)}, status=429, headers=wait)
    status = 413 if isinstance(refusal, _TooLongError) else 400
    return JsonResponse({"words": str(refusal)}, status=status)
