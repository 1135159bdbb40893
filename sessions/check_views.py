"""A trainee's check answers, for the trainer of their call, who may help from there."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from courses.checks import give_attempts, pass_in_call, states_of_checks
from lms.errors import Refused
from lms.people.access import MemberRequest
from sessions.call_page import fetch
from sessions.forms import GiveAttemptsForm, PassCheckForm
from sessions.models import Booking
from sessions.prepared import may_see_answers

Forms = dict[int, PassCheckForm | GiveAttemptsForm]


def _fetch(request: MemberRequest, ref: str) -> Booking:
    """Load a call whose answers one may read: a stranger's is a 404, else a 403."""
    call = fetch(request, ref)
    if not may_see_answers(request, call):
        raise PermissionDenied
    return call


@login_required
@require_safe
@never_cache
def check_answers(request: MemberRequest, ref: str) -> HttpResponse:
    """What the trainee answered in the checks of the call's topics.

    To the board, `topic` alone, to look at in place.
    """
    call = _fetch(request, ref)
    if request.htmx and (asked := request.GET.get("topic")):
        return _show_one(request, call, asked)
    return _show(request, call)


def _show_one(request: MemberRequest, call: Booking, asked: str) -> HttpResponse:
    by_key = {str(line.topic_id): line for line in call.topics.all()}
    if asked not in by_key:
        raise Http404
    line = by_key[asked]
    check = states_of_checks(call.enrolment, [line.topic])[line.topic_id]
    part = {"topic": line, "check": check, "newest_first": check.attempts[::-1]}
    context = {"part": part, "call": call, "may_help": _may_help(request, call)}
    return render(request, "sessions/_check_in_place.html", context)


@login_required
@require_POST
def help_with_check(request: MemberRequest, ref: str, topic_pk: int) -> HttpResponse:
    """Pass a check that was talked through, or give new attempts."""
    call = _fetch(request, ref)
    if not _may_help(request, call):
        raise PermissionDenied
    topic = get_object_or_404(call.topics.select_related("topic"), topic=topic_pk).topic
    passes = request.POST.get("do") == "pass"
    form = (PassCheckForm if passes else GiveAttemptsForm)(request.POST, topic=topic.pk)
    if not form.is_valid():
        return _show(request, call, topic.pk, form, status=422)
    said: dict[str, Any] = form.cleaned_data
    try:
        if passes:
            _require_begun(call)
            pass_in_call(call.enrolment, topic, by=request.user, **said)
            words = _("Passed. They read your note on the topic’s page.")
        else:
            give_attempts(call.enrolment, topic, by=request.user, **said)
            words = _("New attempts are given. They see it on the topic’s page.")
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return _show(request, call, topic.pk, form, status=409)
    messages.success(request, words)
    return redirect(
        reverse("sessions:check_answers", args=[ref]) + f"#topic-{topic.pk}"
    )


def _may_help(request: MemberRequest, call: Booking) -> bool:
    is_trainer = request.user.pk == call.trainer.user_id
    return is_trainer or request.access.may_change_people


def _require_begun(call: Booking) -> None:
    if call.starts_at > now():
        raise Refused(
            _("You can pass it once you have talked: from the call’s start on.")
        )


def _show(
    request: MemberRequest,
    call: Booking,
    topic_pk: int | None = None,
    form: PassCheckForm | GiveAttemptsForm | None = None,
    *,
    status: int = 200,
) -> HttpResponse:
    topics = [topic.topic for topic in call.topics.all()]
    states = states_of_checks(call.enrolment, topics)
    parts = []
    for line in call.topics.all():
        sent = form if line.topic_id == topic_pk else None
        parts.append(
            {
                "topic": line,
                "check": states[line.topic_id],
                "newest_first": states[line.topic_id].attempts[::-1],
                "errors": sent,
                "pass_form": sent
                if isinstance(sent, PassCheckForm)
                else PassCheckForm(topic=line.topic_id),
                "give_form": sent
                if isinstance(sent, GiveAttemptsForm)
                else GiveAttemptsForm(topic=line.topic_id),
            }
        )
    context = {
        "call": call,
        "parts": parts,
        "has_begun": call.starts_at <= now(),
        "may_help": _may_help(request, call),
    }
    return render(request, "sessions/check_answers.html", context, status=status)
