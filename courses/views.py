"""What people do on a topic's page."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from courses.models import EditionTopic, Enrolment, EvidenceKind
from courses.progress import record_evidence
from courses.reading import topic_reader_of
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
