"""Programmes in the CMS: publishing the first edition of a new one."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from courses.check_figures import LATEST, questions_of, share_of
from courses.editions import asked_of, missing_for_edition, publish_edition
from courses.enrolling import audience_of
from courses.models import ProgrammePage, TopicPage
from courses.progress import untouched
from lms.errors import Refused
from lms.people.access import MemberRequest
from lms.walls import unscoped


def publish_first_edition(request: MemberRequest, programme_pk: int) -> HttpResponse:
    """Say what edition 1 will ask and of how many; publish it on a POST."""
    programme = get_object_or_404(ProgrammePage, pk=programme_pk)
    if not programme.permissions_for_user(request.user).can_publish():
        raise PermissionDenied
    if request.method == "POST":
        try:
            edition = publish_edition(programme, by=request.user, number=1)
        except Refused as refusal:
            messages.error(request, str(refusal))
        else:
            count = unscoped(edition.enrolments, "their number alone").count()
            words = _("Edition 1 is published. People added: %(count)d.")
            messages.success(request, words % {"count": count})
        return redirect("wagtailadmin_explore", programme.pk)

    topics = list(programme.topics().live())
    context: dict[str, Any] = {
        "programme": programme,
        "is_published": programme.editions.exists(),
        "missing": missing_for_edition(programme, topics),
        "topics": [untouched(asked_of(topic)) for topic in topics],
        "drafts": programme.topics().not_live(),
        "people": audience_of(programme.audience.all()).count(),
    }
    return render(request, "courses/cms/publish_edition.html", context)


def check_report(request: MemberRequest, topic_pk: int) -> HttpResponse:
    """How many choose what in each question of a topic's check, and how many pass."""
    topic = get_object_or_404(TopicPage, pk=topic_pk)
    if not topic.permissions_for_user(request.user).can_edit():
        raise PermissionDenied
    context: dict[str, Any] = {
        "topic": topic,
        "share": share_of(topic),
        "questions": questions_of(topic),
        "latest": LATEST,
    }
    return render(request, "courses/cms/check_report.html", context)
