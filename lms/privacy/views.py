"""What is kept of people: the page for everybody, one's own data, and erasures."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from lms.audit.log import record
from lms.errors import Refused
from lms.people.access import MemberRequest
from lms.people.roles import people_staff_required
from lms.privacy import erasing, kept, retention
from lms.privacy.download import own_data
from lms.privacy.models import Erasure


class AnswerForm(forms.Form):
    """Erase somebody who asked for it, or say why not."""

    do = forms.ChoiceField(choices=[("erase", ""), ("refuse", "")])
    why = forms.CharField(
        required=False,
        max_length=500,
        label=gettext_lazy("Why not"),
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("The person reads this."),
    )

    def clean(self) -> dict[str, str]:
        words: dict[str, str] = super().clean() or {}
        if words.get("do") == "refuse" and not words.get("why"):
            self.add_error("why", _("Say why: the person has a right to know."))
        return words


@require_GET
def privacy(request: HttpRequest) -> HttpResponse:
    """What is kept, why and how long: for everybody, signed in or not."""
    by_why: dict[str, list[kept.Kept]] = {}
    for each in kept.ALL:
        by_why.setdefault(str(each.why), []).append(each)
    words = {
        "groups": [{"why": why, "parts": parts} for why, parts in by_why.items()],
        "rules": [rule for rule in retention.RULES if not rule.is_inner],
    }
    return render(request, "privacy/privacy.html", words)


@login_required
def own(request: MemberRequest) -> HttpResponse:
    """One's own data: to have, to read about, to have erased."""
    return _show_own(request)


@login_required
@never_cache
@require_POST
def download(request: MemberRequest) -> StreamingHttpResponse:
    """All that is kept of oneself, as one file."""
    record(request.user, "downloaded own data", request.user)
    response = StreamingHttpResponse(
        own_data(request.user), content_type="application/zip"
    )
    name = f"my-data-{now():%Y-%m-%d}.zip"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@login_required
@require_POST
def ask(request: MemberRequest) -> HttpResponse:
    """Ask to be erased."""
    try:
        erasing.ask(request.user)
    except Refused as refusal:
        return _show_own(request, str(refusal), status=409)
    messages.success(request, _("The channel team will answer you by mail."))
    return redirect("privacy:own")


def _show_own(
    request: MemberRequest, refused: str = "", status: int = 200
) -> HttpResponse:
    words = {
        "asked": Erasure.objects.visible_to(request.access)
        .filter(person=request.user)
        .last(),
        "refused": refused,
    }
    return render(request, "privacy/own.html", words, status=status)


@people_staff_required
def erasures(request: MemberRequest) -> HttpResponse:
    """Who wants to be erased, the longest waiting first."""
    return _show_erasures(request)


@people_staff_required
def answer(request: MemberRequest, pk: int) -> HttpResponse:
    """Erase the person, or say why not."""
    erasure = get_object_or_404(
        Erasure.objects.visible_to(request.access).select_related("person"), pk=pk
    )
    if request.method != "POST":
        return redirect("privacy:erasures")
    form = AnswerForm(request.POST)
    if not form.is_valid():
        return _show_erasures(request, erasure, form, status=422)
    name = str(erasure.person)
    try:
        if form.cleaned_data["do"] == "erase":
            erasing.erase(erasure.person, by=request.user)
            done = _("%(name)s is erased.")
        else:
            erasing.refuse(erasure, form.cleaned_data["why"], by=request.user)
            done = _("%(name)s is told why not.")
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return _show_erasures(request, erasure, form, status=409)
    messages.success(request, done % {"name": name})
    return redirect("privacy:erasures")


def _show_erasures(
    request: MemberRequest,
    answered: Erasure | None = None,
    form: AnswerForm | None = None,
    status: int = 200,
) -> HttpResponse:
    waiting = Erasure.objects.visible_to(request.access).open()
    words = {
        "erasures": list(waiting.select_related("person")),
        "answered": answered,
        "form": form,
        "blank": AnswerForm(),
        "goes": [each for each in kept.ALL if each.goes or each.rows_go],
    }
    return render(request, "privacy/erasures.html", words, status=status)
