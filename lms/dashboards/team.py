"""The manager's screens: who is qualified, and one person's record."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _

from certificates.models import Certificate
from courses.standing import standing_of
from lms.audit.looking import looked
from lms.dashboards.matrix import show_matrix
from lms.dashboards.needs import next_gap
from lms.dashboards.record import Record, record_of
from lms.dashboards.requests import open_requests
from lms.mail.times import on_day
from lms.people.access import Access, MemberRequest
from lms.people.models import Invitation, Member
from lms.people.roles import manager_required
from sessions.missing import counts_for


@manager_required
def team(request: MemberRequest) -> HttpResponse | StreamingHttpResponse:
    """The matrix of one's people; `?format=csv` or `xlsx` for the same as a file."""
    member = request.access.member
    assert member is not None  # noqa: S101  a manager is one
    standings = standing_of(member.reseller)
    certificates = Certificate.objects.of_people(request.access)
    context = {
        "invited": Invitation.objects.visible_to(request.access).open().count(),
        "has_certificates": certificates.released().standing().ready().exists(),
        "requests": open_requests(request.access),
        "may_answer": True,
        "standings": standings,
        "gap": next_gap(standings),
    }
    resellers = request.access.managed_resellers
    return show_matrix(request, resellers, "dashboards/team.html", context)


@login_required
def person(request: MemberRequest, pk: int) -> HttpResponse:
    """One person's record, for themselves, their managers and the channel team."""
    seen = Member.objects.visible_to(request.access)
    member = get_object_or_404(seen.select_related("user", "reseller"), pk=pk)
    looked(request, member.user)
    record = record_of(member)
    managed = request.access.managed_resellers.filter(pk=member.reseller_id)
    is_managed = managed.exists()
    back = _way_back(request.access, is_managed)
    context = {
        "member": member,
        "record": record,
        "may_change": is_managed or request.access.may_change_people,
        "missed": counts_for([member.user])[member.user_id],
        "facts": _facts_of(member, record),
        "back_url": reverse(back[0]),
        "back_label": back[1],
    }
    return render(request, "dashboards/person.html", context)


def _way_back(access: Access, is_managed: bool) -> tuple[str, str]:
    if is_managed:
        return "dashboards:team", _("Team")
    if access.is_staff:
        return "dashboards:standing", _("Standing")
    return "dashboards:my", _("My learning")


def _facts_of(member: Member, record: Record) -> list[dict[str, str]]:
    teams = ", ".join(held.team.name for held in record.teams)
    facts = [
        *(
            [{"label": _("Email"), "value": here}]
            if (here := member.email_here)
            else []
        ),
        {"label": _("Teams"), "value": teams or _("No team yet")},
        {"label": _("Here as"), "value": _here_as(member)},
        {"label": _("Since"), "value": on_day(member.joined_on)},
    ]
    if member.is_away and member.away_until_on:
        facts.append({"label": _("Away until"), "value": on_day(member.away_until_on)})
    if member.until_on and member.is_live:
        facts.append({"label": _("Leaves on"), "value": on_day(member.until_on)})
    if member.left_on:
        facts.append({"label": _("Left on"), "value": on_day(member.left_on)})
    return facts


def _here_as(member: Member) -> str:
    words = member.get_engagement_display()
    return f"{words}, {_('manager')}" if member.is_manager else words
