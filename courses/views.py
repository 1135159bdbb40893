"""What people do on a topic's page."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from content.walls import members_only
from courses.exercise_blocks import Answered, Exercise, address_of
from courses.exercises import (
    answers_in,
    find_exercise,
    keep,
    mark,
    missing_in,
    missing_in_words,
    require_current,
    result_in_words,
)
from courses.models import EditionTopic, Enrolment, EvidenceKind, TopicPage
from courses.progress import record_evidence
from courses.reading import topic_reader_of
from lms.errors import Refused
from lms.people.access import MemberRequest


@login_required
@require_POST
def read(request: MemberRequest, enrolment_pk: int, topic_pk: int) -> HttpResponse:
    """Note that one has read a topic; answered with the topic's steps for htmx."""
    enrolment = get_object_or_404(
        Enrolment.objects.standing()
        .visible_to(request.access)
        .filter(member__user=request.user),
        pk=enrolment_pk,
    )
    asked = get_object_or_404(
        EditionTopic.objects.select_related("topic"),
        edition=enrolment.edition_id,
        topic=topic_pk,
        needs_read=True,
    )
    record_evidence(enrolment, asked.topic, EvidenceKind.READ, by=request.user)
    if request.htmx:
        reader = topic_reader_of(asked.topic, request.access, request)
        context = {"reader": reader, "page": asked.topic}
        return render(request, "courses/_topic_parts.html", context)
    messages.success(request, _("We have noted that you read this."))
    return redirect(asked.topic.get_url(request) or "landing")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def practise(request: MemberRequest, topic_pk: int, key: UUID) -> HttpResponse:
    """Show an exercise by itself; answer what was sent with a word on each item.

    For htmx the exercise alone, in its place; else a page with the way back.
    """
    if wall := members_only(request):
        return wall
    topic = get_object_or_404(TopicPage.objects.live(), pk=topic_pk)
    exercise = find_exercise(topic, str(key))
    if exercise is None:
        raise Http404
    if request.method != "POST":
        return _show_exercise(request, topic, exercise, exercise.unanswered)

    answered = answers_in(exercise, request.POST)
    try:
        require_current(exercise, request.POST)
    except Refused as refusal:
        words = str(refusal)
        return _show_exercise(request, topic, exercise, answered, words, status=409)
    if missing := missing_in(answered):
        return _show_exercise(request, topic, exercise, missing, status=422)
    reader = topic_reader_of(topic, request.access)
    if reader.enrolment and reader.here:
        keep(reader.enrolment, topic, exercise, answered)
    return _show_exercise(request, topic, exercise, mark(answered))


def _show_exercise(
    request: MemberRequest,
    topic: TopicPage,
    exercise: Exercise,
    answered: Sequence[Answered],
    refusal: str = "",
    status: int = 200,
) -> HttpResponse:
    context = {
        "page": topic,
        "exercise": exercise,
        "answered": answered,
        "address": address_of(topic, exercise),
        "trouble": refusal or missing_in_words(answered),
        "result": result_in_words(answered),
        "is_all_right": all(each.is_right for each in answered),
        "is_served": True,
    }
    name = "_exercise" if request.htmx else "exercise"
    return render(request, f"courses/{name}.html", context, status=status)
