"""A trainer's own hours: the week, other days, time off, the rules of their calendar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from lms.errors import Refused
from lms.mail.zones import city
from lms.people.access import MemberRequest
from lms.people.models import User
from lms.people.roles import trainer_required
from sessions.access import trainer_of
from sessions.hours import set_weekly_hours, weekly_hours
from sessions.hours_forms import WeekForm, copied
from sessions.models import Trainer


@dataclass(frozen=True)
class Part:
    """One form of the page: how it is made, and what saving it does and says."""

    form: Callable[[Trainer, Any], Form]
    save: Callable[[Trainer, Any, User], str]


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


PARTS = {
    "week": Part(_week_form, _save_week),
}


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
        try:
            said = part.save(self.trainer, form, self.request.user)
        except Refused as refusal:
            form.add_error(None, str(refusal))
            return self.answer(name, form, status=409)
        messages.success(self.request, said)
        return redirect("sessions:hours")


@trainer_required
@never_cache
def hours(request: MemberRequest) -> HttpResponse:
    """One's hours and the rules of one's calendar, each form of its own."""
    page = HoursPage(request)
    if request.method == "POST":
        return page.save(request.POST.get("part", ""))
    return page.answer()
