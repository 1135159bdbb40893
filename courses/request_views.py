"""Asking to take a programme, and asking no longer."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from courses import requests
from courses.models import ProgrammePage, ProgrammeRequest
from lms.errors import Refused
from lms.people.access import MemberRequest
from lms.walls import unscoped


class AskForm(forms.Form):
    note = forms.CharField(
        label=gettext_lazy("Why you would like to"),
        required=False,
        max_length=requests.NOTE_LENGTH,
    )


@login_required
def ask(request: MemberRequest, programme_pk: int) -> HttpResponse:
    """Ask one's manager to be added to a programme."""
    member = request.access.member
    if member is None:
        raise PermissionDenied
    programme = get_object_or_404(ProgrammePage.objects.live(), pk=programme_pk)
    if request.method != "POST":
        return _show(request, programme, AskForm())
    form = AskForm(request.POST)
    if not form.is_valid():
        return _show(request, programme, form, 422)
    try:
        requests.ask(member, programme, note=form.cleaned_data["note"], by=request.user)
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return _show(request, programme, form, 409)
    messages.success(request, _("You have asked. The answer comes by mail."))
    return redirect(programme.get_url(request) or "landing")


def _show(
    request: MemberRequest, programme: ProgrammePage, form: AskForm, status: int = 200
) -> HttpResponse:
    context = {"programme": programme, "form": form}
    return render(request, "courses/ask.html", context, status=status)


@login_required
@require_POST
def withdraw(request: MemberRequest, pk: int) -> HttpResponse:
    """Ask no longer."""
    own = unscoped(ProgrammeRequest.objects, "what one asked oneself").filter(
        member__user=request.user
    )
    asked = get_object_or_404(own.select_related("member", "programme"), pk=pk)
    if requests.withdraw_request(asked, by=request.user).is_granted:
        messages.info(request, _("You were added already."))
    else:
        messages.success(request, _("You ask no longer."))
    return redirect(asked.programme.get_url(request) or "landing")
