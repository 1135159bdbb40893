"""The trainee's screens of calls, and the page that both sides share."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.cache import patch_vary_headers
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST, require_safe

from courses.models import EditionTopic, Enrolment
from lms.errors import Refused
from lms.mail import times
from lms.people.access import MemberRequest
from sessions import calendar_files
from sessions.booking import TimeTaken, book_call, length_of, ready_topics
from sessions.cancelling import cancel_call
from sessions.forms import BookCallForm, CancelForm, PickForm
from sessions.models import Booking, BookingState, Trainer
from sessions.picking import fits, times_page, who
from sessions.room import enter, is_open, join_button
from sessions.signoff import undo_until
from sessions.slots import Slot, free_slots

PAST_PER_PAGE = 25


@login_required
@require_safe
def agenda(request: MemberRequest) -> HttpResponse:
    """One's own calls: coming, waiting for sign-off, past."""
    own = (
        Booking.objects.visible_to(request.access)
        .filter(trainee=request.user)
        .exclude(state=BookingState.PROPOSED)
        .for_agenda()
    )
    over = own.exclude(state=BookingState.BOOKED).order_by("-starts_at", "-pk")
    open_calls = list(own.filter(state=BookingState.BOOKED))
    context = {
        "coming": [call for call in open_calls if call.ends_at > now()],
        "waiting": [call for call in open_calls if call.ends_at <= now()],
        "past": Paginator(over, PAST_PER_PAGE).get_page(request.GET.get("page")),
    }
    return render(request, "sessions/agenda.html", context)


# --- Booking -----------------------------------------------------------------------


@login_required
@never_cache
def book(request: MemberRequest, enrolment_pk: int) -> HttpResponse:
    """Choose topics and a time; one more click books."""
    enrolment = get_object_or_404(
        Enrolment.objects.visible_to(request.access)
        .filter(member__user=request.user)
        .select_related("edition", "programme", "member__user"),
        pk=enrolment_pk,
    )
    page = BookPage(request, enrolment)
    if request.method == "POST":
        return _book_now(request, enrolment, page)
    if not enrolment.is_open:
        messages.info(request, _("This programme is complete or closed for you."))
        return redirect("dashboards:my")
    return page.answer()


def _book_now(
    request: MemberRequest, enrolment: Enrolment, page: BookPage
) -> HttpResponse:
    form = BookCallForm(request.POST, topics=page.asked, trainers=page.trainers)
    if not form.is_valid():
        page.errors = [
            str(error) for errors in form.errors.values() for error in errors
        ]
        return page.answer(status=422)
    try:
        booking = book_call(
            enrolment,
            list(form.cleaned_data["topics"]),
            starts_at=form.cleaned_data["start"],
            request_key=form.cleaned_data["request_key"],
            by=request.user,
            trainer=form.cleaned_data["trainer"],
        )
    except TimeTaken as refusal:
        page.errors = [str(refusal)]
        page.is_taken = True
        return page.answer(status=409)
    except Refused as refusal:
        page.errors = [str(refusal)]
        return page.answer(status=409)
    messages.success(
        request,
        _("Your call is booked: %(time)s.")
        % {"time": times.moment(booking.starts_at, request.user.time_zone)},
    )
    return redirect(booking)


class BookPage:
    """What the page shows, from the address, or from the form sent and refused."""

    template = "sessions/book.html"
    fragment = "sessions/_picking.html"
    any_notice = False

    def __init__(
        self,
        request: MemberRequest,
        enrolment: Enrolment,
        trainer: Trainer | None = None,
    ) -> None:
        self.request = request
        self.enrolment = enrolment
        self.own_trainer = trainer
        self.errors: list[str] = []
        self.is_taken = False
        self.asked = list(enrolment.edition.topics.all())
        self.trainers = Trainer.objects.filter(
            is_active=True, user__is_active=True, programmes=enrolment.programme_id
        ).select_related("user")

    def answer(self, status: int = 200) -> HttpResponse:
        template = self.fragment if self.request.htmx else self.template
        response = render(self.request, template, self.context(), status=status)
        patch_vary_headers(response, ["HX-Request"])
        return response

    def context(self) -> dict[str, Any]:
        wanted = PickForm(
            self.request.POST or self.request.GET,
            topics=self.asked,
            trainers=self.trainers,
        )
        wanted.is_valid()
        if "zone" in wanted.errors:
            self.errors.append(
                _("We do not know that time zone, so times are in your own.")
            )
        said = wanted.cleaned_data
        zone = said.get("zone") or self.request.user.time_zone
        trainer = self.own_trainer or said.get("trainer")
        start: datetime | None = said.get("start")
        ready = ready_topics(self.enrolment)
        chosen = self._chosen(ready, list(said.get("topics") or []))
        length = length_of(chosen)
        slots = self._slots(chosen, length, trainer)
        selected = next((slot for slot in slots if slot.starts_at == start), None)
        if start and not selected and not self.errors and chosen:
            self.errors.append(
                _("%(time)s is not free, or no longer. These are near it.")
                % {"time": times.moment(start, zone)}
            )
        if selected and self.is_taken:
            selected = None
        trainers = list(self.trainers)
        link = self._link(
            chosen, said.get("trainer"), said.get("zone"), said.get("day")
        )
        return {
            "enrolment": self.enrolment,
            "errors": self.errors,
            "status_taken": self.is_taken,
            "topics": [(topic, topic in chosen) for topic in ready],
            "chosen": chosen,
            "minutes": int(length.total_seconds() // 60),
            "longest_minutes": int(settings.LONGEST_CALL.total_seconds() // 60),
            "is_too_long": length > settings.LONGEST_CALL,
            "trainers": trainers,
            "trainer": trainer,
            "zones": PickForm.base_fields["zone"].choices,  # type: ignore[attr-defined]
            "times_zone": zone,
            "day": said.get("day"),
            "times": times_page(
                slots,
                ZoneInfo(zone),
                link,
                day=said.get("day"),
                start=start,
                other_zone=self._other_zone(zone),
            ),
            "confirm": self._confirm(selected, length, trainers),
            "request_key": uuid4(),
        }

    def _chosen(
        self, ready: list[EditionTopic], wanted: list[EditionTopic]
    ) -> list[EditionTopic]:
        if "picked" not in (self.request.POST or self.request.GET):
            return fits(ready)
        return [topic for topic in ready if topic in wanted]

    def _slots(
        self, chosen: list[EditionTopic], length: timedelta, trainer: Trainer | None
    ) -> list[Slot]:
        if not chosen or length > settings.LONGEST_CALL:
            return []
        return free_slots(
            self.enrolment, length, trainer=trainer, any_notice=self.any_notice
        )

    def _confirm(
        self, slot: Slot | None, length: timedelta, trainers: list[Trainer]
    ) -> dict[str, Any] | None:
        if slot is None:
            return None
        able = who(slot, trainers)
        return {
            "starts_at": slot.starts_at,
            "ends_at": slot.starts_at + length,
            "value": f"{slot.starts_at:%Y-%m-%dT%H:%MZ}",
            "trainer": able[0] if len(able) == 1 else None,
            "trainers": able,
        }

    def _other_zone(self, zone: str) -> str:
        return ""

    def _link(
        self,
        chosen: list[EditionTopic],
        trainer: Trainer | None,
        zone: str | None,
        day: date | None,
    ) -> Any:
        kept: list[tuple[str, object]] = [("picked", 1)]
        kept += [("topics", topic.pk) for topic in chosen]
        if trainer:
            kept.append(("trainer", trainer.pk))
        if zone:
            kept.append(("zone", zone))
        path = self.request.path

        def link(*, start: datetime | None = None, day: date | None = day) -> str:
            more = [("day", day)] if day else []
            if start:
                more.append(("start", f"{start:%Y-%m-%dT%H:%MZ}"))  # type: ignore[arg-type]
            return (
                f"{path}?{urlencode([*kept, *more])}#{'confirm' if start else 'times'}"
            )

        return link


# --- One call ----------------------------------------------------------------------


def fetch(request: MemberRequest, ref: str) -> Booking:
    """Load a call for its page; a 404 for whoever may not see it."""
    return get_object_or_404(
        Booking.objects.visible_to(request.access)
        .select_related(
            "trainee",
            "trainer__user",
            "ended_by",
            "enrolment__member__reseller",
            "enrolment__edition",
        )
        .prefetch_related("topics__topic"),
        ref=ref,
    )


@login_required
@require_safe
@never_cache
def booking(request: MemberRequest, ref: str) -> HttpResponse:
    """A call: when, with whom, on what, the way in, and what was covered."""
    call = fetch(request, ref)
    if request.htmx:
        return render(
            request,
            "sessions/_join.html",
            {"call": call, "join": join_button(call, request.user)},
        )
    return _show(request, call, CancelForm())


def _show(
    request: MemberRequest, call: Booking, form: CancelForm, status: int = 200
) -> HttpResponse:
    user = request.user
    party = call.has_party(user)
    until = undo_until(call)
    context = {
        "call": call,
        "topics": call.topics.all(),
        "is_party": party,
        "is_trainee": user.pk == call.trainee_id,
        "is_trainer": user.pk == call.trainer.user_id,
        "other_zone": _other_zone(call, user.pk),
        "join": join_button(call, user) if party else None,
        "may_cancel": (party or request.access.is_staff)
        and call.state == BookingState.BOOKED
        and call.starts_at > now(),
        "may_sign_off": _may_sign_off(request, call),
        "undo_until": until if until and until >= now() else None,
        "on_time_until": call.starts_at - call.trainer.notice,
        "is_over": call.ends_at <= now(),
        "form": form,
        "links": calendar_files.links(call) if party else None,
    }
    return render(request, "sessions/booking.html", context, status=status)


def _other_zone(call: Booking, user_pk: int) -> str:
    """The other side's zone; for onlookers, the trainee's."""
    if user_pk == call.trainee_id:
        return call.trainer.time_zone
    return call.trainee.time_zone


def _may_sign_off(request: MemberRequest, call: Booking) -> bool:
    is_theirs = request.user.pk == call.trainer.user_id or request.access.is_staff
    return (
        is_theirs
        and request.user.pk != call.trainee_id
        and call.state in (BookingState.BOOKED, BookingState.DONE)
        and call.starts_at <= now()
    )


@login_required
@require_GET
@never_cache
def join(request: MemberRequest, ref: str) -> HttpResponse:
    """Note that one of the two came, and lead to the room while it is open."""
    call = fetch(request, ref)
    if not call.has_party(request.user) or not is_open(call):
        return redirect(call)
    try:
        room = enter(call, request.user)
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect(call)
    return HttpResponseRedirect(room)


@login_required
@require_POST
def cancel(request: MemberRequest, ref: str) -> HttpResponse:
    """Call a call off, with a reason."""
    call = fetch(request, ref)
    form = CancelForm(request.POST)
    if not form.is_valid():
        return _show(request, call, form, status=422)
    try:
        cancel_call(call, by=request.user, reason=form.cleaned_data["reason"])
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return _show(request, call, form, status=409)
    messages.success(request, _("The call is cancelled. Both of you are told by mail."))
    return redirect(call)


@login_required
@require_safe
def calendar_file(request: MemberRequest, ref: str) -> HttpResponse:
    """The call as a calendar file, for one of the two."""
    call = fetch(request, ref)
    if not call.has_party(request.user):
        return redirect(call)
    file = calendar_files.calendar_file(call, request.user)
    return HttpResponse(
        file["text"],
        content_type=f"text/calendar; charset=utf-8; method={file['method']}",
        headers={"Content-Disposition": 'attachment; filename="call.ics"'},
    )
