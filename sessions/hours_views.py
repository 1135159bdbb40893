"""A trainer's own hours: the week, other days, time off, the rules of their calendar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.db import transaction
from django.forms import Form
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from lms.errors import Refused
from lms.mail import times
from lms.mail.zones import city
from lms.people.access import MemberRequest
from lms.people.models import User
from lms.people.roles import trainer_required
from lms.walls import unscoped
from sessions import absence, days
from sessions.absence_forms import OutsideForm
from sessions.access import trainer_of
from sessions.handing_over import ask_to_choose_again, hand_over
from sessions.hours import (
    Window,
    set_rules,
    set_weekly_hours,
    set_zone,
    weekly_hours,
)
from sessions.hours_forms import (
    ExtraForm,
    OtherHoursForm,
    PreviewForm,
    ReopenForm,
    RoomForm,
    RulesForm,
    SpanForm,
    TimeOffForm,
    WeekForm,
    ZoneForm,
    copied,
    write_day,
)
from sessions.models import Booking, BookingState, RoomKind, Trainer
from sessions.picking import times_page
from sessions.slots import Search, find
from sessions.trainers import set_room
from sessions.week import calls_outside_hours

USUAL_MINUTES = 30
CALLS_SHOWN = 25


@dataclass(frozen=True)
class Part:
    """One form of the page: how it is made, and what saving it does and says."""

    form: Callable[[Trainer, Any], Form]
    save: Callable[[Trainer, Any, User], str]


# --- The forms, each made and saved --------------------------------------------------


def _week_form(trainer: Trainer, data: Any) -> WeekForm:
    if data is not None and "copy" in data:
        data = copied(data)
    windows = [] if data is not None else weekly_hours([trainer])[trainer.pk]
    return WeekForm(data, windows=windows)


def _save_week(trainer: Trainer, form: WeekForm, by: User) -> str:
    set_weekly_hours(trainer, form.windows, by=by)
    if not form.windows:
        return _("Your week is saved: it has no hours, so nobody can book with you.")
    return _("Your week is saved.")


def _save_other(trainer: Trainer, form: OtherHoursForm, by: User) -> str:
    day, spans = form.cleaned_data["day"], form.spans
    days.set_other_hours(trainer, day, spans, by=by)
    words = _("%(day)s is closed.") if not spans else _("%(day)s has its own hours.")
    return words % {"day": _date(day)}


@transaction.atomic
def _save_extra(trainer: Trainer, form: ExtraForm, by: User) -> str:
    for start, end in form.instants(trainer.zone):
        days.open_extra(trainer, start, end, by=by)
    return _("Extra hours on %(day)s are open.") % {
        "day": _date(form.cleaned_data["day"])
    }


def _save_off(trainer: Trainer, form: TimeOffForm, by: User) -> str:
    start, end = form.instants(trainer.zone)
    days.close(trainer, start, end, by=by, title=form.cleaned_data["title"])
    return _("You are off then: nobody can book any of it.")


def _save_rules(trainer: Trainer, form: RulesForm, by: User) -> str:
    set_rules(trainer, **form.cleaned_data, by=by)
    return _("Your rules are saved. Calls that are booked stay.")


def _save_room(trainer: Trainer, form: RoomForm, by: User) -> str:
    kind = RoomKind(form.cleaned_data["room_kind"])
    set_room(trainer, kind, form.cleaned_data["room_url"], by=by)
    if kind == RoomKind.ROOM:
        return _("Your calls are in the room on this site now.")
    return _("Your calls are behind your outside link now.")


def _save_zone(trainer: Trainer, form: ZoneForm, by: User) -> str:
    set_zone(trainer, form.cleaned_data["time_zone"], by=by)
    return _("Your hours are on the clock of %(city)s now.") % {
        "city": city(trainer.time_zone)
    }


def _save_reopen(trainer: Trainer, form: ReopenForm, by: User) -> str:
    days.reopen(trainer, form.cleaned_data["event"], by=by)
    return _("Taken back.")


PARTS = {
    "week": Part(_week_form, _save_week),
    "off": Part(lambda _trainer, data: TimeOffForm(data, auto_id="off_%s"), _save_off),
    "other": Part(
        lambda _trainer, data: OtherHoursForm(data, auto_id="other_%s"), _save_other
    ),
    "extra": Part(
        lambda _trainer, data: ExtraForm(data, auto_id="extra_%s"), _save_extra
    ),
    "rules": Part(lambda trainer, data: RulesForm(data, trainer=trainer), _save_rules),
    "room": Part(lambda trainer, data: RoomForm(data, trainer=trainer), _save_room),
    "zone": Part(
        lambda trainer, data: ZoneForm(data, initial={"time_zone": trainer.time_zone}),
        _save_zone,
    ),
    "reopen": Part(lambda _trainer, data: ReopenForm(data), _save_reopen),
}


CLOSING = {"off", "other", "reopen"}  # what may leave a call outside the hours


def _newly_outside(trainer: Trainer, before: list[Booking]) -> str:
    """Return the address of the calls that a change has hit; nothing for none."""
    hit = [call for call in calls_outside_hours(trainer) if call not in before]
    if not hit:
        return ""
    edges = {"start": hit[0].starts_at, "end": max(call.ends_at for call in hit)}
    query = {name: f"{at:%Y-%m-%dT%H:%MZ}" for name, at in edges.items()}
    return f"{reverse('sessions:hours_calls')}?{urlencode(query)}"


def _booked(calls: list[Booking]) -> list[Booking]:
    return [call for call in calls if call.state == BookingState.BOOKED]


# --- The page ------------------------------------------------------------------------


@dataclass(frozen=True)
class ChangeLine:
    """Something that differs from the week, as the page lists it."""

    event: int
    kind: str
    when: str
    what: str


def _lines(trainer: Trainer) -> list[ChangeLine]:
    return [
        ChangeLine(change.event, change.kind, _when(change, trainer), _what(change))
        for change in days.coming_days(trainer)
    ]


def _when(change: days.Change, trainer: Trainer) -> str:
    first, last = change.days
    if change.kind == days.Kind.OTHER or (change.is_whole_days and first == last):
        return _date(first)
    if change.is_whole_days:
        return f"{_date(first)} – {_date(last)}"
    return times.span(change.starts_at, change.ends_at, trainer.zone).rpartition(" (")[
        0
    ]


def _what(change: days.Change) -> str:
    if change.kind == days.Kind.OFF:
        return (
            _("Off: %(title)s") % {"title": change.title} if change.title else _("Off")
        )
    if change.kind == days.Kind.EXTRA:
        return _("Extra hours")
    if not change.spans:
        return _("Closed")
    return write_day(Window(0, *span) for span in change.spans)


def _date(day: date) -> str:
    return date_format(day, "D j M" if day.year == now().year else "D j M Y")


class HoursPage:
    """The page with all its forms; the one that was sent keeps what was typed."""

    def __init__(self, request: MemberRequest) -> None:
        self.request = request
        self.trainer = trainer_of(request.access)

    def answer(
        self, part: str = "", form: Form | None = None, status: int = 200
    ) -> HttpResponse:
        forms = {
            name: form if name == part else each.form(self.trainer, None)
            for name, each in PARTS.items()
        }
        context: dict[str, Any] = {
            "trainer": self.trainer,
            "city": city(self.trainer.time_zone),
            "changes": _lines(self.trainer),
            "outside": _booked(calls_outside_hours(self.trainer)),
            "programmes": list(self.trainer.programmes.order_by("path")),
            "forms": forms,
        }
        return render(self.request, "sessions/hours.html", context, status=status)

    def save(self, name: str) -> HttpResponse:
        """Do what one of the forms says; refused, it comes back as it was typed."""
        part = PARTS.get(name)
        if part is None:
            raise Http404
        form = part.form(self.trainer, self.request.POST)
        if "copy" in self.request.POST:
            return self.answer(name, form)
        if not form.is_valid():
            return self.answer(name, form, status=422)
        before = calls_outside_hours(self.trainer) if name in CLOSING else []
        try:
            said = part.save(self.trainer, form, self.request.user)
        except Refused as refusal:
            form.add_error(None, str(refusal))
            return self.answer(name, form, status=409)
        messages.success(self.request, said)
        hit = _newly_outside(self.trainer, before) if name in CLOSING else ""
        return redirect(hit or "sessions:hours")


@trainer_required
@never_cache
def hours(request: MemberRequest) -> HttpResponse:
    """One's hours and the rules of one's calendar, each form of its own."""
    page = HoursPage(request)
    if request.method == "POST":
        return page.save(request.POST.get("part", ""))
    return page.answer()


# --- Calls outside the hours -----------------------------------------------------------


@trainer_required
@never_cache
def hours_calls(request: MemberRequest) -> HttpResponse:
    """Calls and proposals outside one's hours: hand over, ask, withdraw, or leave."""
    trainer = trainer_of(request.access)
    if request.method != "POST":
        return _show_calls(request, trainer)
    outside = _outside(request, trainer)
    calls = unscoped(Booking.objects, "of the trainer who asks").filter(
        trainer=trainer, state__in=[BookingState.BOOKED, BookingState.PROPOSED]
    )
    form = OutsideForm(request.POST, calls=calls)
    if not form.is_valid():
        return _show_calls(request, trainer, form, status=422)
    try:
        said = _act(trainer, outside, form, request.user)
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return _show_calls(request, trainer, form, status=409)
    messages.success(request, said)
    return redirect(request.get_full_path())


def _outside(request: MemberRequest, trainer: Trainer) -> list[Booking]:
    """Those between the times in the address, or all; a bad time counts as none."""
    asked = SpanForm(request.GET)
    asked.is_valid()
    start, end = (asked.cleaned_data.get(name) for name in ("start", "end"))
    return [
        call
        for call in calls_outside_hours(trainer)
        if (not start or call.ends_at > start) and (not end or call.starts_at < end)
    ]


def _show_calls(
    request: MemberRequest,
    trainer: Trainer,
    form: OutsideForm | None = None,
    status: int = 200,
) -> HttpResponse:
    """Show the next of them, and who could take each."""
    outside = _outside(request, trainer)
    shown = outside[:CALLS_SHOWN]
    booked = _booked(shown)
    context: dict[str, Any] = {
        "trainer": trainer,
        "form": form,
        "calls": absence.prospects(booked),
        "proposals": [call for call in shown if call not in booked],
        "more": len(outside) - len(shown),
    }
    return render(request, "sessions/hours_calls.html", context, status=status)


def _act(trainer: Trainer, outside: list[Booking], form: OutsideForm, by: User) -> str:
    """Do what was asked, of one call or of all outside; return what is said."""
    act, call, to = (form.cleaned_data[name] for name in ("act", "call", "to"))
    reason = _("Your trainer is not there at that time.")
    if act == form.HAND:
        hand_over(call, to, by=by)
        return _("%(name)s holds the call now. All three are told by mail.") % {
            "name": to
        }
    if act == form.ASK:
        ask_to_choose_again(call, by=by, reason=reason)
        return _("%(name)s is asked to choose again.") % {"name": call.trainee}
    if act == form.WITHDRAW and call:
        absence.withdraw_proposals(trainer, call.starts_at, call.ends_at, by=by)
        return _("The proposal is withdrawn.")
    return _see_to_all(trainer, outside, by, reason)


def _see_to_all(trainer: Trainer, outside: list[Booking], by: User, reason: str) -> str:
    booked = _booked(outside)
    for proposal in outside:
        if proposal not in booked:
            absence.withdraw_proposals(
                trainer, proposal.starts_at, proposal.ends_at, by=by
            )
    outcome = absence.see_to(trainer, booked, by=by, reason=reason)
    return _(
        "%(handed)d handed over, %(asked)d asked to choose again, "
        "%(withdrawn)d proposals withdrawn."
    ) % {
        "handed": len(outcome.handed),
        "asked": len(outcome.asked),
        "withdrawn": len(outside) - len(booked),
    }


# --- What people see -------------------------------------------------------------------


@trainer_required
@require_safe
@never_cache
def preview(request: MemberRequest) -> HttpResponse:
    """What people see: one's own free times, as somebody would find them."""
    trainer = trainer_of(request.access)
    programmes = {one.pk: one for one in trainer.programmes.order_by("path")}
    asked = PreviewForm(request.GET, programmes=programmes.values())
    asked.is_valid()  # a bad value counts as none
    words = asked.cleaned_data
    first = next(iter(programmes.values()), None)
    programme = programmes.get(words.get("programme"), first)
    minutes = words.get("minutes") or USUAL_MINUTES
    zone = words.get("zone") or trainer.time_zone
    shown = {"programme": programme and programme.pk, "minutes": minutes, "zone": zone}
    slots = (
        find(Search(programme.pk, timedelta(minutes=minutes), trainer=trainer))
        if programme
        else []
    )

    def link(**changes: Any) -> str:
        query = {**shown, **changes} if "start" not in changes else {}
        return f"?{urlencode(query)}" if query else ""

    context: dict[str, Any] = {
        "form": PreviewForm(shown, programmes=programmes.values()),
        "programme": programme,
        "trainer": trainer,
        "times": times_page(
            slots, ZoneInfo(zone), link, day=words.get("day"), start=None
        ),
    }
    return render(request, "sessions/hours_preview.html", context)
