"""The life of a membership: leaving, a planned end, being away, managing."""

from __future__ import annotations

from datetime import date

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from certificates.models import Certificate
from courses.models import Postponement
from lms.audit.looking import looked
from lms.dashboards.forms import AwayForm, LeaveForm, LeftFilter, PlanForm
from lms.errors import Refused
from lms.mail.times import on_day
from lms.people import ending, membership
from lms.people.access import MemberRequest
from lms.people.away import end_away, set_away, stretch_of
from lms.people.managers import set_manager
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
    member = get_object_or_404(people.select_related("user", "reseller"), pk=pk)
    looked(request, member.user)
    return member


@manager_or_people_staff_required
def leave(request: MemberRequest, pk: int) -> HttpResponse:
    """Mark somebody as left, or plan it; what that does stands above the button."""
    member = _managed(request, pk)
    if not member.is_live:
        messages.info(
            request,
            _("%(name)s left on %(day)s.")
            % {"name": member.user, "day": on_day(member.left_on or now().date())},
        )
        return redirect("dashboards:person", member.pk)
    if request.method != "POST":
        return _show_leave(request, member)
    do = request.POST.get("do", "leave")
    if do == "stay":
        ending.plan_end(member, None, by=request.user)
        words = _("No end is planned for %(name)s any more.")
        messages.success(request, words % {"name": member.user})
        return redirect("dashboards:person", member.pk)
    form: LeaveForm | PlanForm
    form = PlanForm(request.POST) if do == "plan" else LeaveForm(request.POST)
    if not form.is_valid():
        return _show_leave(request, member, form, status=422)
    try:
        messages.success(request, _leave(request, member, form.cleaned_data))
    except Refused as refusal:
        form.add_error(next(iter(form.fields)), str(refusal))
        return _show_leave(request, member, form, status=409)
    return redirect("dashboards:person", member.pk)


def _leave(request: MemberRequest, member: Member, words: dict[str, date]) -> str:
    """Ask the rule, and say what has happened."""
    if day := words.get("until_on"):
        ending.plan_end(member, day, by=request.user)
        return _("%(name)s leaves on %(day)s.") % {
            "name": member.user,
            "day": on_day(day),
        }
    membership.leave(member, on=words["on"], by=request.user)
    return _("%(name)s is marked as left, and told by mail.") % {"name": member.user}


def _show_leave(
    request: MemberRequest,
    member: Member,
    form: LeaveForm | PlanForm | None = None,
    status: int = 200,
) -> HttpResponse:
    coming = unscoped(Booking.objects, "of the member, fetched in scope").coming()
    coming = coming.filter(enrolment__member=member, starts_at__gt=now())
    opened = member.enrolments.open()
    until_on = _kept(member).until_on
    context = {
        "member": member,
        "until_on": until_on,
        "form": form
        if isinstance(form, LeaveForm)
        else LeaveForm(initial={"on": now().date()}),
        "plan": form
        if isinstance(form, PlanForm)
        else PlanForm(initial={"until_on": until_on}),
        "is_planning": isinstance(form, PlanForm),
        "calls": list(coming.for_agenda().order_by("starts_at")),
        "programmes": list(opened.select_related("edition")),
        "certificates": unscoped(Certificate.objects, "of the member, fetched in scope")
        .filter(enrolment__member=member)
        .released()
        .standing()
        .count(),
    }
    return render(request, "dashboards/leave.html", context, status=status)


@login_required
def away(request: MemberRequest, pk: int) -> HttpResponse:
    """When somebody is away: for themselves, and for those who look after them."""
    managed = Member.objects.managed_by(request.access)
    people = Member.objects.visible_to(request.access).filter(
        Q(user=request.user) | Q(pk__in=managed.values("pk"))
    )
    member = get_object_or_404(people.select_related("user", "reseller"), pk=pk)
    looked(request, member.user)
    is_own = member.user_id == request.user.pk
    back = redirect("people:settings") if is_own else redirect(_person(member))
    if request.method != "POST":
        return _show_away(request, member)
    if request.POST.get("do") == "back":
        form = AwayForm()
    else:
        form = AwayForm(request.POST)
        if not form.is_valid():
            return _show_away(request, member, form, status=422)
    try:
        if form.is_bound:
            set_away(member, *form.cleaned_data.values(), by=request.user)
            words = _("Away from %(first)s to %(last)s: kept.")
            days = form.cleaned_data.items()
            words %= {name: on_day(day) for name, day in days}
        else:
            end_away(member, by=request.user)
            words = _("Back from today: kept.")
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return _show_away(request, member, form, status=409)
    messages.success(request, words)
    return back


def _kept(member: Member) -> Member:
    """The row as it stands, whatever was tried on it."""
    people = unscoped(Member.objects, "the member as such, fetched in scope")
    return people.get(pk=member.pk)


def _person(member: Member) -> str:
    return reverse("dashboards:person", args=[member.pk])


def _show_away(
    request: MemberRequest,
    member: Member,
    form: AwayForm | None = None,
    status: int = 200,
) -> HttpResponse:
    kept = _kept(member)
    stretch = stretch_of(kept)
    is_over = stretch is not None and stretch.last < now().date()
    known = None if is_over else stretch
    initial = {"first": known.first, "last": known.last} if known else {}
    is_own = member.user_id == request.user.pk
    context = {
        "member": member,
        "form": form or AwayForm(initial=initial),
        "known": known,
        "is_on": kept.is_away,
        "is_own": is_own,
        "back_url": reverse("people:settings") if is_own else _person(member),
        "back_label": _("Settings") if is_own else member.user.full_name,
        "moved": list(
            unscoped(Postponement.objects, "of the member, fetched in scope")
            .filter(enrolment__member=member)
            .filter(away_from_on=known.first, away_until_on=known.last)
            .select_related("enrolment__edition")
        )
        if known
        else [],
    }
    return render(request, "dashboards/away.html", context, status=status)


@manager_or_people_staff_required
@require_POST
def manager(request: MemberRequest, pk: int) -> HttpResponse:
    """Make somebody a manager of their company, or no longer one."""
    member = _managed(request, pk)
    is_manager = request.POST.get("is_manager") == "yes"
    try:
        set_manager(member, is_manager, by=request.user)
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        words = (
            _("%(name)s is a manager of %(reseller)s now.")
            if is_manager
            else _("%(name)s is no longer a manager of %(reseller)s.")
        )
        names = {"name": member.user, "reseller": member.reseller}
        messages.success(request, words % names)
    is_out = member.user_id == request.user.pk and not is_manager
    return redirect("landing" if is_out else _person(member))


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
        people = people.filter(user__full_name__icontains=words)
    return people.select_related("user", "reseller").order_by("-left_on", "pk")


def _left_file(people: MemberQuerySet, file_type: str) -> HttpResponse:
    header = [_("Name"), _("Company"), _("Here as"), _("From"), _("Left on")]
    rows = [
        [
            member.user.full_name,
            member.reseller.name,
            member.get_engagement_display(),
            on_day(member.joined_on),
            on_day(member.left_on or member.joined_on),
        ]
        for member in people
    ]
    return table_response(f"left-{now():%Y-%m-%d}", file_type, header, rows)
