"""The life of a membership: leaving, a planned end, being away, managing."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.utils.translation import gettext as _

from certificates.models import Certificate
from lms.dashboards.forms import LeaveForm, LeftFilter
from lms.errors import Refused
from lms.mail.times import on_day
from lms.people import membership
from lms.people.access import MemberRequest
from lms.people.models import Member, MemberQuerySet
from lms.people.names import one_line
from lms.people.roles import (
    manager_or_people_staff_required,
    manager_or_staff_required,
)
from lms.tables import FORMATS, table_response
from lms.walls import unscoped
from sessions.models import Booking

PAGE_SIZE = 50


def _managed(request: MemberRequest, pk: int) -> Member:
    people = Member.objects.managed_by(request.access)
    return get_object_or_404(people.select_related("user", "reseller"), pk=pk)


@manager_or_people_staff_required
def leave(request: MemberRequest, pk: int) -> HttpResponse:
    """Mark somebody as left; what that does stands above the button."""
    member = _managed(request, pk)
    if not member.is_live:
        messages.info(
            request,
            _("%(name)s left on %(day)s.")
            % {"name": member.user, "day": on_day(member.left_on or now().date())},
        )
        return redirect("dashboards:person", member.pk)
    form = LeaveForm(initial={"on": now().date()})
    status = 200
    if request.method == "POST":
        form = LeaveForm(request.POST)
        status = 422
        if form.is_valid():
            try:
                membership.leave(member, on=form.cleaned_data["on"], by=request.user)
            except Refused as refusal:
                form.add_error("on", str(refusal))
                status = 409
            else:
                messages.success(
                    request,
                    _("%(name)s is marked as left, and told by mail.")
                    % {"name": member.user},
                )
                return redirect("dashboards:person", member.pk)
    coming = unscoped(Booking.objects, "of the member, fetched in scope").coming()
    coming = coming.filter(enrolment__member=member, starts_at__gt=now())
    opened = member.enrolments.open()
    context = {
        "member": member,
        "form": form,
        "calls": list(coming.for_agenda().order_by("starts_at")),
        "programmes": list(opened.select_related("edition")),
        "certificates": unscoped(Certificate.objects, "of the member, fetched in scope")
        .filter(enrolment__member=member)
        .released()
        .standing()
        .count(),
    }
    return render(request, "dashboards/leave.html", context, status=status)


@manager_or_staff_required
def left(request: MemberRequest) -> HttpResponse:
    """Who has left, of one's people; `?format=csv` or `xlsx` for all as a file."""
    form = LeftFilter(request.GET)
    form.is_valid()
    people = _left_of(request, one_line(form.cleaned_data.get("q") or ""))
    if (file_type := request.GET.get("format")) in FORMATS:
        return _left_file(people, file_type)
    page = Paginator(people, PAGE_SIZE).get_page(request.GET.get("page"))
    columns = [_("Name"), _("Company"), _("Here as"), _("From"), _("Left on")]
    context = {
        "form": form,
        "page": page,
        "columns": [{"label": label} for label in columns],
    }
    return render(request, "dashboards/left.html", context)


def _left_of(request: MemberRequest, words: str) -> MemberQuerySet:
    """Those no longer there, the last to leave first."""
    people = Member.objects.managed_by(request.access).filter(left_on__lte=now().date())
    if words:
        people = people.filter(
            Q(user__full_name__icontains=words) | Q(user__email__icontains=words)
        )
    return people.select_related("user", "reseller").order_by("-left_on", "pk")


def _left_file(people: MemberQuerySet, file_type: str) -> HttpResponse:
    header = [
        *(_("Name"), _("Email"), _("Company"), _("Here as")),
        *(_("From"), _("Left on")),
    ]
    rows = [
        [
            member.user.full_name,
            member.user.email,
            member.reseller.name,
            member.get_engagement_display(),
            on_day(member.joined_on),
            on_day(member.left_on or member.joined_on),
        ]
        for member in people
    ]
    return table_response(f"left-{now():%Y-%m-%d}", file_type, header, rows)
