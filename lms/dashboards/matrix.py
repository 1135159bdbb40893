"""People × programmes: the table that answers who is qualified, and who is not.

In what order people stand, and who of them is shown, is asked of the database once for
all of them (`lms.dashboards.everybody`); the cells are read for one page of people.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.paginator import Page, Paginator
from django.db.models import OrderBy, Prefetch, Q
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from courses.models import ProgrammePage
from lms import states
from lms.dashboards.everybody import (
    Counted,
    by_day,
    by_urgency,
    counted,
    counted_each,
)
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
from lms.tables import FORMATS, long_table_response
from lms.walls import unscoped

PAGE_SIZE = 50
AT_ONCE = 500  # people whose cells a file reads together
BY_KEY = {state.key: state for state in states.STATES}
ATTENTION, HELD = "attention", "held"  # what holds beside the word that is shown
NAME, COMPANY, BY_DATE = "name", "company", ".date"  # what people are sorted by


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
    reseller = forms.TypedChoiceField(
        required=False, coerce=int, empty_value=None, label=gettext_lazy("Company")
    )
    state = forms.ChoiceField(required=False, label=gettext_lazy("State"))
    sort = forms.ChoiceField(required=False, label=gettext_lazy("Sorted by"))

    def __init__(
        self,
        data: Mapping[str, Any],
        *,
        companies: Sequence[tuple[int, str]],
        programmes: Sequence[ProgrammePage],
    ) -> None:
        super().__init__(data)
        self.shows_company = len(companies) > 1
        self._offer("reseller", [("", _("All")), *companies])
        self._offer(
            "state",
            [
                ("", _("All states")),
                (ATTENTION, _("Needs attention")),
                (HELD, _("Qualified today")),
                *(
                    (state.key, state.word)
                    for state in states.STATES
                    if state != states.INVITED  # nobody yet: they have a list
                ),
            ],
        )
        ways = [(NAME, _("Name"))]
        if self.shows_company:
            ways.append((COMPANY, _("Company")))
        for programme in programmes:
            title = {"programme": programme.title}
            ways += [
                (programme.slug, _("%(programme)s: most urgent") % title),
                (programme.slug + BY_DATE, _("%(programme)s: soonest date") % title),
            ]
        back = [
            (f"-{way}", _("%(way)s, last first") % {"way": words})
            for way, words in ways
            if data.get("sort") == f"-{way}"  # by a click on its column
        ]
        self._offer("sort", [*ways, *back])

    def _offer(
        self, field: str, choices: Sequence[tuple[object, str | Promise]]
    ) -> None:
        self.fields[field].choices = choices  # type: ignore[attr-defined]  # a ChoiceField

    @property
    def order(self) -> str:
        return self.cleaned_data.get("sort") or NAME


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
    """What the page and the files show: these people, in this order."""

    programmes: list[ProgrammePage]
    form: MatrixFilter
    found: MemberQuerySet
    people: list[int]
    numbers: Counted

    @property
    def columns(self) -> list[dict[str, str]]:
        """The head of the table: each column sorts by what stands in it."""
        titles = [(each.slug, each.title) for each in self.programmes]
        return [self._column(*column) for column in [(NAME, _("Name")), *titles]]

    def _column(self, way: str, label: str) -> dict[str, str]:
        if self.form.order == way:
            url = self._url(sort=f"-{way}")
            return {"label": label, "url": url, "sort": "ascending"}
        column = {"label": label, "url": self._url(sort=way)}
        if self.form.order == f"-{way}":
            column["sort"] = "descending"
        return column

    def _url(self, **changed: str) -> str:
        """The first page of this list, with something else asked."""
        asked = {key: self.form.data.get(key, "") for key in self.form.fields}
        return "?" + urlencode({k: v for k, v in (asked | changed).items() if v})

    @property
    def shows_company(self) -> bool:
        """Whether people of more than one company may be shown."""
        return self.form.shows_company

    @property
    def is_narrowed(self) -> bool:
        """Whether a filter leaves anybody out."""
        return any(
            value for key, value in self.form.cleaned_data.items() if key != "sort"
        )

    def page(self, number: str | None) -> Page[Row]:
        """A page of rows; an unknown number gives the nearest there is."""
        pages: Paginator[Any] = Paginator(self.people, PAGE_SIZE)
        page = pages.get_page(number)
        return Page(self._rows(list(page.object_list)), page.number, pages)

    def rows(self) -> Iterator[Row]:
        """All of them, read a few hundred at a time."""
        for first in range(0, len(self.people), AT_ONCE):
            yield from self._rows(self.people[first : first + AT_ONCE])

    def _rows(self, people: Sequence[int]) -> list[Row]:
        live_teams = unscoped(
            TeamMembership.objects.live(), "prefetched for members who are scoped"
        )
        members = (
            self.found.filter(pk__in=people)
            .select_related("user", "reseller")
            .prefetch_related(
                Prefetch("team_memberships", live_teams.select_related("team"))
            )
            .in_bulk()
        )
        there = [members[pk] for pk in people if pk in members]
        cells = cells_of(there, self.programmes)
        return [
            Row(member, [cells[member.pk, each.pk] for each in self.programmes])
            for member in there
        ]

    def figures(self) -> list[Figure]:
        """Four numbers over all who are shown, whatever page is."""
        numbers = self.numbers
        return [
            Figure(len(self.people), _("people")),
            Figure(
                numbers.held, _("qualifications held"), self._url(state=HELD), "good"
            ),
            Figure(numbers.asked - numbers.held, _("still to earn")),
            Figure(
                numbers.attention,
                _("people need attention"),
                self._url(state=ATTENTION),
                "warn",
            ),
        ]


def programmes_shown() -> list[ProgrammePage]:
    """Programmes that take people, in the order of the policy."""
    return list(
        ProgrammePage.objects.filter(editions__isnull=False).distinct().order_by("path")
    )


def filter_of(
    params: Mapping[str, Any],
    resellers: Iterable[Reseller],
    programmes: Sequence[ProgrammePage] = (),
) -> MatrixFilter:
    """What is asked of these companies' people; a bad value asks nothing."""
    companies = [(reseller.pk, reseller.name) for reseller in resellers]
    form = MatrixFilter(params, companies=companies, programmes=programmes)
    form.is_valid()
    return form


def narrowed(members: MemberQuerySet, form: MatrixFilter) -> MemberQuerySet:
    """Those of a name, team and company that is asked: the live, or those who left."""
    asked, today = form.cleaned_data, now().date()
    if asked.get("state") == states.LEFT.key:
        found = members.filter(left_on__lte=today)
    else:
        found = members.live(today)
    if words := one_line(asked.get("q") or ""):
        found = found.filter(
            Q(user__full_name__icontains=words) | Q(user__email__icontains=words)
        )
    if team := asked.get("team"):
        rows = unscoped(TeamMembership.objects, "narrows members fetched in scope")
        in_team = rows.live().filter(team=team)
        found = found.filter(pk__in=in_team.values("member"))
    if reseller := asked.get("reseller"):
        found = found.filter(reseller=reseller)
    return found


def matrix_of(
    members: MemberQuerySet, resellers: Iterable[Reseller], params: Mapping[str, Any]
) -> Matrix:
    """Build the table of these members, filtered and sorted as `params` ask.

    Who has left is shown where that is asked, and nowhere else.
    """
    programmes = programmes_shown()
    form = filter_of(params, resellers, programmes)
    found = narrowed(members, form)
    everybody = found.order_by(*_order_of(form.order, programmes))
    people = list(everybody.values_list("pk", flat=True))
    state = form.cleaned_data.get("state") or ""
    if state in ("", states.LEFT.key):  # who has left was found as such
        return Matrix(programmes, form, found, people, counted(found, programmes))
    each = counted_each(found, programmes, BY_KEY.get(state))
    nothing = Counted()
    people = [
        pk
        for pk in people
        if _is_asked_for(state, each.get(pk, nothing), len(programmes))
    ]
    numbers = Counted.of_many(each.get(pk, nothing) for pk in people)
    return Matrix(programmes, form, found, people, numbers)


def _is_asked_for(state: str, person: Counted, programmes: int) -> bool:
    if state == HELD:
        return person.held > 0
    if state == ATTENTION:
        return person.attention > 0
    if state == states.NOT_REQUIRED.key:
        return person.asked < programmes
    return person.in_state > 0


def _order_of(asked: str, programmes: Sequence[ProgrammePage]) -> list[str | OrderBy]:
    """Those of whom there is nothing to sort by come last, either way."""
    sort, is_backwards = asked.removeprefix("-"), asked.startswith("-")
    if sort == NAME and is_backwards:
        return ["-user__full_name", "-pk"]
    order: list[str | OrderBy] = ["user__full_name", "pk"]
    if sort == COMPANY:
        return ["-reseller__name" if is_backwards else "reseller__name", *order]
    for programme in programmes:
        if sort == programme.slug:
            return [by_urgency(programme, is_backwards=is_backwards), *order]
        if sort == programme.slug + BY_DATE:
            return [by_day(programme, is_backwards=is_backwards), *order]
    return order


def cell_words(cell: Cell, zone: str) -> str:
    """The small words of a cell: how far, or until when."""
    if cell.state == states.REVOKED and cell.is_qualified:
        return _("the certificate; qualified still")
    if isinstance(cell.on, datetime):
        return day(cell.on, zone)
    if cell.state == states.EXPIRES_SOON and cell.on is not None:
        return _("until %(date)s") % {"date": on_day(cell.on)}
    if cell.state == states.QUALIFIED:
        if cell.until is None:
            return ""
        return _("until %(date)s") % {"date": on_day(cell.until)}
    if cell.on is not None:
        return on_day(cell.on)
    if cell.progress and cell.progress.done < cell.progress.required:
        return _("%(done)d of %(required)d") % {
            "done": cell.progress.done,
            "required": cell.progress.required,
        }
    return ""


def as_table(matrix: Matrix, zone: str) -> tuple[list[str], Iterator[list[object]]]:
    """The rows as words, for files: all of them, not only one page."""
    header = [_("Name"), _("Email"), _("Company"), _("Teams")]
    header += [programme.title for programme in matrix.programmes]
    return header, (_words_of(row, zone) for row in matrix.rows())


def _words_of(row: Row, zone: str) -> list[object]:
    return [
        row.member.user.full_name,
        row.member.user.email,
        row.member.reseller.name,
        row.teams,
        *(
            " ".join(filter(None, [str(cell.state), cell_words(cell, zone)]))
            for cell in row.cells
        ),
    ]


def show_matrix(
    request: MemberRequest,
    resellers: ResellerQuerySet,
    template: str,
    context: Mapping[str, Any],
) -> HttpResponse | StreamingHttpResponse:
    """Answer with the people of these resellers: a page, or the file `format` names."""
    seen = Member.objects.visible_to(request.access)
    matrix = matrix_of(seen.filter(reseller__in=resellers), resellers, request.GET)
    if (file_type := request.GET.get("format")) in FORMATS:
        header, rows = as_table(matrix, request.user.time_zone)
        return long_table_response(f"team-{now():%Y-%m-%d}", file_type, header, rows)
    page = matrix.page(request.GET.get("page"))
    return render(request, template, {"matrix": matrix, "page": page, **context})
