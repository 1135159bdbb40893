"""A topic as somebody completed it."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from courses.models import Enrolment
from courses.past import topic_then
from lms.people.access import MemberRequest


@login_required
@require_safe
def topic_as_it_was(
    request: MemberRequest, enrolment_pk: int, topic_pk: int
) -> HttpResponse:
    """Show the text of a topic as it was when somebody completed it."""
    enrolment = get_object_or_404(
        Enrolment.objects.visible_to(request.access).select_related(
            "member__user", "programme"
        ),
        pk=enrolment_pk,
    )
    past = topic_then(enrolment, topic_pk)
    if past is None:
        raise Http404
    is_own = enrolment.member.user_id == request.user.pk
    context = {"past": past, "enrolment": enrolment, "is_own": is_own}
    return render(request, "courses/topic_as_it_was.html", context)
