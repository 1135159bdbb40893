"""A team's calls: the list its manager reads, and the feed of the manager's calendar."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseNotFound,
    StreamingHttpResponse,
)
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from courses.models import ProgrammePage
from lms.mail.times import moment
from lms.people.access import MemberRequest
from lms.people.names import one_line
from lms.people.roles import manager_required
from lms.tables import FORMATS, long_table_response
from sessions import team_feeds
from sessions.models import Booking, BookingQuerySet, BookingState, TeamFeed

PER_PAGE = 50
COMING, WAITING = "coming", "waiting"


class TeamCallsFilter(forms.Form):
    """Which calls are shown; all of it stands in the address. A bad value shows all."""

    when = forms.ChoiceField(
        required=False,
        label=gettext_lazy("Which"),
        choices=[
            ("", gettext_lazy("Coming")),
            (WAITING, gettext_lazy("Waiting for sign-off")),
            ("past", gettext_lazy("Past")),
        ],
    )
    q = forms.CharField(
        required=False,
        max_length=200,
        label=gettext_lazy("Name"),
        widget=forms.TextInput(attrs={"type": "search"}),
    )
    programme = forms.ModelChoiceField(
        ProgrammePage.objects.order_by("path"),
        required=False,
        to_field_name="slug",
        label=gettext_lazy("Programme"),
        empty_label=gettext_lazy("All"),
    )

    def found(self, calls: BookingQuerySet) -> BookingQuerySet:
        """Those of the calls that are asked for, the next first, or the latest."""
        self.is_valid()
        asked = self.cleaned_data
        if words := one_line(asked.get("q") or ""):
            calls = calls.filter(trainee__full_name__icontains=words)
        if programme := asked.get("programme"):
            calls = calls.filter(enrolment__programme=programme)
        is_open = Q(state=BookingState.BOOKED)
        if asked.get("when") == WAITING:
            return calls.filter(is_open, ends_at__lte=now()).order_by("starts_at", "pk")
        if asked.get("when") == "past":
            return calls.exclude(is_open).order_by("-starts_at", "-pk")
        return calls.filter(is_open, ends_at__gt=now()).order_by("starts_at", "pk")


@manager_required
@require_safe
def team_calls(request: MemberRequest) -> HttpResponse | StreamingHttpResponse:
    """The calls of one's people: times and outcomes, never why one was called off."""
    form = TeamCallsFilter(request.GET)
    theirs = Booking.objects.visible_to(request.access).filter(
        enrolment__member__reseller__in=request.access.managed_keys
    )
    calls = form.found(theirs.agreed().for_agenda())
    if (file_type := request.GET.get("format")) in FORMATS:
        header = [_("When"), _("Until"), _("Name"), _("Company"), _("Programme")]
        header += [_("Topics"), _("With"), _("State")]
        rows = _rows(calls.iterator(500), request.user.time_zone)
        name = f"team-calls-{now():%Y-%m-%d}"
        return long_table_response(name, file_type, header, rows)
    page = Paginator(calls, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "page": page,
        "columns": [
            {"label": label}
            for label in (_("Name"), _("When"), _("Programme"), _("With"), _("State"))
        ],
        "is_filtered": any(form.cleaned_data.values()),
    }
    return render(request, "sessions/team_calls.html", context)


def _rows(calls: Iterable[Booking], zone: str) -> Iterator[list[Any]]:
    for call in calls:
        yield [
            moment(call.starts_at, zone),
            moment(call.ends_at, zone),
            call.trainee.full_name,
            call.enrolment.member.reseller.name,
            call.enrolment.edition.title,
            ", ".join(_topic_words(call)),
            str(call.trainer),
            call.get_state_display(),
        ]


def _topic_words(call: Booking) -> Iterator[str]:
    for topic in call.topics.all():
        is_done = call.state == BookingState.DONE
        word = f" ({topic.get_outcome_display()})" if is_done else ""
        yield f"{topic.title}{word}"


@manager_required
@never_cache
def team_feed(request: MemberRequest) -> HttpResponse:
    """Whether one's calendar reads the team's calls; a POST makes a new address."""
    member = request.access.member
    assert member is not None  # noqa: S101  a manager is one
    address = ""
    if request.method == "POST":
        address = team_feeds.renew_team_feed(member, by=request.user)
    context = {
        "feed": TeamFeed.objects.visible_to(request.access).first(),
        "address": address,
        "webcal": address.replace("https://", "webcal://", 1),
    }
    return render(request, "sessions/team_feed.html", context)


@manager_required
@require_POST
def end_team_feed(request: MemberRequest) -> HttpResponse:
    """End the feed."""
    member = request.access.member
    assert member is not None  # noqa: S101  a manager is one
    team_feeds.end_team_feed(member, by=request.user)
    messages.success(request, _("The address has ended. Apps can no longer read it."))
    return redirect("sessions:team_feed")


@require_safe
def team_feed_file(request: HttpRequest, token: str) -> HttpResponse:
    """The team's calls, for whoever has the address while its manager is one."""
    feed = team_feeds.find_team_feed(token)
    if feed is None:  # few words: what reads this is an app
        return HttpResponseNotFound(
            _("There is no calendar at this address."), content_type="text/plain"
        )
    team_feeds.note_team_read(feed)
    return HttpResponse(
        team_feeds.team_text(feed),
        content_type="text/calendar; charset=utf-8",
        headers={
            "Content-Disposition": 'inline; filename="team-calls.ics"',
            "Cache-Control": "private, no-cache",
            "X-Robots-Tag": "noindex",
        },
    )
