"""After a call: how it was, for the trainee to say; and taking a sign-off back."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from lms.errors import Refused
from lms.people.access import MemberRequest
from lms.people.roles import staff_required
from sessions import feedback
from sessions.call_page import fetch, show
from sessions.correcting import may_correct, mistakes_of, take_back
from sessions.forms import CorrectForm, FeedbackForm
from sessions.unsigned import may_take_back


@login_required
@require_POST
def give_feedback(request: MemberRequest, ref: str) -> HttpResponse:
    """Keep how the trainee found a call."""
    call = fetch(request, ref)
    if call.trainee_id != request.user.pk:
        raise PermissionDenied
    form = FeedbackForm(request.POST)
    if not form.is_valid():
        return show(request, call, feedback_form=form, status=422)
    said = form.cleaned_data
    try:
        feedback.give(
            call, feedback.Rating(said["rating"]), said["missing"], by=request.user
        )
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return show(request, call, feedback_form=form, status=409)
    messages.success(request, _("Thank you. You can change it for two weeks."))
    return redirect(call)


@staff_required
@require_safe
@never_cache
def read_feedback(request: MemberRequest) -> HttpResponse:
    """What trainees said of their calls, where enough of them did."""
    parts = [
        (_("By trainer"), "trainers", feedback.by_trainer()),
        (_("By topic"), "topics", feedback.by_topic()),
    ]
    context = {
        "parts": [part for part in parts if part[2]],
        "columns": [
            {"label": ""},
            {"label": _("Answers"), "number": True},
            {"label": _("Average"), "number": True},
            *({"label": rating.label, "number": True} for rating in feedback.Rating),
            {"label": _("What was missing")},
        ],
        "at_least": feedback.AT_LEAST,
    }
    return render(request, "sessions/feedback.html", context)


@login_required
@never_cache
def correct(request: MemberRequest, ref: str) -> HttpResponse:
    """Take back what a call was signed off for, as a mistake, with a reason."""
    call = fetch(request, ref)
    if not may_take_back(call, request.user):
        raise PermissionDenied
    mistakes = mistakes_of(call)
    form = CorrectForm(request.POST or None, topics=[each.topic for each in mistakes])
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                take_back(form.chosen, by=request.user, why=form.cleaned_data["why"])
            except Refused as refusal:
                form.add_error(None, str(refusal))
                status = 409
            else:
                messages.success(
                    request, _("It is taken back. They are told by email.")
                )
                return redirect(call)
    context = {
        "call": call,
        "mistakes": [
            (choice, mistake)
            for choice, mistake in zip(form["topic"], mistakes, strict=True)
        ],
        "form": form,
        "may_correct": may_correct(call, request.user),
    }
    return render(request, "sessions/correct.html", context, status=status)
