"""Reminding one person, or all who are late: a button, and the result in words."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from courses.reminding import remind, remind_late
from lms.dashboards.matrix import MatrixFilter, filter_of, narrowed
from lms.mail.times import moment
from lms.people.access import Access, MemberRequest
from lms.people.models import Member, MemberQuerySet, Reseller
from lms.people.nudging import Nudged
from lms.people.roles import manager_or_people_staff_required


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


@manager_or_people_staff_required
@require_POST
def remind_all(request: MemberRequest) -> HttpResponse:
    """Remind all who are late of the people that a filter shows."""
    resellers = Reseller.objects.visible_to(request.access)
    form = filter_of(request.POST, resellers)
    company = form.cleaned_data.get("reseller")
    if company is None and not request.access.is_manager:
        messages.error(request, _("Choose a company first."))
        return redirect("dashboards:standing")
    done = remind_late(people_shown(request.access, form), by=request.user)
    say = messages.success if done.sent else messages.info
    say(request, done.words)
    if company and not request.access.is_manager:
        return redirect("dashboards:reseller", company)
    shown = {name: request.POST[name] for name in form.fields if request.POST.get(name)}
    return redirect(reverse("dashboards:team", query=shown))


def people_shown(access: Access, form: MatrixFilter) -> MemberQuerySet:
    """Those whom the page shows: of its own people, by name, team and company."""
    return narrowed(Member.objects.managed_by(access), form)
