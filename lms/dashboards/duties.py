"""Who had to take what on a day: as a list, and as a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from courses.duties import Duty, duties_on, obliged_on
from courses.enrolling import editions_in_force
from courses.models import ProgrammePage
from lms.dashboards.forms import ProgrammeField
from lms.dashboards.sources import source_words
from lms.mail.times import on_day
from lms.people.access import MemberRequest
from lms.people.models import Member, Reseller, ResellerQuerySet, Team, TeamMembership
from lms.people.names import one_line
from lms.people.roles import manager_or_staff_required
from lms.tables import FORMATS, table_response
from lms.walls import unscoped

PAGE_SIZE = 50


class DutiesFilter(forms.Form):
    """Of which day, and of whom; all of it stands in the address."""

    on = forms.DateField(
        required=False,
        label=gettext_lazy("On"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    q = forms.CharField(
        required=False,
        max_length=200,
        label=gettext_lazy("Name"),
        widget=forms.TextInput(attrs={"type": "search"}),
    )
    programme = ProgrammeField(
        required=False,
        label=gettext_lazy("Programme"),
        empty_label=gettext_lazy("All programmes"),
    )
    team = forms.ModelChoiceField(
        Team.objects.all(),
        required=False,
        to_field_name="slug",
        label=gettext_lazy("Team"),
        empty_label=gettext_lazy("All teams"),
    )
    reseller = forms.ModelChoiceField(
        Reseller.objects.none(),
        required=False,
        label=gettext_lazy("Company"),
        empty_label=gettext_lazy("All"),
    )

    def __init__(self, data: Mapping[str, Any], *, resellers: ResellerQuerySet) -> None:
        super().__init__({"on": f"{now():%Y-%m-%d}", **_one_each(data)})
        self.fields["reseller"].queryset = resellers  # type: ignore[attr-defined]  # a ModelChoiceField
        shown = ProgrammePage.objects.filter(editions__isnull=False)
        self.fields["programme"].queryset = shown.distinct().order_by("path")  # type: ignore[attr-defined]  # a ProgrammeField


def _one_each(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: data[name] for name in data}


@manager_or_staff_required
def duties(request: MemberRequest) -> HttpResponse:
    """Who had to take what on a day; `?format=csv` or `xlsx` for all of it as a file."""
    resellers = Reseller.objects.visible_to(request.access)
    form = DutiesFilter(request.GET, resellers=resellers)
    form.is_valid()
    asked = form.cleaned_data
    day = asked.get("on") or now().date()
    editions = editions_in_force(day)
    if programme := asked.get("programme"):
        editions = [each for each in editions if each.programme_id == programme.pk]
    members = Member.objects.of_people(request.access)
    if words := one_line(asked.get("q") or ""):
        members = members.filter(
            Q(user__full_name__icontains=words)
            | Q(user__email__icontains=words, left_on=None)
        )
    if team := asked.get("team"):
        in_team = unscoped(
            TeamMembership.objects.live(day), "only narrows the members, who are scoped"
        )
        in_team = in_team.filter(team=team)
        members = members.filter(pk__in=in_team.values("member"))
    if reseller := asked.get("reseller"):
        members = members.filter(reseller=reseller)
    obliged = obliged_on(members, day, editions).select_related("user", "reseller")
    obliged = obliged.order_by("user__full_name", "pk")
    if (file_type := request.GET.get("format")) in FORMATS:
        found = duties_on(obliged, day, editions)
        head, rows = as_table(found, day, request)
        return table_response(f"who-had-to-{day}", file_type, head, rows)
    page = Paginator(obliged, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "day": day,
        "page": page,
        "lines": [
            {"duty": duty, "state": word_on(duty, day), "why": why(duty, request)}
            for duty in duties_on(page, day, editions)
        ],
        "columns": [{"label": label} for label in header()],
    }
    return render(request, "dashboards/duties.html", context)


def header() -> list[str]:
    """The head of the list, on the page."""
    return [
        _("Name"),
        _("Programme"),
        _("Why"),
        _("Since"),
        _("Due on"),
        _("On that day"),
    ]


def word_on(duty: Duty, day: date) -> str:
    """Where somebody stood on that day, as known today."""
    if duty.is_qualified:
        return _("Qualified")
    if duty.enrolment is None:
        return _("Not in it yet")
    return _("Overdue") if duty.is_overdue(day) else _("Not qualified yet")


def why(duty: Duty, request: MemberRequest) -> str:
    """Which teams asked for it; else who added them."""
    if duty.teams:
        return ", ".join(team.name for team in duty.teams)
    assert duty.enrolment is not None  # noqa: S101  a duty has the one or the other
    return source_words(duty.enrolment, request.user.time_zone)


def as_table(
    found: Iterable[Duty], day: date, request: MemberRequest
) -> tuple[list[str], list[list[object]]]:
    """The rows as words, for files: with address and company."""
    first, *others = header()
    rows: list[list[object]] = [
        [
            duty.member.user.full_name,
            duty.member.email_here,
            duty.member.reseller.name,
            duty.edition.title,
            why(duty, request),
            on_day(duty.since),
            on_day(duty.due_on) if duty.due_on else "",
            word_on(duty, day),
        ]
        for duty in found
    ]
    return [first, _("Email"), _("Company"), *others], rows
