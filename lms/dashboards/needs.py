"""What a company needs in each programme, and what its manager can do about a gap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from courses.models import Enrolment, EnrolmentQuerySet, ProgrammePage
from courses.needs import Standing
from courses.standing import standing_of
from lms.dashboards.everybody import could_book
from lms.dashboards.state import Cell, cells_of
from lms.people.access import Access, MemberRequest
from lms.people.models import Member
from lms.people.roles import manager_required
from lms.walls import unscoped
from sessions.asking import ask_trainers
from sessions.nudging import send_booking_link

AT_ONCE = 25  # people asked for in one click, and shown


@dataclass(frozen=True)
class Somebody:
    """One who could fill a gap: how far, and whether the trainers are asked."""

    cell: Cell
    is_asked_for: bool


@dataclass(frozen=True)
class NextGap:
    """The programme of which somebody has to think first, and how many are like it."""

    standing: Standing
    others: int


def next_gap(standings: Sequence[Standing]) -> NextGap | None:
    """What is not met, the soonest first; None where nothing is known to be missing."""
    found = [each for each in standings if each.is_met is False or each.gap]
    first = min(found, key=_from_when, default=None)
    return NextGap(first, len(found) - 1) if first else None


def _from_when(standing: Standing) -> date:
    return standing.gap.on if standing.gap else standing.on


@manager_required
def need(request: MemberRequest, slug: str) -> HttpResponse:
    """A programme's need: who makes it unmet, who could fill it, and two ways to ask."""
    member = request.access.member
    assert member is not None  # noqa: S101  a manager is one
    programme = get_object_or_404(ProgrammePage, slug=slug)
    could = people_to_ask(request.access, programme)
    if request.method == "POST":
        return _ask(request, could, slug)
    standings = standing_of(member.reseller)
    found = [each for each in standings if each.edition.programme_id == programme.pk]
    if not found:
        raise Http404
    context = {
        "standing": found[0],
        "people": _somebodies(could, programme),
        "how_many": could.count(),
        "at_once": AT_ONCE,
    }
    return render(request, "dashboards/need.html", context)


def people_to_ask(access: Access, programme: ProgrammePage) -> EnrolmentQuerySet:
    """Who could book a call in it today and has not, the soonest due date first."""
    present = Member.objects.managed_by(access).present()
    there = present.filter(reseller__in=access.managed_resellers)
    open_ones = Enrolment.objects.managed_by(access).open()
    return could_book(open_ones.filter(programme=programme, member__in=there)).order_by(
        "due_on", "pk"
    )


def _somebodies(could: EnrolmentQuerySet, programme: ProgrammePage) -> list[Somebody]:
    shown = list(could.select_related("member__user", "member__reseller")[:AT_ONCE])
    cells = cells_of([row.member for row in shown], [programme])
    asked = set(
        unscoped(Enrolment.objects, "of those fetched in scope")
        .filter(pk__in=[row.pk for row in shown], time_requests__closed_at=None)
        .exclude(time_requests=None)
        .values_list("pk", flat=True)
    )
    return [
        Somebody(cells[row.member_id, programme.pk], row.pk in asked) for row in shown
    ]


def _ask(request: MemberRequest, could: EnrolmentQuerySet, slug: str) -> HttpResponse:
    if request.POST.get("do") == "trainers":
        soonest = could.select_related("member__user", "edition")[:AT_ONCE]
        number = ask_trainers(list(soonest), by=request.user)
        words = ngettext(
            "The trainers are asked to propose times to %d person.",
            "The trainers are asked to propose times to %d people.",
            number,
        )
        if number:
            messages.success(request, words % number)
        else:
            messages.info(request, _("The trainers are asked already."))
    else:
        done = send_booking_link(could, by=request.user)
        say = messages.success if done.sent else messages.info
        say(request, done.words)
    return redirect("dashboards:need", slug)
