"""Where an offer is answered, and where somebody asks for a time."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from courses.models import Enrolment
from lms.errors import Refused
from lms.mail import times
from lms.people.access import MemberRequest
from sessions import earlier
from sessions.asking import ask_for_time, open_request, withdraw_request
from sessions.booking import ready_topics
from sessions.call_page import fetch
from sessions.earlier import wait_for_earlier
from sessions.models import Booking, BookingState, Cause
from sessions.offer_forms import AnswerForm, AskForm
from sessions.offers import Offer
from sessions.proposals import decline, take, withdraw

# --- An offer ----------------------------------------------------------------------


@login_required
@never_cache
def offer(request: MemberRequest, offer: UUID) -> HttpResponse:
    """The times proposed: take one, or none. Its trainer sees it and may withdraw.

    Opening it changes nothing: scanners of mail open links too.
    """
    shown = _fetch(request, offer)
    if request.method != "POST":
        return _show(request, shown, AnswerForm())
    form = AnswerForm(request.POST)
    if not form.is_valid():
        return _show(request, shown, form, status=422)
    try:
        if form.cleaned_data["take"]:
            return _take(request, shown, form.cleaned_data["take"])
        if form.cleaned_data["answer"] == "withdraw":
            return _withdraw(request, shown)
        return _decline(request, shown, form.cleaned_data["line"])
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return _show(request, _fetch(request, offer), form, status=409)


def _fetch(request: MemberRequest, offer: UUID) -> Offer:
    """Load an offer for one of the two; a 404 for everybody else."""
    calls = list(
        Booking.objects.visible_to(request.access)
        .filter(Q(trainee=request.user) | Q(trainer__user=request.user), offer=offer)
        .select_related(
            "trainee",
            "trainer__user",
            "ended_by",
            "enrolment__member__reseller",
            "enrolment__edition",
            "replaces__trainer__user",
        )
        .prefetch_related("topics")
        .order_by("starts_at")
    )
    if not calls:
        raise Http404
    last = max(calls, key=lambda call: call.pk)  # a freed time is offered in turn
    asked = last.trainee_id, last.replaces_id
    return Offer([one for one in calls if (one.trainee_id, one.replaces_id) == asked])


def _show(
    request: MemberRequest, shown: Offer, form: AnswerForm, status: int = 200
) -> HttpResponse:
    first = shown.calls[0]
    is_trainee = first.trainee_id == request.user.pk
    context = {
        "offer": shown,
        "first": first,
        "enrolment": first.enrolment,
        "trainer": first.trainer,
        "topics": first.topics.all(),
        "is_trainee": is_trainee,
        "other_zone": first.trainer.time_zone
        if is_trainee
        else first.trainee.time_zone,
        "end": "" if shown.open else _end(shown),
        "form": form,
    }
    return render(request, "sessions/offer.html", context, status=status)


def _end(shown: Offer) -> str:
    """How an offer that is no longer open ended."""
    taken = shown.taken
    if taken is not None:
        return "cancelled" if taken.state == BookingState.CANCELLED else "taken"
    by = shown.ended_by
    if by is None:
        causes = {call.cause for call in shown.calls}
        return "covered" if Cause.BYTEKAST in causes else "run out"
    if by.pk == shown.calls[0].trainee_id:
        return "declined"
    return "withdrawn"


def _take(request: MemberRequest, shown: Offer, ref: str) -> HttpResponse:
    wanted = next((call for call in shown.calls if call.ref == ref), None)
    if wanted is None:
        raise Refused(_("That time is not one of those offered. Choose one below."))
    call = take(wanted, by=request.user)
    written = {"time": times.moment(call.starts_at, request.user.time_zone)}
    words = (
        _("Your call is moved: %(time)s.")
        if shown.is_earlier
        else _("Your call is booked: %(time)s.")
    )
    messages.success(request, words % written)
    return redirect(call)


def _decline(request: MemberRequest, shown: Offer, line: str) -> HttpResponse:
    decline(shown.pk, by=request.user, line=line)
    if shown.is_earlier:
        messages.success(request, _("Your call stays as it was."))
        return redirect(shown.calls[0].replaces or "sessions:agenda")
    messages.success(
        request,
        _("%(trainer)s is told that none of the times suits.")
        % {"trainer": shown.calls[0].trainer},
    )
    return redirect("sessions:offer", shown.pk)


def _withdraw(request: MemberRequest, shown: Offer) -> HttpResponse:
    withdraw(shown.pk, by=request.user)
    messages.success(
        request,
        _("The times are free again, and %(name)s is told.")
        % {"name": shown.calls[0].trainee},
    )
    return redirect("sessions:schedule", shown.calls[0].enrolment_id)


# --- Asking for a time ---------------------------------------------------------------


@login_required
@never_cache
def ask(request: MemberRequest, enrolment_pk: int) -> HttpResponse:
    """None of the free times suits: say which would. Sending again replaces it."""
    enrolment = get_object_or_404(
        Enrolment.objects.visible_to(request.access)
        .filter(member__user=request.user)
        .select_related("edition", "programme", "member__user"),
        pk=enrolment_pk,
    )
    if request.method != "POST":
        if not enrolment.is_open:
            messages.info(request, _("This programme is complete or closed for you."))
            return redirect("dashboards:my")
        return _show_asking(request, enrolment, _asking_form(request, enrolment))
    if request.POST.get("answer") == "withdraw":
        withdraw_request(enrolment, by=request.user)
        messages.success(request, _("You no longer ask for a time."))
        return redirect("sessions:book", enrolment.pk)
    form = AskForm(request.POST)
    if not form.is_valid():
        return _show_asking(request, enrolment, form, status=422)
    said = dict(form.cleaned_data)
    try:
        ask_for_time(enrolment, time_zone=said.pop("zone"), by=request.user, **said)
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return _show_asking(request, enrolment, form, status=409)
    messages.success(
        request,
        _("Your trainers see what would suit you. You get a mail when one proposes."),
    )
    return redirect("sessions:book", enrolment.pk)


def _asking_form(request: MemberRequest, enrolment: Enrolment) -> AskForm:
    asked = open_request(enrolment)
    if asked is None:
        return AskForm(initial={"zone": request.user.time_zone})
    return AskForm(
        initial={
            "weekdays": asked.weekdays,
            "parts": asked.parts,
            "zone": asked.time_zone,
            "note": asked.note,
        }
    )


def _show_asking(
    request: MemberRequest, enrolment: Enrolment, form: AskForm, status: int = 200
) -> HttpResponse:
    context = {
        "enrolment": enrolment,
        "form": form,
        "asked": open_request(enrolment),
        "topics": ready_topics(enrolment),
    }
    return render(request, "sessions/ask.html", context, status=status)


# --- Waiting for an earlier time -----------------------------------------------------


@login_required
@require_POST
def wait(request: MemberRequest, ref: str) -> HttpResponse:
    """Be told when an earlier time than this call's is free."""
    call = fetch(request, ref)
    try:
        wait_for_earlier(call, by=request.user)
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("You get a mail when an earlier time is free."))
    return redirect(call)


@login_required
@require_POST
def stop_waiting(request: MemberRequest, ref: str) -> HttpResponse:
    """Be told no longer."""
    call = fetch(request, ref)
    try:
        earlier.stop_waiting(call, by=request.user)
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("You are no longer told of an earlier time."))
    return redirect(call)
