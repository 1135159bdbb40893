"""Packs for an audit: asked for, watched while they are made, and fetched."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_http_methods

from certificates.auditing import ask, may_fetch
from certificates.listing import RowField
from certificates.models import AuditPack
from certificates.sending import send
from lms.errors import Refused
from lms.people.access import Access, MemberRequest
from lms.people.models import Reseller
from lms.people.roles import manager_or_staff_required

_SHOWN = 20


class AuditForm(forms.Form):
    """Of which day, and of which companies."""

    day = forms.DateField(
        label=_("On"),
        help_text=_("A day in UTC: today or one before."),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    top = RowField(
        Reseller.objects.none(),
        required=False,
        label=_("Company"),
        help_text=_("With all that belong to it."),
        empty_label=_("All you see"),
    )

    def __init__(self, *args: object, access: Access, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]  # handed on
        self.fields["top"].queryset = Reseller.objects.visible_to(access)  # type: ignore[attr-defined]  # a RowField


@manager_or_staff_required
@require_http_methods(["GET", "POST"])
def audits(request: MemberRequest) -> HttpResponse:
    """One's packs, and the form that asks for another."""
    form = AuditForm(
        request.POST if request.method == "POST" else None,
        access=request.access,
        initial={"day": now().date()},
    )
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                return redirect(ask(request.access, **form.cleaned_data))
            except Refused as refusal:
                form.add_error("day", str(refusal))
                status = 409
    own = AuditPack.objects.visible_to(request.access).select_related("top")[:_SHOWN]
    context = {"form": form, "packs": own}
    return render(request, "certificates/audits.html", context, status=status)


@manager_or_staff_required
@require_GET
def audit(request: MemberRequest, key: UUID) -> HttpResponse:
    """How far a pack is, and its file."""
    pack = _own(request, key)
    return render(request, "certificates/audit.html", {"pack": pack})


@login_required
@require_GET
def audit_file(request: MemberRequest, key: UUID) -> HttpResponseBase:
    """The file, for a day, and for whoever asked for it alone."""
    pack = _own(request, key)
    if not pack.is_there:
        return redirect(pack)
    response = send(request, pack.file, of=pack, name=f"audit-{pack.day}.zip")
    response["Cache-Control"] = "private, no-store"
    return response


def _own(request: MemberRequest, key: UUID) -> AuditPack:
    """One's own pack, while all in it is still one's to see."""
    pack = get_object_or_404(AuditPack.objects.visible_to(request.access), key=key)
    if not may_fetch(pack, request.access):
        raise Http404
    return pack
