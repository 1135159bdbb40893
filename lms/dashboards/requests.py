"""People who ask to take a programme, and the answer to them."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from courses.models import ProgrammeRequest
from courses.requests import decline, grant
from lms.dashboards.forms import AnswerForm
from lms.errors import Refused
from lms.people.access import Access, MemberRequest
from lms.people.roles import (
    manager_or_people_staff_required,
    manager_or_staff_required,
)


def open_requests(access: Access) -> list[ProgrammeRequest]:
    """What waits for an answer of one's people, the longest waiting first; one query."""
    return list(
        ProgrammeRequest.objects.open()
        .of_people(access)
        .select_related("member__user", "member__reseller", "programme")
    )


@manager_or_staff_required
def requests(request: MemberRequest) -> HttpResponse:
    """Who asks to take a programme."""
    return _show(request)


@manager_or_people_staff_required
def answer(request: MemberRequest, pk: int) -> HttpResponse:
    """Add whoever asks to the programme, or decline with a line."""
    seen = ProgrammeRequest.objects.managed_by(request.access)
    asked = get_object_or_404(seen.select_related("member__user", "programme"), pk=pk)
    if request.method != "POST":
        return redirect("dashboards:requests")
    form = AnswerForm(request.POST)
    if not form.is_valid():
        return _show(request, asked, form, status=422)
    words = form.cleaned_data
    try:
        if words["do"] == "grant":
            grant(asked, by=request.user, due_on=words["due_on"])
            done = _("%(name)s is in %(programme)s now, and is told by mail.")
        else:
            decline(asked, by=request.user, answer=words["answer"])
            done = _("%(name)s is told that it is not %(programme)s now.")
    except Refused as refusal:
        form.add_error("answer" if words["do"] == "decline" else None, str(refusal))
        return _show(request, asked, form, status=409)
    names = {"name": asked.member.user, "programme": asked.programme.title}
    messages.success(request, done % names)
    return redirect("dashboards:requests")


def _show(
    request: MemberRequest,
    asked: ProgrammeRequest | None = None,
    form: AnswerForm | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "requests": open_requests(request.access),
        "answered": asked,
        "form": form,
        "blank": AnswerForm(),
        "may_answer": request.access.is_manager or request.access.may_change_people,
    }
    return render(request, "dashboards/requests.html", context, status=status)
