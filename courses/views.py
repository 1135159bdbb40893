"""What people do on a topic's page."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import F
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
    require_POST,
)
from django_htmx.http import trigger_client_event

from content.walls import members_only
from courses.bodies import blocks_of
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
from courses.forms import PlaceForm
from courses.models import EditionTopic, Enrolment, EvidenceKind, TopicPage
from courses.places import keep_place
from courses.progress import record_evidence
from courses.reading import topic_reader_of
from lms.errors import Refused
from lms.people.access import MemberRequest


@login_required
@require_POST
def read(request: MemberRequest, enrolment_pk: int, topic_pk: int) -> HttpResponse:
    """Note that one has read a topic; answered with the topic's steps for htmx."""
    enrolment = _own_enrolment(request, enrolment_pk)
    asked = get_object_or_404(
        EditionTopic.objects.select_related("topic"),
        edition=enrolment.edition_id,
        topic=topic_pk,
        needs_read=True,
    )
    record_evidence(enrolment, asked.topic, EvidenceKind.READ, by=request.user)
    noted = _("We have noted that you read this.")
    if request.htmx:
        return _topic_parts(request, asked.topic, noted)
    messages.success(request, noted)
    return redirect(asked.topic.get_url(request) or "landing")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def practise(request: MemberRequest, topic_pk: int, key: UUID) -> HttpResponse:
    """Show an exercise by itself; answer what was sent with a word on each item.

    For htmx the exercise alone, in its place; else a page with the way back.
    """
    if wall := members_only(request):
        return wall
    topic = get_object_or_404(TopicPage, pk=topic_pk)
    exercise = find_exercise(topic, str(key)) if topic.live else None
    if exercise is None and topic.permissions_for_user(request.user).can_edit():
        draft = topic.get_latest_revision_as_object()  # they try it in a preview
        exercise = find_exercise(draft, str(key))
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


@login_required
@require_GET
def steps(request: MemberRequest, enrolment_pk: int, topic_pk: int) -> HttpResponse:
    """The parts of an open page that have changed since; 204 where none has.

    `seen` is the mark that the page shows: something may have been signed off since,
    or read in another tab.
    """
    enrolment = _own_enrolment(request, enrolment_pk)
    topic = get_object_or_404(
        TopicPage, pk=topic_pk, edition_topics__edition=enrolment.edition_id
    )
    reader = topic_reader_of(topic, request.access, request)
    if reader.mark == request.GET.get("seen"):
        return HttpResponse(status=204)
    return _topic_parts(request, topic, _("The steps of this topic have changed."))


@login_required
@require_POST
def place(request: MemberRequest, topic_pk: int) -> HttpResponse:
    """Note where one has stopped reading; sent by the page itself."""
    if not request.access.may_read:
        raise PermissionDenied
    topic = get_object_or_404(TopicPage.objects.live(), pk=topic_pk)
    form = PlaceForm(request.POST)
    if not form.is_valid():
        return HttpResponse(status=422)
    blocks = blocks_of(topic, request)
    try:
        keep_place(request.user, topic, form.cleaned_data["block"], blocks=blocks)
    except Refused:  # the page was changed while it was read
        return HttpResponse(status=409)
    return HttpResponse(status=204)


def _own_enrolment(request: MemberRequest, pk: int) -> Enrolment:
    """One's own, or what took its place while the page was open."""
    own = Enrolment.objects.visible_to(request.access).filter(
        member__user=request.user,
        member__enrolments=pk,
        programme=F("member__enrolments__programme"),
    )
    found: Enrolment = get_object_or_404(own.standing().order_by("-cycle")[:1])
    return found


def _topic_parts(request: MemberRequest, topic: TopicPage, said: str) -> HttpResponse:
    """What moves on a topic's page, and a line that says so."""
    reader = topic_reader_of(topic, request.access, request)
    context = {"reader": reader, "page": topic}
    answer = render(request, "courses/_topic_parts.html", context)
    return trigger_client_event(answer, "toast", {"text": said, "tone": "good"})
