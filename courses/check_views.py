"""Taking a topic's check: start, answer, hand in, and see what was right."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from courses.check_form import CheckForm, as_pairs, kept_fields
from courses.check_paper import is_paper
from courses.checks import start_attempt, submit_attempt
from courses.models import Attempt, EditionTopic, Enrolment, TopicPage
from courses.reading import topic_reader_of
from lms.errors import Refused
from lms.people.access import MemberRequest

LONGEST_NUMBER = 3  # digits of a question's number


@login_required
@require_POST
def start_check(
    request: MemberRequest, enrolment_pk: int, topic_pk: int
) -> HttpResponse:
    """Begin an attempt, or go on with the open one."""
    enrolment = get_object_or_404(
        Enrolment.objects.standing()
        .visible_to(request.access)
        .filter(member__user=request.user)
        .select_related("edition"),
        pk=enrolment_pk,
    )
    asked = get_object_or_404(
        EditionTopic.objects.select_related("topic"),
        edition=enrolment.edition_id,
        topic=topic_pk,
    )
    try:
        attempt = start_attempt(enrolment, asked.topic)
    except Refused as refusal:
        if request.htmx:
            return _on_the_page(request, asked.topic, status=409, refusal=refusal)
        messages.error(request, str(refusal))
        return redirect(_place(request, asked.topic))
    if asked.topic.one_at_a_time:
        return redirect("courses:check", attempt.pk)
    if request.htmx:
        return _on_the_page(request, asked.topic, started=True)
    return redirect(_place(request, asked.topic))


@login_required
@require_safe
@never_cache
def check(request: MemberRequest, attempt_pk: int) -> HttpResponse:
    """An open attempt: all its questions, or one after the other by their address."""
    attempt = _fetch(request, attempt_pk)
    if attempt.submitted_at is not None:
        return redirect(_place(request, attempt.topic, attempt))
    kept = kept_fields(attempt, request.GET)
    form = CheckForm(attempt, initial=kept)
    at = request.GET.get("at", "1")
    return _show(request, attempt, form, kept, at=at)


@login_required
@require_POST
def submit_check(request: MemberRequest, attempt_pk: int) -> HttpResponse:
    """Hand the answers in, once; answered with the result and the topic's steps."""
    attempt = _fetch(request, attempt_pk)
    is_late = attempt.submitted_at is not None
    form = CheckForm(attempt, request.POST)
    if not is_late and not form.is_valid():
        if request.htmx:
            return _on_the_page(request, attempt.topic, status=422, form=form)
        kept = kept_fields(attempt, request.POST)
        return _show(request, attempt, form, kept, at="", status=422)

    attempt = submit_attempt(attempt, {} if is_late else form.answers())
    if is_late:
        messages.info(request, _("You had handed this in already: here is its result."))
    if request.htmx and not is_late:
        return _on_the_page(request, attempt.topic, answered=attempt)
    target = _place(request, attempt.topic, attempt)
    if request.htmx:
        return HttpResponse(headers={"HX-Redirect": target})
    return redirect(target)


def _fetch(request: MemberRequest, attempt_pk: int) -> Attempt:
    """Load one's own attempt at a check; a 404 for all else."""
    attempt = get_object_or_404(
        Attempt.objects.visible_to(request.access)
        .filter(enrolment__member__user=request.user)
        .select_related("topic", "enrolment__edition", "enrolment__member"),
        pk=attempt_pk,
    )
    if not is_paper(attempt):
        raise Http404
    return attempt


def _place(
    request: MemberRequest, topic: TopicPage, answered: Attempt | None = None
) -> str:
    """Where the check stands on the topic's page, its last result opened."""
    url = topic.get_url(request) or reverse("landing")
    query = f"?answered={answered.pk}" if answered else ""
    return f"{url}{query}#check"


def _on_the_page(
    request: MemberRequest, topic: TopicPage, *, status: int = 200, **context: Any
) -> HttpResponse:
    """Answer htmx with the check, and with the steps and ticks beside it."""
    reader = topic_reader_of(topic, request.access)
    context |= {"reader": reader, "page": topic}
    return render(request, "courses/_check_answer.html", context, status=status)


def _show(
    request: MemberRequest,
    attempt: Attempt,
    form: CheckForm,
    kept: dict[str, Any],
    *,
    at: str,
    status: int = 200,
) -> HttpResponse:
    """Draw the attempt's own page: whole, or the question it is at, or all given.

    `at` is a question's number; past the last stands what was answered so far.
    """
    parts = form.parts
    context: dict[str, Any] = {
        "attempt": attempt,
        "topic": attempt.topic,
        "form": form,
        "parts": parts,
        "address": reverse("courses:check", args=[attempt.pk]),
    }
    if not attempt.topic.one_at_a_time:
        return render(request, "courses/check.html", context, status=status)

    is_number = at.isdecimal() and len(at) <= LONGEST_NUMBER
    number = int(at) if is_number else 1 if at else len(parts) + 1
    context["kept"] = as_pairs(kept)
    if 1 <= number <= len(parts):
        part = parts[number - 1]
        own = form.names[part.question["id"]]
        others = {name: value for name, value in kept.items() if name not in own}
        context |= {"part": part, "others": as_pairs(others)}
        return render(request, "courses/check_question.html", context, status=status)
    context["given"] = [
        {
            "part": part,
            "is_given": all(name in kept for name in form.names[part.question["id"]]),
            "address": _address(context["address"], kept, part.number),
        }
        for part in parts
    ]
    return render(request, "courses/check_given.html", context, status=status)


def _address(address: str, kept: dict[str, Any], number: int) -> str:
    return f"{address}?{urlencode([*as_pairs(kept), ('at', number)])}"
