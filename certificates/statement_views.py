"""Statements of standing: asked for, watched while they are made, and fetched."""

from __future__ import annotations

from datetime import date
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
    require_POST,
)

from certificates import serials
from certificates.listing import RowField
from certificates.models import Statement
from certificates.sending import send
from certificates.statements import ask, public_url, withdraw
from courses.standing import standing_of
from lms.errors import Refused
from lms.people.access import Access, MemberRequest
from lms.people.models import Reseller
from lms.people.roles import (
    manager_or_people_staff_required,
    manager_or_staff_required,
)

_PER_PAGE = 20


class StatementForm(forms.Form):
    """Of which company."""

    reseller = RowField(
        Reseller.objects.none(),
        label=gettext_lazy("Company"),
        help_text=gettext_lazy("With all that belong to it."),
        empty_label=None,
    )

    def __init__(self, *args: object, access: Access, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]  # handed on
        self.fields["reseller"].queryset = Reseller.objects.visible_to(access)  # type: ignore[attr-defined]  # a RowField


@manager_or_staff_required
@require_http_methods(["GET", "POST"])
def statements(request: MemberRequest) -> HttpResponse:
    """Those of one's companies, where one stands now, and the form for another."""
    if request.method == "POST" and not _may_ask(request):
        raise PermissionDenied
    own = request.access.member if request.access.is_manager else None
    first = own.reseller if own else Reseller.objects.visible_to(request.access).first()
    form = StatementForm(
        request.POST if request.method == "POST" else None,
        access=request.access,
        initial={"reseller": first},
    )
    shown, status = _asked_about(request) or first, 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            shown = form.cleaned_data["reseller"]
            try:
                return redirect(ask(shown, by=request.user))
            except Refused as refusal:
                form.add_error("reseller", str(refusal))
                status = 409
    elif shown:
        form.initial["reseller"] = shown
    found = Statement.objects.visible_to(request.access).select_related("reseller")
    context = {
        "form": form,
        "shown": shown,
        "may_ask": _may_ask(request),
        "standings": standing_of(shown) if shown else [],
        "page": Paginator(found, _PER_PAGE).get_page(request.GET.get("page")),
    }
    return render(request, "certificates/statements.html", context, status=status)


def _may_ask(request: MemberRequest) -> bool:
    return request.access.is_manager or request.access.may_change_people


def _asked_about(request: MemberRequest) -> Reseller | None:
    """The company that the address names, if one may see it."""
    form = StatementForm(request.GET, access=request.access)
    return form.cleaned_data["reseller"] if form.is_valid() else None


@manager_or_staff_required
@require_GET
def statement(request: MemberRequest, serial: str) -> HttpResponse:
    """How far its file is, the file, and what it says."""
    found = _visible(request, serial)
    context = {
        **says(found),
        "url": public_url(found),
        "is_of_today": found.day == now().date(),
        "may_withdraw": _may_ask(request),
    }
    return render(request, "certificates/statement.html", context)


@login_required
@require_GET
def statement_file(request: MemberRequest, serial: str) -> HttpResponseBase:
    """The file, for the managers of the company and the channel team."""
    found = _visible(request, serial)
    if found.made_at is None:
        return redirect(found)
    name = f"{found.claim['reseller']} – {found.day}.pdf"
    return send(request, found.pdf, of=found, name=name)


@manager_or_people_staff_required
@require_POST
def statement_withdraw(request: MemberRequest, serial: str) -> HttpResponse:
    """Let a statement count no more."""
    found = _visible(request, serial)
    withdraw(found, by=request.user)
    messages.success(request, _("Withdrawn: whoever checks it reads so."))
    return redirect(found)


def says(found: Statement) -> dict[str, Any]:
    """What a page shows of a statement."""
    return {
        "statement": found,
        "claim": found.claim,
        "programmes": [
            {**each, "until": each["until"] and date.fromisoformat(each["until"])}
            for each in found.claim["programmes"]
        ],
        "shown_serial": serials.shown(found.serial),
    }


def _visible(request: MemberRequest, serial: str) -> Statement:
    found: Statement = get_object_or_404(
        Statement.objects.visible_to(request.access).select_related("reseller"),
        serial=serials.normalise(serial),
    )
    return found
