"""The trainer's list of who is ready, asks or waits, and scheduling with one of them."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from courses.models import Enrolment
from lms.errors import Refused
from lms.mail import times
from lms.people.access import MemberRequest
from lms.people.roles import trainer_required
from sessions.access import bookable_by, ready_for, ready_people, trainer_of
from sessions.asking import asked_for
from sessions.earlier import in_line
from sessions.models import BookingState, Trainer
from sessions.offers import offers_of
from sessions.proposals import propose
from sessions.schedule_page import SchedulePage
from sessions.scheduling import schedule_call
from sessions.scheduling_forms import ReadyFilter, ScheduleForm

READY_PER_PAGE = 50


@trainer_required
@require_safe
@never_cache
def ready(request: MemberRequest) -> HttpResponse:
    """Who asked for a time, who could book and has not, who waits for an earlier one."""
    trainer = trainer_of(request.access)
    programmes = list(trainer.programmes.order_by("title"))
    form = ReadyFilter(request.GET, programmes=programmes)
    form.is_valid()
    wanted = form.cleaned_data
    enrolments = bookable_by(trainer)
    ready_ones = ready_for(trainer)
    if q := wanted.get("q"):
        enrolments = enrolments.filter(member__user__full_name__icontains=q)
        ready_ones = ready_ones.filter(member__user__full_name__icontains=q)
    if programme := wanted.get("programme"):
        enrolments = enrolments.filter(programme=programme)
        ready_ones = ready_ones.filter(programme=programme)
    asked = list(asked_for(enrolments))
    page = Paginator(
        ready_ones.exclude(pk__in=[one.enrolment_id for one in asked]).select_related(
            "edition", "member__user", "member__reseller"
        ),
        READY_PER_PAGE,
    ).get_page(request.GET.get("page"))
    people = ready_people(page.object_list)
    pks = [person.enrolment.pk for person in people]
    context = {
        "filters": wanted,
        "is_filtered": bool(q or programme),
        "programmes": programmes,
        "asked": asked,
        "page_obj": page,
        "people": people,
        "offers": offers_of(pks),
        "waiting": list(in_line(enrolments)),
        "trainer": trainer,
    }
    return render(request, "sessions/ready.html", context)


@trainer_required
@never_cache
def schedule(request: MemberRequest, enrolment_pk: int) -> HttpResponse:
    """Book a time agreed with somebody who is ready, or propose up to three."""
    trainer = trainer_of(request.access)
    enrolment = get_object_or_404(
        bookable_by(trainer).select_related(
            "edition", "programme", "member__user", "member__reseller"
        ),
        pk=enrolment_pk,
    )
    page = SchedulePage(request, enrolment, trainer)
    if request.method != "POST":
        return page.answer()
    form = page.form()
    if not form.is_valid():
        return page.invalid(form)
    try:
        if form.cleaned_data["do"] == "propose":
            return _propose(request, enrolment, trainer, form)
        return _book(request, enrolment, trainer, form)
    except Refused as refusal:
        return page.refused(refusal)


def _book(
    request: MemberRequest, enrolment: Enrolment, trainer: Trainer, form: ScheduleForm
) -> HttpResponse:
    said = form.cleaned_data
    booking = schedule_call(
        trainer,
        enrolment,
        list(said["topics"]),
        starts_at=said["starts"][0],
        request_key=said["request_key"],
        any_hours=said["any_hours"],
    )
    if booking.state == BookingState.CANCELLED:  # the same form, sent once more
        messages.info(request, _("You booked this before, and it is cancelled since."))
        return redirect(booking)
    messages.success(
        request,
        _("Booked with %(name)s: %(time)s. Both of you are told by mail.")
        % {
            "name": enrolment.member.user,
            "time": times.moment(booking.starts_at, request.user.time_zone),
        },
    )
    return redirect(booking)


def _propose(
    request: MemberRequest, enrolment: Enrolment, trainer: Trainer, form: ScheduleForm
) -> HttpResponse:
    said = form.cleaned_data
    calls = propose(
        trainer,
        enrolment,
        list(said["topics"]),
        said["starts"],
        request_key=said["request_key"],
        any_hours=said["any_hours"],
    )
    messages.success(
        request,
        ngettext(
            "Proposed to %(name)s: they get a mail, and the time is kept for them.",
            "Proposed to %(name)s: they get a mail, and the times are kept for them.",
            len(calls),
        )
        % {"name": enrolment.member.user},
    )
    return redirect("sessions:offer", calls[0].offer)
