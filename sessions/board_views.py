"""The board of a call, saved as it is typed, and the agenda its trainee sees."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from lms.errors import Refused
from lms.mail import times
from lms.people.access import MemberRequest
from sessions.attended import attended
from sessions.board import WrittenElsewhere, ask, drafts_of, save_draft
from sessions.board_page import board_of, form_for
from sessions.call_page import fetch
from sessions.extending import extend_call, extended_end
from sessions.forms import BoardForm, ExtendForm, QuestionForm, SignOffForm
from sessions.models import BoardTopic, Booking, Outcome
from sessions.signoff import Overlooked, asked_of, undo_sign_off
from sessions.signoff import sign_off as sign_off_call
from sessions.unsigned import is_for_another, may_sign


def fetch_to_sign(request: MemberRequest, ref: str) -> Booking:
    """Load a call to sign off: a stranger's is a 404, another role's a 403."""
    call = fetch(request, ref, to_sign=True)
    if not may_sign(call, request.user):
        raise PermissionDenied
    return call


# --- As it is typed ------------------------------------------------------------------


@login_required
@require_POST
def save(request: MemberRequest, ref: str, topic_pk: int) -> HttpResponse:
    """Keep what is typed of one topic; answered with its new version, as JSON."""
    call = fetch_to_sign(request, ref)
    line = get_object_or_404(call.topics.select_related("booking"), pk=topic_pk)
    asked = asked_of(call).get(line.topic_id)
    form = BoardForm(
        request.POST,
        topics=[line],
        criteria={line.topic_id: list(asked.criteria) if asked else []},
        drafts=drafts_of(call),
        is_trainer=call.trainer.user_id == request.user.pk,
    )
    if not form.is_valid():
        (errors, *_more) = form.errors.values()
        return JsonResponse({"words": errors[0]}, status=422)
    try:
        draft = save_draft(line, form.typed(), by=request.user)
    except WrittenElsewhere as elsewhere:
        return JsonResponse(_both(elsewhere.draft, form, request), status=409)
    except Refused as refusal:
        return JsonResponse({"words": str(refusal), "is_over": True}, status=409)
    clock = times.clock(draft.saved_at, request.user.time_zone)
    return JsonResponse(
        {"version": draft.version, "words": _("Saved %(time)s") % {"time": clock}}
    )


def _both(
    draft: BoardTopic, form: BoardForm, request: MemberRequest
) -> dict[str, object]:
    """What stands on the board, for the page that wants to write something else."""
    said = "" if draft.outcome == Outcome.PENDING else draft.outcome
    theirs: dict[str, object] = {
        "version": draft.version,
        "outcome": said,
        "criteria": draft.criteria_met,
        "note": draft.note,
    }
    if form.is_trainer:
        theirs["private"] = draft.private_note
    by = draft.saved_by
    words = (
        _("You wrote here in another window too. Both texts are kept.")
        if by is None or by.pk == request.user.pk
        else _("%(name)s wrote here too. Both texts are kept.") % {"name": by}
    )
    return {"words": words, "theirs": theirs}


@login_required
@require_safe
@never_cache
def board(request: MemberRequest, ref: str) -> HttpResponse:
    """The board by itself, as the room shows it."""
    return _board(request, fetch_to_sign(request, ref))


def _board(
    request: MemberRequest,
    call: Booking,
    form: SignOffForm | None = None,
    *,
    refusal: str = "",
    status: int = 200,
) -> HttpResponse:
    board = board_of(request, call, form) | {"refusal": refusal}
    context = {"board": board, "in_room": True}
    return render(request, "sessions/_board.html", context, status=status)


@login_required
@require_POST
def extend(request: MemberRequest, ref: str) -> HttpResponse:
    """Go on for a quarter of an hour, when both are free."""
    call = fetch_to_sign(request, ref)
    form = ExtendForm(request.POST)
    words, status = "", 422
    if form.is_valid():
        try:
            extend_call(call, ends_at=form.cleaned_data["ends_at"], by=request.user)
        except Refused as refusal:
            words, status = str(refusal), 409
        else:
            words, status = _("Extended by 15 minutes."), 200
    else:
        words = str(form.errors["ends_at"][0])
    if request.htmx:
        call = fetch(request, ref, to_sign=True)
        is_trainer = call.trainer.user_id == request.user.pk
        board = {"call": call, "extended": extended_end(call) if is_trainer else None}
        context = {
            "board": board,
            "refusal": words if status != 200 else "",
            "in_room": True,
        }
        return render(request, "sessions/_board_time.html", context, status=status)
    (messages.success if status == 200 else messages.error)(request, words)
    return redirect("sessions:sign_off", ref)


# --- The sign-off ----------------------------------------------------------------


@login_required
@never_cache
def sign_off(request: MemberRequest, ref: str) -> HttpResponse:
    """Say, topic by topic, what the call covered; in the room, without leaving it."""
    call = fetch_to_sign(request, ref)
    form, status = None, 200
    if request.method == "POST":
        form, status = form_for(request, call, request.POST), 422
        if form.is_valid():
            try:
                sign_off_call(call, form.words(), by=request.user)
            except Refused as refusal:
                if isinstance(refusal, Overlooked):
                    form = form.with_both_texts()
                form.add_error(None, str(refusal))
                status = 409
            else:
                if request.htmx:
                    return _board(request, fetch(request, ref, to_sign=True))
                messages.success(request, _("Signed off. Thank you."))
                return redirect(_page_of(request, call))
        if request.htmx:
            return _board(request, call, form, status=status)
    context = {
        "call": call,
        "board": board_of(request, call, form),
        "form": form,
        "came": attended(call),
        "is_for_another": is_for_another(call, request.user),
        "back_url": _page_of(request, call) if _sees_call(request, call) else "",
    }
    return render(request, "sessions/sign_off.html", context, status=status)


def _sees_call(request: MemberRequest, call: Booking) -> bool:
    return call.has_party(request.user) or request.access.is_staff


def _page_of(request: MemberRequest, call: Booking) -> str:
    """The call's page, or, for a colleague who signs it off, this one again."""
    if _sees_call(request, call):
        return call.get_absolute_url()
    return reverse("sessions:sign_off", args=[call.ref])


@login_required
@require_POST
def undo(request: MemberRequest, ref: str) -> HttpResponse:
    """Take a sign-off back, shortly after; in the room, without leaving it."""
    call = fetch_to_sign(request, ref)
    try:
        undo_sign_off(call, by=request.user)
    except Refused as refusal:
        if request.htmx:
            return _board(request, call, refusal=str(refusal), status=409)
        messages.error(request, str(refusal))
        return redirect(_page_of(request, call))
    if request.htmx:
        return _board(request, fetch(request, ref, to_sign=True))
    messages.success(request, _("The sign-off is undone. The call waits for it again."))
    return redirect("sessions:sign_off", call.ref)


# --- The trainee's side --------------------------------------------------------------


@login_required
@require_POST
def question(request: MemberRequest, ref: str) -> HttpResponse:
    """What the trainee wants to ask, kept as it is typed."""
    call = fetch(request, ref)
    if call.trainee_id != request.user.pk:
        raise PermissionDenied
    form = QuestionForm(request.POST)
    words, status, kept = "", 422, ""
    if form.is_valid():
        asked = form.cleaned_data["question"]
        base = form.cleaned_data["base"] if "base" in request.POST else None
        try:
            kept = ask(call, asked, by=request.user, base=base).question
        except Refused as refusal:
            words, status = str(refusal), 409
        else:
            words, status = _("Saved. Your trainer sees it."), 200
            if kept != asked:
                words = _("You wrote here in another window too. Both texts are kept.")
    else:
        words = str(next(iter(form.errors.values()))[0])
    if request.get_preferred_type(["text/html", "application/json"]) != "text/html":
        return JsonResponse({"words": words, "question": kept}, status=status)
    (messages.success if status == 200 else messages.error)(request, words)
    return redirect(call)
