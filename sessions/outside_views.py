"""A trainer's other calendars: name one, read it now, remove it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from lms.errors import Refused
from lms.people.access import MemberRequest
from lms.people.roles import trainer_required
from sessions import outside
from sessions.access import trainer_of
from sessions.models import OutsideCalendar
from sessions.outside_forms import OutsideCalendarForm


@trainer_required
@never_cache
def calendars(request: MemberRequest) -> HttpResponse:
    """One's other calendars, and one more; they stand on the page of hours too."""
    trainer = trainer_of(request.access)
    form = OutsideCalendarForm(request.POST or None)
    status = 422 if form.is_bound else 200
    if form.is_valid():
        try:
            added = outside.add_calendar(trainer, by=request.user, **form.cleaned_data)
        except Refused as refusal:
            form.add_error("url", str(refusal))
            status = 409
        else:
            messages.success(
                request,
                _("“%(name)s” is added. It is read within a few minutes.")
                % {"name": added.name},
            )
            return _back()
    context = {"trainer": trainer, "form": form}
    return render(request, "sessions/calendars.html", context, status=status)


@trainer_required
@require_POST
def remove_calendar(request: MemberRequest, pk: int) -> HttpResponse:
    """Forget one of them."""
    calendar = _fetch(request, pk)
    outside.remove_calendar(calendar, by=request.user)
    messages.success(
        request,
        _("“%(name)s” is removed. It blocks no longer.") % {"name": calendar.name},
    )
    return _back()


@trainer_required
@require_POST
def read_calendar(request: MemberRequest, pk: int) -> HttpResponse:
    """Ask for one of them to be read now."""
    calendar = _fetch(request, pk)
    try:
        outside.read_now(calendar)
    except Refused as refusal:
        messages.warning(request, str(refusal))
    else:
        messages.success(
            request,
            _("“%(name)s” is being read. Come back in a moment.")
            % {"name": calendar.name},
        )
    return _back()


def _fetch(request: MemberRequest, pk: int) -> OutsideCalendar:
    return get_object_or_404(
        OutsideCalendar.objects.visible_to(request.access).select_related("trainer"),
        pk=pk,
    )


def _back() -> HttpResponse:
    return HttpResponseRedirect(f"{reverse('sessions:hours')}#calendars")
