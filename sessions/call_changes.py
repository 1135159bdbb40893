"""What changes a call: cancelling, handing over, missed, and what is said of that."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from lms.errors import Refused
from lms.people.access import MemberRequest
from sessions import handing_over, missing
from sessions.call_page import fetch, show
from sessions.cancelling import cancel_call
from sessions.forms import CancelForm, DisputeForm, HandOverForm
from sessions.models import Booking, BookingState, Cause


@login_required
@require_POST
def cancel(request: MemberRequest, ref: str) -> HttpResponse:
    """Call a call off, with a reason."""
    call = fetch(request, ref)
    if call.state == BookingState.CANCELLED:
        messages.info(request, _("This call is cancelled already."))
        return redirect(call)
    if call.state == BookingState.PROPOSED:  # its page asks for another answer
        messages.info(request, _("This time is only proposed. Answer it here."))
        return redirect(call)
    is_ours = request.user.pk != call.trainee_id
    form = CancelForm(request.POST, is_ours=is_ours)
    if not form.is_valid():
        return show(request, call, cancel=form, status=422)
    try:
        cancel_call(
            call,
            by=request.user,
            reason=form.cleaned_data["reason"],
            cause=Cause(form.cleaned_data["cause"]),
        )
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return show(request, call, cancel=form, status=409)
    messages.success(request, _("The call is cancelled. Both of you are told by mail."))
    return redirect(call)


@login_required
@require_POST
def missed(request: MemberRequest, ref: str) -> HttpResponse:
    """Say that the other did not come."""
    call = fetch(request, ref)
    try:
        missing.say_missed(call, by=request.user)
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(
            request, _("Noted. If they still come, the call goes on as booked.")
        )
    return redirect(call)


@login_required
@require_POST
def dispute(request: MemberRequest, ref: str) -> HttpResponse:
    """Say that it is not what happened: the channel team looks at it."""
    call = fetch(request, ref)
    form = DisputeForm(request.POST)
    if not form.is_valid():
        return show(request, call, dispute=form, status=422)
    try:
        missing.dispute(call, by=request.user, text=form.cleaned_data["text"])
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect(call)
    messages.success(
        request, _("Thank you. The training team looks at it and answers you by mail.")
    )
    return redirect(call)


@login_required
@never_cache
def hand_over(request: MemberRequest, ref: str) -> HttpResponse:
    """Give a call to a colleague who is free; or ask the trainee to choose again."""
    call = fetch(request, ref)
    is_theirs = (
        request.user.pk == call.trainer.user_id or request.access.may_change_people
    )
    if not is_theirs or request.user.pk == call.trainee_id:
        raise PermissionDenied
    if request.method != "POST":
        if call.state != BookingState.BOOKED or call.starts_at <= now():
            messages.info(request, _("This call can no longer be handed over."))
            return redirect(call)
        return _show_colleagues(request, call, HandOverForm(call))
    form = HandOverForm(call, request.POST)
    if not form.is_valid():
        return _show_colleagues(request, call, form, status=422)
    try:
        return _hand_over(request, call, form)
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return _show_colleagues(request, call, form, status=409)


def _hand_over(
    request: MemberRequest, call: Booking, form: HandOverForm
) -> HttpResponse:
    to = form.colleague
    if to is None:
        reason = form.cleaned_data["reason"]
        handing_over.ask_to_choose_again(call, by=request.user, reason=reason)
        messages.success(
            request,
            _("%(name)s is asked to choose again, with the three soonest times.")
            % {"name": call.trainee},
        )
        return redirect(call)
    handing_over.hand_over(call, to, by=request.user)
    messages.success(
        request, _("%(name)s holds the call now. All are told by mail.") % {"name": to}
    )
    # who hands over their own call no longer sees it
    return redirect(call if request.access.may_change_people else "sessions:today")


def _show_colleagues(
    request: MemberRequest, call: Booking, form: HandOverForm, status: int = 200
) -> HttpResponse:
    context = {
        "call": call,
        "form": form,
        "is_trainer": request.user.pk == call.trainer.user_id,
    }
    return render(request, "sessions/hand_over.html", context, status=status)
