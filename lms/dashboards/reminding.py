"""Reminding one person, or all who are late: a button, and the result in words."""

from __future__ import annotations

from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from courses.reminding import remind, remind_late
from lms.dashboards.matrix import filter_of, narrowed
from lms.mail.times import moment
from lms.people.access import MemberRequest
from lms.people.models import (
    Member,
    Reseller,
    ResellerQuerySet,
)
from lms.people.nudging import Nudged
from lms.people.roles import (
    manager_or_people_staff_required,
    manager_required,
    people_staff_required,
)
from lms.walls import unscoped

NARROWING = {"q", "team", "reseller", "state"}
LONGEST = 200  # characters of one of the filter's values in an address


@manager_or_people_staff_required
@require_POST
def remind_person(request: MemberRequest, pk: int) -> HttpResponse:
    """Remind one person of what is open for them."""
    people = Member.objects.managed_by(request.access)
    member = get_object_or_404(people.select_related("user"), pk=pk)
    done = remind(people.filter(pk=member.pk), by=request.user)
    name = member.user.full_name
    if done.sent:
        messages.success(request, _("%(name)s is reminded.") % {"name": name})
    else:
        why = why_not(done, request.user.time_zone)
        messages.warning(request, f"{name}: {why}")
    return redirect("dashboards:person", member.pk)


def why_not(done: Nudged, zone: str) -> str:
    """Why one person was not reminded."""
    if done.held_back_until:
        return _(
            "asked in the last three days already. You can remind them from %(at)s."
        ) % {"at": moment(done.held_back_until, zone)}
    if done.away:
        return _("away now, so nothing is sent.")
    if done.off:
        return _("has turned reminders off. Ask them yourself.")
    if done.gone:
        return _("has left, or cannot sign in.")
    return _("nothing is open, so there is nothing to remind of.")


@manager_required
@require_POST
def remind_all(request: MemberRequest) -> HttpResponse:
    """Remind all who are late of one's people, as the filter of the page shows them."""
    resellers = request.access.managed_resellers
    return _remind_all(request, resellers, reverse("dashboards:team"))


@people_staff_required
@require_POST
def remind_all_of(request: MemberRequest, pk: int) -> HttpResponse:
    """The same for a reseller and what is below it, by the channel team."""
    top = get_object_or_404(Reseller.objects.visible_to(request.access), pk=pk)
    page = reverse("dashboards:reseller", args=[top.pk])
    tree = unscoped(Reseller.objects, "below one that was fetched in scope").below(top)
    return _remind_all(request, tree, page)


def _remind_all(
    request: MemberRequest, resellers: ResellerQuerySet, page: str
) -> HttpResponse:
    form = filter_of(request.POST, resellers)
    if form.errors.keys() & NARROWING:  # else it would be everybody
        messages.error(
            request, _("Nobody was reminded: that list is not there. Choose anew.")
        )
        return redirect(page)
    people = Member.objects.managed_by(request.access).filter(reseller__in=resellers)
    done = remind_late(narrowed(people, form), by=request.user)
    say = messages.success if done.sent else messages.info
    say(request, done.words)
    asked = {name: request.POST.get(name, "") for name in form.fields}
    shown = {name: value for name, value in asked.items() if 0 < len(value) <= LONGEST}
    return redirect(f"{page}?{urlencode(shown)}" if shown else page)
