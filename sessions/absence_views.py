"""When a trainer cannot work, or leaves: what it hits, and one button."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache

from lms.errors import Refused
from lms.people.access import MemberRequest
from lms.people.roles import people_staff_required, trainer_required
from lms.walls import unscoped
from sessions import absence
from sessions.absence_forms import CannotWorkForm, DaysForm, LeavingForm
from sessions.access import trainer_of
from sessions.handing_over import ask_to_choose_again, hand_over
from sessions.minutes import at_minute, instant
from sessions.models import Booking, BookingState, Trainer


@trainer_required
@never_cache
def cannot_work(request: MemberRequest) -> HttpResponse:
    """A trainer cannot work, today or on other days."""
    return _absence_page(request, trainer_of(request.access))


@people_staff_required
@never_cache
def cannot_work_for(request: MemberRequest, pk: int) -> HttpResponse:
    """The same said by the channel team, for a trainer."""
    return _absence_page(request, _trainer(request, pk))


def _trainer(request: MemberRequest, pk: int) -> Trainer:
    found = Trainer.objects.visible_to(request.access).select_related("user")
    return get_object_or_404(found, pk=pk)


def _absence_page(request: MemberRequest, trainer: Trainer) -> HttpResponse:
    today = now().astimezone(trainer.zone).date()
    if request.method == "POST":
        form = CannotWorkForm(request.POST, today=today)
        if not form.is_valid():
            return _show_absence(request, trainer, form, form, status=422)
        return _stay_away(request, trainer, form)
    asked = request.GET if "first" in request.GET else {"first": today, "last": today}
    days = DaysForm(asked, today=today)
    days.is_valid()
    return _show_absence(request, trainer, days)


def _stay_away(
    request: MemberRequest, trainer: Trainer, form: CannotWorkForm
) -> HttpResponse:
    start, end = _span(trainer, form.cleaned_data["first"], form.cleaned_data["last"])
    try:
        outcome = absence.cannot_work(
            trainer, start, end, by=request.user, reason=form.cleaned_data["reason"]
        )
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return _show_absence(request, trainer, form, form, status=409)
    context = _about(request, trainer) | form.cleaned_data | {"outcome": outcome}
    return render(request, "sessions/cannot_work_done.html", context)


def _show_absence(
    request: MemberRequest,
    trainer: Trainer,
    days: DaysForm,
    form: CannotWorkForm | None = None,
    status: int = 200,
) -> HttpResponse:
    """Show what the days would hit; days that make no sense hit nothing."""
    context = _about(request, trainer) | {"days": days, "form": form}
    if not {"first", "last"} & set(days.errors):
        first, last = days.cleaned_data["first"], days.cleaned_data["last"]
        start, end = _span(trainer, first, last)
        calls = absence.calls_between(trainer, start, end).for_agenda()
        reason = _("Your trainer is ill or away.")
        words = {"first": first, "last": last, "reason": reason}
        context |= words | {
            "prospects": absence.prospects(calls),
            "proposals": absence.proposals_between(trainer, start, end).count(),
            "form": form or CannotWorkForm(initial=words, today=days.today),
        }
    return render(request, "sessions/cannot_work.html", context, status=status)


def _about(request: MemberRequest, trainer: Trainer) -> dict[str, Any]:
    return {"trainer": trainer, "is_own": request.user.pk == trainer.user_id}


def _span(trainer: Trainer, first: date, last: date) -> tuple[datetime, datetime]:
    """Whole days by the trainer's clock, as instants."""
    start = instant(trainer.zone, first.toordinal(), 0, is_end=False)
    end = instant(trainer.zone, last.toordinal() + 1, 0, is_end=False)
    return at_minute(start), at_minute(end)


# --- A trainer leaves ------------------------------------------------------------------


@people_staff_required
@never_cache
def leaving(request: MemberRequest, pk: int) -> HttpResponse:
    """What a trainer who leaves still has: hand over by name, spread, or ask."""
    trainer = _trainer(request, pk)
    if request.method != "POST":
        return _show_leaving(request, trainer)
    calls = unscoped(Booking.objects, "of a trainer who was fetched in scope").filter(
        trainer=trainer, state=BookingState.BOOKED
    )
    form = LeavingForm(request.POST, calls=calls)
    if not form.is_valid():
        return _show_leaving(request, trainer, form, status=422)
    try:
        _act(request, trainer, form)
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return _show_leaving(request, trainer, form, status=409)
    return redirect("sessions:leaving", trainer.pk)


def _act(request: MemberRequest, trainer: Trainer, form: LeavingForm) -> None:
    """Do what was asked, and say it."""
    act, call, to = (form.cleaned_data[name] for name in ("act", "call", "to"))
    if act == form.SPREAD:
        said = _spread(absence.spread(trainer, by=request.user))
    elif act == form.HAND:
        call = hand_over(call, to, by=request.user)
        said = _("%(name)s holds the call now. All three are told by mail.") % {
            "name": call.trainer
        }
    elif act == form.ASK:
        ask_to_choose_again(call, by=request.user, reason=_("Your trainer leaves."))
        said = _("%(name)s is asked to choose again.") % {"name": call.trainee}
    elif act == form.WITHDRAW:
        number = absence.withdraw_proposals(trainer, now(), by=request.user)
        said = ngettext(
            "%(number)d proposal is withdrawn.",
            "%(number)d proposals are withdrawn.",
            number,
        ) % {"number": number}
    else:
        absence.let_go(trainer, by=request.user)
        said = _(
            "%(name)s no longer takes calls: hours, feed and screens have ended."
        ) % {"name": trainer}
    messages.success(request, said)


def _spread(outcome: absence.Outcome) -> str:
    said = []
    if handed := len(outcome.handed):
        said.append(
            ngettext(
                "%(number)d call is handed over.",
                "%(number)d calls are handed over.",
                handed,
            )
            % {"number": handed}
        )
    if left := len(outcome.left):
        said.append(
            ngettext(
                "For %(number)d call nobody is free: ask the trainee to choose again.",
                "For %(number)d calls nobody is free: ask the trainees to choose again.",
                left,
            )
            % {"number": left}
        )
    return " ".join(said) or _("No call was left to hand over.")


def _show_leaving(
    request: MemberRequest,
    trainer: Trainer,
    form: LeavingForm | None = None,
    status: int = 200,
) -> HttpResponse:
    calls = absence.calls_between(trainer, now()).for_agenda()
    unsigned = (
        unscoped(Booking.objects, "of a trainer fetched in scope")
        .filter(trainer=trainer, state=BookingState.BOOKED, ends_at__lte=now())
        .for_agenda()
    )
    context = {
        "trainer": trainer,
        "form": form,
        "calls": absence.prospects(calls),
        "proposals": absence.proposals_between(trainer, now()).for_agenda(),
        "unsigned": unsigned,
    }
    return render(request, "sessions/leaving.html", context, status=status)
