"""What a company needs in each programme, and what its manager can do about a gap."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from courses.models import Enrolment, EnrolmentQuerySet, ProgrammePage
from courses.needs import Standing
from courses.standing import standing_of
from lms.dashboards.everybody import could_book
from lms.dashboards.state import Cell, cells_of
from lms.people.access import Access, MemberRequest
from lms.people.models import Member, Reseller
from lms.people.roles import manager_required, staff_required
from lms.walls import unscoped
from sessions.asking import ask_trainers
from sessions.nudging import send_booking_link

AT_ONCE = 25  # people asked for in one click, and shown
MANY = 500  # people of a company from whom on its needs come after its page


@dataclass(frozen=True)
class Somebody:
    """One who could fill a gap: how far, and whether the trainers are asked."""

    cell: Cell
    is_asked_for: bool


def needs_of(reseller: Reseller) -> list[Standing] | None:
    """What it needs and has; None for a company of many, whose page goes before."""
    people = unscoped(Member.objects, "a number, of a company fetched in scope").live()
    tree = unscoped(Reseller.objects, "below one fetched in scope").below(reseller)
    if people.filter(reseller__in=tree).count() > MANY:
        return None
    return standing_of(reseller)


@manager_required
@require_safe
def team_needs(request: MemberRequest) -> HttpResponse:
    """What one's own company needs: a page, or a part of the team's, loaded later."""
    member = request.access.member
    assert member is not None  # noqa: S101  a manager is one
    return _show(request, member.reseller, may_act=True)


@staff_required
@require_safe
def reseller_needs(request: MemberRequest, pk: int) -> HttpResponse:
    """What a company needs, as its manager sees it."""
    resellers = Reseller.objects.visible_to(request.access)
    return _show(request, get_object_or_404(resellers, pk=pk), may_act=False)


def _show(request: MemberRequest, reseller: Reseller, *, may_act: bool) -> HttpResponse:
    context = {
        "reseller": reseller,
        "standings": standing_of(reseller),
        "may_act": may_act,
    }
    template = "courses/_needs.html" if request.htmx else "dashboards/needs.html"
    return render(request, template, context)


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
