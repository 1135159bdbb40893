"""How busy trainers are: a trainer's own page, and the channel team's of all."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from lms.audit.looking import looked
from lms.errors import Refused
from lms.mail import times
from lms.people.access import MemberRequest
from lms.people.roles import staff_required, trainer_required
from lms.tables import FORMATS, table_response
from sessions.absence_forms import SettleForm
from sessions.access import trainer_of
from sessions.attended import attended
from sessions.load import (
    Load,
    Week,
    hours,
    loads_of,
    long_unsigned,
    next_free,
    open_disputes,
    soonest,
)
from sessions.missing import settle as settle_dispute
from sessions.models import Dispute, Trainer


@trainer_required
@require_safe
def load(request: MemberRequest) -> HttpResponse:
    """A trainer's own weeks: calls, minutes, caps, hours offered and taken."""
    return _show_load(request, trainer_of(request.access))


@staff_required
@require_safe
def trainer(request: MemberRequest, pk: int) -> HttpResponse:
    """The same page of any trainer, for the channel team."""
    found = Trainer.objects.visible_to(request.access).select_related("user")
    trainer = get_object_or_404(found, pk=pk)
    looked(request, trainer.user)
    return _show_load(request, trainer)


def _show_load(request: MemberRequest, trainer: Trainer) -> HttpResponse:
    (own,) = loads_of([trainer])
    is_own = request.user.pk == trainer.user_id
    columns: list[dict[str, Any]] = [
        {"label": _("Week")},
        {"label": _("Calls"), "number": True},
        {"label": _("Proposals"), "number": True},
        {"label": _("Missed"), "number": True},
        {"label": _("In calls"), "number": True},
        {"label": _("Hours offered"), "number": True},
        {"label": _("Taken of what is offered")},
    ]
    if (file_type := request.GET.get("format")) in FORMATS:
        header = [column["label"] for column in columns[:-1]]
        name = f"load-{now():%Y-%m-%d}"
        rows = [_week_cells(week) for week in own.weeks]
        return table_response(name, file_type, header, rows)
    context = {
        "trainer": trainer,
        "is_own": is_own,
        "may_change": request.access.may_change_people,
        "weeks": own.weeks,
        "columns": columns,
        "figures": _figures(own),
        "widest": max(1, *(max(week.offered or 0, week.taken) for week in own.weeks)),
    }
    return render(request, "sessions/load.html", context)


def _week_cells(week: Week) -> list[object]:
    return [
        week.monday.isoformat(),
        week.calls_of_cap,
        week.proposals,
        week.missed,
        hours(week.taken),
        "" if week.offered is None else hours(week.offered),
    ]


def _figures(own: Load) -> list[dict[str, Any]]:
    this = own.this_week
    return [
        {
            "value": this.calls_of_cap,
            "label": ngettext("call this week", "calls this week", this.calls),
            "tone": "warn" if this.is_full else "",
        },
        {
            "value": own.next_calls,
            "label": ngettext(
                "call in four weeks", "calls in four weeks", own.next_calls
            ),
        },
        {
            "value": hours(own.next_offered),
            "label": _("offered in four weeks"),
        },
        {
            "value": own.unsigned,
            "label": _("to sign off"),
            "tone": "warn" if own.unsigned else "",
        },
        {
            "value": own.missed,
            "label": _("missed in 12 months"),
            "tone": "warn" if own.missed else "",
        },
    ]


# --- All trainers ----------------------------------------------------------------------


@staff_required
@require_safe
def trainers(request: MemberRequest) -> HttpResponse:
    """Everybody's load, how soon a call can be had, and what waits for the team."""
    own = list(
        Trainer.objects.visible_to(request.access)
        .filter(is_active=True)
        .select_related("user")
        .prefetch_related("programmes")
    )
    loads = loads_of(own)
    free = next_free(own)
    zone = request.user.time_zone
    labels = [
        _("Trainer"),
        _("Calls this week"),
        _("Calls in four weeks"),
        _("In calls, of offered"),
        _("Next free time"),
        _("To sign off"),
    ]
    if (file_type := request.GET.get("format")) in FORMATS:
        rows = [_cells(one, free, zone) for one in loads]
        return table_response(f"trainers-{now():%Y-%m-%d}", file_type, labels, rows)
    context = {
        "loads": [(one, free.get(one.trainer.pk)) for one in loads],
        "columns": [{"label": label} for label in labels],
        "programmes": soonest(),
        "soonest_columns": [
            {"label": _("Programme")},
            {"label": _("Soonest free time")},
            {"label": _("Trainers")},
            {"label": _("State")},
        ],
        "disputes": open_disputes(),
        "unsigned": long_unsigned(),
    }
    return render(request, "sessions/trainers.html", context)


def _cells(one: Load, free: dict[int, datetime], zone: str) -> list[object]:
    at = free.get(one.trainer.pk)
    return [
        one.trainer,
        one.this_week.calls_of_cap,
        one.next_calls,
        f"{hours(one.next_taken)} / {hours(one.next_offered)}",
        times.moment(at, zone) if at else "",
        one.unsigned,
    ]


@staff_required
def settle(request: MemberRequest, pk: int) -> HttpResponse:
    """Answer somebody who says that they did not miss a call, with who came when."""
    if request.method == "POST" and not request.access.may_change_people:
        raise PermissionDenied
    dispute = get_object_or_404(
        Dispute.objects.visible_to(request.access).select_related(
            "by",
            "settled_by",
            "booking__trainee",
            "booking__trainer__user",
            "booking__ended_by",
            "booking__enrolment__edition",
            "booking__enrolment__member__reseller",
        ),
        pk=pk,
    )
    form = SettleForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                settle_dispute(dispute, by=request.user, **form.cleaned_data)
            except Refused as refusal:
                form.add_error(None, str(refusal))
                status = 409
            else:
                messages.success(request, _("Settled. Both of them are told by mail."))
                return redirect("sessions:trainers")
    context = {
        "dispute": dispute,
        "call": dispute.booking,
        "came": attended(dispute.booking),
        "form": form,
    }
    return render(request, "sessions/settle.html", context, status=status)
