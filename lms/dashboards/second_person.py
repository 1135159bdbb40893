"""What waits for a second person of the channel team, and deciding it."""

from __future__ import annotations

from dataclasses import dataclass

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from lms.errors import Refused
from lms.people.access import MemberRequest
from lms.people.approving import (
    WHY_LENGTH,
    Plan,
    decide,
    may_decide,
    plan_of,
    take_back,
)
from lms.people.models import Approval, ApprovalOutcome
from lms.people.roles import staff_required

_LATEST = 20
AGREE, DECLINE, TAKE_BACK = "agree", "decline", "take-back"


class DecideForm(forms.Form):
    """What a second person says, or who asked."""

    do = forms.ChoiceField(
        choices=[
            (AGREE, gettext_lazy("Agree")),
            (DECLINE, gettext_lazy("Decline")),
            (TAKE_BACK, gettext_lazy("Take back")),
        ],
        error_messages={"required": gettext_lazy("Agree, or decline.")},
    )
    answer = forms.CharField(
        label=gettext_lazy("In your words"), required=False, max_length=WHY_LENGTH
    )


@dataclass(frozen=True)
class Line:
    """A request, what it would do, and what the reader may."""

    approval: Approval
    plan: Plan
    may_decide: bool
    is_own: bool


@staff_required
def second_person(request: MemberRequest) -> HttpResponse:
    """What waits, with what will happen; and what was decided lately."""
    return _show(request)


@staff_required
@require_POST
def decide_on(request: MemberRequest, pk: int) -> HttpResponse:
    """Agree, which does it; decline; or take one's own request back."""
    seen = Approval.objects.visible_to(request.access).select_related("asked_by")
    approval = get_object_or_404(seen, pk=pk)
    form = DecideForm(request.POST)
    if not form.is_valid():
        return _show(request, approval, form, status=422)
    do, answer = form.cleaned_data["do"], form.cleaned_data["answer"]
    was = approval.decided_at
    try:
        if do == TAKE_BACK:
            done = take_back(approval, by=request.user)
        else:
            done = decide(approval, do == AGREE, by=request.user, answer=answer)
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return _show(request, approval, form, status=409)
    _say(request, done, is_first=was is None and done.decided_by_id == request.user.pk)
    return redirect("dashboards:second_person")


def _say(request: MemberRequest, done: Approval, *, is_first: bool) -> None:
    outcome = ApprovalOutcome(done.outcome)
    if is_first and outcome == ApprovalOutcome.GRANTED:
        messages.success(request, _("Agreed, and done. Whoever asked is told by mail."))
    elif is_first:
        messages.success(request, _("Declined. Whoever asked is told by mail."))
    elif outcome == ApprovalOutcome.TAKEN_BACK:
        messages.success(request, _("The request is taken back: nothing was changed."))
    else:
        words = _("Decided already, by %(name)s: %(outcome)s.")
        who = {"name": done.decided_by, "outcome": outcome.label.lower()}
        messages.info(request, words % who)


def _show(
    request: MemberRequest,
    answered: Approval | None = None,
    form: DecideForm | None = None,
    status: int = 200,
) -> HttpResponse:
    seen = Approval.objects.visible_to(request.access)
    people = seen.select_related("asked_by", "decided_by")
    waiting = [
        Line(
            each,
            plan_of(each),
            may_decide(each, request.user),
            each.asked_by_id == request.user.pk,
        )
        for each in people.waiting().order_by("asked_at", "pk")
    ]
    context = {
        "waiting": waiting,
        "decided": [
            (each, plan_of(each))
            for each in people.exclude(decided_at=None).order_by("-decided_at")[
                :_LATEST
            ]
        ],
        "answered": answered,
        "form": form,
    }
    return render(request, "dashboards/second_person.html", context, status=status)
