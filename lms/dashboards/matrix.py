"""People × programmes: the table that answers who is qualified, and who is not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.core.paginator import Page, Paginator
from django.db.models import Prefetch, Q
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from courses.models import ProgrammePage
from lms import states
from lms.dashboards.state import Cell, cells_of
from lms.mail.times import day, on_day
from lms.people.access import MemberRequest
from lms.people.models import (
    Member,
    MemberQuerySet,
    Reseller,
    ResellerQuerySet,
    Team,
    TeamMembership,
)
from lms.people.names import one_line
from lms.tables import FORMATS, table_response
from lms.walls import unscoped

PAGE_SIZE = 50
ATTENTION, HELD = "attention", "held"  # what holds beside the word that is shown


class MatrixFilter(forms.Form):
    """What is shown; all of it stands in the address. A bad value shows all."""

    q = forms.CharField(
        required=False,
        max_length=200,
        label=gettext_lazy("Name"),
        widget=forms.TextInput(attrs={"type": "search"}),
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
    state = forms.ChoiceField(required=False, label=gettext_lazy("State"))

    def __init__(
        self, data: Mapping[str, Any], *, resellers: Iterable[Reseller]
    ) -> None:
        super().__init__(data)
        self.fields["reseller"].queryset = resellers  # type: ignore[attr-defined]  # a ModelChoiceField
        words: list[tuple[str, str | Promise]] = [
            ("", _("All states")),
            (ATTENTION, _("Needs attention")),
            (HELD, _("Qualified today")),
            *((state.key, state.word) for state in states.STATES),
        ]
        self.fields["state"].choices = words  # type: ignore[attr-defined]  # a ChoiceField


@dataclass(frozen=True)
class Row:
    """A member and a cell for each programme."""

    member: Member
    cells: list[Cell]

    @property
    def teams(self) -> str:
        return ", ".join(held.team.name for held in self.member.team_memberships.all())

    @property
    def needs_attention(self) -> bool:
        return any(cell.state.needs_attention for cell in self.cells)


@dataclass(frozen=True)
class Figure:
    """A number above the table."""

    value: int
    label: str
    url: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Matrix:
    """What the page and the files show."""

    programmes: list[ProgrammePage]
    rows: list[Row]
    form: MatrixFilter

    @property
    def columns(self) -> list[dict[str, str]]:
        """The head of the table."""
        titles = [programme.title for programme in self.programmes]
        return [{"label": title} for title in [_("Name"), *titles]]

    @property
    def shows_company(self) -> bool:
        """Whether people of more than one company are shown."""
        return len({row.member.reseller_id for row in self.rows}) > 1

    def page(self, number: str | None) -> Page[Row]:
        """A page of rows; an unknown number gives the nearest there is."""
        return Paginator(self.rows, PAGE_SIZE).get_page(number)

    def figures(self) -> list[Figure]:
        """Four numbers over what is shown."""
        cells = [cell for row in self.rows for cell in row.cells]
        asked = [cell for cell in cells if cell.state != states.NOT_REQUIRED]
        attention = sum(row.needs_attention for row in self.rows)
        qualified = sum(cell.is_qualified for cell in asked)
        return [
            Figure(len(self.rows), _("people")),
            Figure(qualified, _("qualifications held"), f"?state={HELD}", "good"),
            Figure(len(asked) - qualified, _("still to earn")),
            Figure(
                attention, _("people need attention"), f"?state={ATTENTION}", "warn"
            ),
        ]


def programmes_shown() -> list[ProgrammePage]:
    """Programmes that take people, in the order of the policy."""
    return list(
        ProgrammePage.objects.filter(editions__isnull=False).distinct().order_by("path")
    )


def matrix_of(
    members: MemberQuerySet, resellers: Iterable[Reseller], params: Mapping[str, Any]
) -> Matrix:
    """Build the table of these members, filtered as `params` ask."""
    form = MatrixFilter(params, resellers=resellers)
    form.is_valid()
    asked = form.cleaned_data
    if words := one_line(asked.get("q") or ""):
        members = members.filter(
            Q(user__full_name__icontains=words) | Q(user__email__icontains=words)
        )
    if team := asked.get("team"):
        members = members.filter(
            team_memberships__in=TeamMembership.objects.live().filter(team=team)
        )
    if reseller := asked.get("reseller"):
        members = members.filter(reseller=reseller)
    live_teams = unscoped(
        TeamMembership.objects.live(), "prefetched for members who are scoped"
    ).select_related("team")
    people = list(
        members.select_related("user", "reseller")
        .prefetch_related(Prefetch("team_memberships", live_teams))
        .order_by("user__full_name", "pk")
        .distinct()
    )
    programmes = programmes_shown()
    cells = cells_of(people, programmes)
    rows = [
        Row(member, [cells[member.pk, programme.pk] for programme in programmes])
        for member in people
    ]
    if key := asked.get("state"):
        rows = [row for row in rows if _has_state(row, key)]
    return Matrix(programmes, rows, form)


def _has_state(row: Row, key: str) -> bool:
    if key == ATTENTION:
        return row.needs_attention
    if key == HELD:
        return any(cell.is_qualified for cell in row.cells)
    return any(cell.state.key == key for cell in row.cells)


def cell_words(cell: Cell, zone: str) -> str:
    """The small words of a cell: how far, or until when."""
    if cell.state == states.REVOKED and cell.is_qualified:
        return _("the certificate; qualified still")
    if isinstance(cell.on, datetime):
        return day(cell.on, zone)
    if cell.state == states.EXPIRES_SOON and cell.on is not None:
        return _("until %(date)s") % {"date": on_day(cell.on)}
    if cell.state == states.QUALIFIED and cell.enrolment:
        until = cell.enrolment.valid_until
        return _("until %(date)s") % {"date": on_day(until)} if until else ""
    if cell.on is not None:
        return on_day(cell.on)
    if cell.progress and cell.progress.done < cell.progress.required:
        return _("%(done)d of %(required)d") % {
            "done": cell.progress.done,
            "required": cell.progress.required,
        }
    return ""


def as_table(matrix: Matrix, zone: str) -> tuple[list[str], list[list[object]]]:
    """The rows as words, for files: all of them, not only one page."""
    header = [_("Name"), _("Email"), _("Company"), _("Teams")]
    header += [programme.title for programme in matrix.programmes]
    rows: list[list[object]] = [
        [
            row.member.user.full_name,
            row.member.user.email,
            row.member.reseller.name,
            row.teams,
            *(
                " ".join(filter(None, [str(cell.state), cell_words(cell, zone)]))
                for cell in row.cells
            ),
        ]
        for row in matrix.rows
    ]
    return header, rows


def show_matrix(
    request: MemberRequest,
    resellers: ResellerQuerySet,
    template: str,
    context: Mapping[str, Any],
) -> HttpResponse:
    """Answer with the people of these resellers: a page, or the file `format` names."""
    seen = Member.objects.visible_to(request.access).live()
    matrix = matrix_of(seen.filter(reseller__in=resellers), resellers, request.GET)
    if (file_type := request.GET.get("format")) in FORMATS:
        header, rows = as_table(matrix, request.user.time_zone)
        return table_response(f"team-{now():%Y-%m-%d}", file_type, header, rows)
    page = matrix.page(request.GET.get("page"))
    return render(request, template, {"matrix": matrix, "page": page, **context})
