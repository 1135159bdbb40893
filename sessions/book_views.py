"""Booking a call, and moving one: the pages of free times."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache

from courses.models import Enrolment
from lms.errors import Refused
from lms.mail import times
from lms.people.access import MemberRequest
from sessions.book_page import BookPage
from sessions.booking import book_calls
from sessions.call_page import fetch
from sessions.models import BookingState, Cause
from sessions.move_page import MovePage
from sessions.moving import move_call, require_movable


@login_required
@never_cache
def book(request: MemberRequest, enrolment_pk: int) -> HttpResponse:
    """Choose topics and times; one more click books."""
    enrolment = get_object_or_404(
        Enrolment.objects.visible_to(request.access)
        .filter(member__user=request.user)
        .select_related("edition", "programme", "member__user"),
        pk=enrolment_pk,
    )
    page = BookPage(request, enrolment)
    if request.method == "POST":
        return _book_now(request, enrolment, page)
    if not enrolment.is_open:
        messages.info(request, _("This programme is complete or closed for you."))
        return redirect("dashboards:my")
    return page.answer()


def _book_now(
    request: MemberRequest, enrolment: Enrolment, page: BookPage
) -> HttpResponse:
    form = page.form()
    if not form.is_valid():
        return page.invalid(form)
    said = form.cleaned_data
    try:
        booked = book_calls(
            enrolment,
            said["parts"],
            request_key=said["request_key"],
            by=request.user,
            trainer=said["trainer"],
            language=said["language"],
        )
    except Refused as refusal:
        return page.refused(refusal)
    if any(one.state == BookingState.CANCELLED for one in booked):  # sent once more
        messages.info(request, _("You booked this before, and it is cancelled since."))
        return redirect(booked[0] if len(booked) == 1 else "sessions:agenda")
    when = [times.moment(one.starts_at, request.user.time_zone) for one in booked]
    messages.success(
        request,
        ngettext(
            "Your call is booked: %(times)s.",
            "Your calls are booked: %(times)s.",
            len(when),
        )
        % {"times": "; ".join(when)},
    )
    return redirect(booked[0] if len(booked) == 1 else "sessions:agenda")


@login_required
@never_cache
def move(request: MemberRequest, ref: str) -> HttpResponse:
    """Choose another time for a call that is booked; one more click moves it."""
    call = fetch(request, ref)
    if not (call.has_party(request.user) or request.access.may_change_people):
        raise PermissionDenied
    page = MovePage(request, call)
    if request.method == "POST":
        return _move_now(request, page)
    try:
        require_movable(call, request.user)
    except Refused as refusal:
        messages.info(request, str(refusal))
        return redirect(call)
    return page.answer()


def _move_now(request: MemberRequest, page: MovePage) -> HttpResponse:
    form = page.form()
    if not form.is_valid():
        return page.invalid(form)
    said = form.cleaned_data
    try:
        moved = move_call(
            page.booking,
            starts_at=said["start"],
            by=request.user,
            trainer=page.to(form),
            any_hours=page.any_hours,
            cause=Cause(said["cause"] or Cause.PLANS),
        )
    except Refused as refusal:
        return page.refused(refusal)
    messages.success(
        request,
        _("The call is moved: %(time)s. Both of you are told by mail.")
        % {"time": times.moment(moved.starts_at, request.user.time_zone)},
    )
    return redirect(moved)
