"""The channel team's screens: where each reseller stands, on any day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.http import HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from courses.models import ProgrammePage, ProgrammeRequest
from courses.needs import Standing
from courses.standing import standing, standing_on_days
from lms import states
from lms.audit.looking import looked
from lms.dashboards.deciding import count_waiting
from lms.dashboards.forms import ProgrammeField
from lms.dashboards.matrix import programmes_shown, show_matrix
from lms.dashboards.needs import next_gap
from lms.dashboards.trend import days_up_to, trend_of
from lms.mail.times import on_day
from lms.people.access import MemberRequest
from lms.people.models import Approval, Member, Reseller, ResellerQuerySet
from lms.people.names import one_line
from lms.people.roles import staff_required
from lms.states import State
from lms.tables import FORMATS, table_response
from lms.walls import unscoped

PAGE_SIZE = 25
_AHEAD = timedelta(days=5 * 366)
_FIRST_DAY = date(2000, 1, 1)
_ALL_RESELLERS = "the channel team reads of every reseller"
UNMET, GAP = "unmet", "gap"
BY_NAME, BY_GAP = "name", "gap"


class StandingFilter(forms.Form):
    """On which day, and of whom; all of it stands in the address."""

    on = forms.DateField(
        required=False,
        label=gettext_lazy("On"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    q = forms.CharField(
        required=False,
        max_length=200,
        label=gettext_lazy("Company"),
        widget=forms.TextInput(attrs={"type": "search"}),
    )
    programme = ProgrammeField(
        required=False,
        label=gettext_lazy("Programme"),
        empty_label=gettext_lazy("All programmes"),
    )
    state = forms.ChoiceField(
        required=False,
        label=gettext_lazy("Show"),
        choices=[
            ("", gettext_lazy("All companies")),
            (UNMET, gettext_lazy("Need not met")),
            (GAP, gettext_lazy("A gap ahead")),
        ],
    )

    def __init__(self, data: Mapping[str, Any]) -> None:
        super().__init__(
            {"on": f"{now():%Y-%m-%d}", **{key: data[key] for key in data}}
        )
        shown = ProgrammePage.objects.filter(editions__isnull=False)
        self.fields["programme"].queryset = shown.distinct().order_by("path")  # type: ignore[attr-defined]  # a ProgrammeField

    def clean_on(self) -> date | None:
        on: date | None = self.cleaned_data["on"]
        if on and not _FIRST_DAY <= on <= now().date() + _AHEAD:
            raise forms.ValidationError(_("Choose a day up to five years ahead."))
        return on


@dataclass(frozen=True)
class Cell:
    """A company in a programme, as a cell of the table."""

    programme: ProgrammePage
    standing: Standing | None

    @property
    def state(self) -> State:
        return self.standing.state if self.standing else states.NOT_REQUIRED

    @property
    def words(self) -> str:
        """How many there are, and the next gap."""
        if self.standing is None:
            return ""
        if self.standing.is_met is None:
            gap = self.standing.gap
            return _("not met from %(day)s") % {"day": on_day(gap.on)} if gap else ""
        counts = {"qualified": len(self.standing.qualified)}
        words = _("%(qualified)d qualified") % counts
        if self.standing.need.at_least is None:
            counts["counted"] = self.standing.counted
            words = _("%(qualified)d of %(counted)d qualified") % counts
        if self.standing.until:
            until = _("until %(day)s") % {"day": on_day(self.standing.until)}
            return f"{words} · {until}"
        return words


@dataclass(frozen=True)
class Line:
    """A reseller with all below it, and where it stands in each programme."""

    reseller: Reseller
    parent: Reseller | None
    people: int
    cells: list[Cell]

    @property
    def is_unmet(self) -> bool:
        said = [cell.standing for cell in self.cells if cell.standing]
        return any(each.is_met is False for each in said)

    @property
    def next_gap(self) -> date | None:
        """The soonest day from which a need that is met, or not yet asked, is not."""
        gaps = [cell.standing.gap for cell in self.cells if cell.standing]
        return min((gap.on for gap in gaps if gap), default=None)


@staff_required
def standing_page(request: MemberRequest) -> HttpResponse:
    """Resellers × programmes on a day: need, coverage, next gap, and the trend."""
    form = StandingFilter(request.GET)
    form.is_valid()
    asked = form.cleaned_data
    day = asked.get("on") or now().date()
    programmes = programmes_shown()
    if only := asked.get("programme"):
        programmes = [each for each in programmes if each.pk == only.pk]
    found = _found(request, asked.get("q") or "", day)
    order = request.GET.get("sort", BY_NAME)
    wanted = asked.get("state") or ""
    is_file = request.GET.get("format") in FORMATS
    page: Paginator[Any]
    if wanted or order.removeprefix("-") == BY_GAP or is_file:
        all_lines = _ordered(lines(found, programmes, day), order, wanted)
        if is_file:
            return _file(request.GET["format"], all_lines, day)
        page = Paginator(all_lines, PAGE_SIZE)
    else:
        page = Paginator(found.order_by(*_BY[order == f"-{BY_NAME}"]), PAGE_SIZE)
    shown = page.get_page(request.GET.get("page"))
    own = [each.reseller if isinstance(each, Line) else each for each in shown]
    days = days_up_to(day)
    by_day = standing_on_days(own, days, gaps_on=[day])
    context = {
        "form": form,
        "day": day,
        "is_today": day == now().date(),
        "page": shown,
        "lines": _lines(own, by_day[day], programmes),
        "columns": _columns(request.GET, order, programmes),
        "trend": trend_of(
            {each: _of(by_day[each].values(), programmes) for each in days}
        ),
        "asking": unscoped(ProgrammeRequest.objects, _ALL_RESELLERS).open().count(),
        "waiting": count_waiting(request.access),
        "second_person": Approval.objects.visible_to(request.access).waiting().count(),
    }
    return render(request, "dashboards/standing.html", context)


_BY = {False: ("path",), True: ("-name",)}  # the tree's order, and the names' reversed


def _found(request: MemberRequest, words: str, day: date) -> ResellerQuerySet:
    found: ResellerQuerySet = Reseller.objects.visible_to(request.access).live(day)
    if words := one_line(words):
        found = found.filter(name__icontains=words)
    return found


def lines(
    resellers: Iterable[Reseller], programmes: Sequence[ProgrammePage], day: date
) -> list[Line]:
    """Where each stands, with all below it; seven queries for any number."""
    resellers = list(resellers)
    return _lines(resellers, standing(resellers, day), programmes)


def _lines(
    resellers: Sequence[Reseller],
    found: Mapping[int, list[Standing]],
    programmes: Sequence[ProgrammePage],
) -> list[Line]:
    above = {each.path[: -Reseller.steplen] for each in resellers}
    parents = {
        each.path: each
        for each in unscoped(Reseller.objects, _ALL_RESELLERS).filter(path__in=above)
    }
    live = unscoped(Member.objects, _ALL_RESELLERS).live()
    keys = [each.pk for each in resellers]
    people = Counter(live.filter(reseller__in=keys).values_list("reseller", flat=True))
    made = []
    for reseller in resellers:
        by_programme = {each.edition.programme_id: each for each in found[reseller.pk]}
        cells = [Cell(each, by_programme.get(each.pk)) for each in programmes]
        parent = parents.get(reseller.path[: -Reseller.steplen])
        made.append(Line(reseller, parent, people[reseller.pk], cells))
    return made


def _of(
    standings: Iterable[list[Standing]], programmes: Sequence[ProgrammePage]
) -> list[Standing]:
    keys = {each.pk for each in programmes}
    return [
        each for own in standings for each in own if each.edition.programme_id in keys
    ]


def _ordered(made: list[Line], order: str, wanted: str) -> list[Line]:
    if wanted == UNMET:
        made = [line for line in made if line.is_unmet]
    elif wanted == GAP:
        made = [line for line in made if line.next_gap]
    if order.removeprefix("-") == BY_GAP:
        with_gap = [line for line in made if line.next_gap]
        with_gap.sort(
            key=lambda line: line.next_gap or date.max, reverse=order.startswith("-")
        )
        return with_gap + [line for line in made if not line.next_gap]
    if order == f"-{BY_NAME}":
        made.sort(key=lambda line: line.reseller.name, reverse=True)
    return made


def _columns(
    query: QueryDict, order: str, programmes: Sequence[ProgrammePage]
) -> list[dict[str, Any]]:
    return [
        _column(query, order, BY_NAME, _("Company")),
        *({"label": programme.title} for programme in programmes),
        _column(query, order, BY_GAP, _("Next gap")),
    ]


def _column(query: QueryDict, order: str, name: str, label: str) -> dict[str, Any]:
    asked = query.copy()
    for each in ("page", "format"):
        asked.pop(each, None)
    is_up = order == name
    asked["sort"] = f"-{name}" if is_up else name
    column = {"label": label, "url": f"?{asked.urlencode()}"}
    if order.removeprefix("-") == name:
        column["sort"] = "ascending" if is_up else "descending"
    return column


def _file(file_type: str, made: list[Line], day: date) -> HttpResponse:
    header = [
        *(_("Company"), _("Part of"), _("Programme"), _("On"), _("Need"), _("State")),
        *(_("Qualified"), _("Who count"), _("In training"), _("Away"), _("Next gap")),
    ]
    rows = [
        [
            line.reseller.name,
            line.parent.name if line.parent else "",
            cell.programme.title,
            day.isoformat(),
            each.need.words,
            each.state.word,
            len(each.qualified),
            each.counted,
            len(each.in_training),
            len(each.away),
            each.gap.on.isoformat() if each.gap else "",
        ]
        for line in made
        for cell in line.cells
        if (each := cell.standing)
    ]
    return table_response(f"standing-{day}", file_type, header, rows)


@staff_required
def reseller(request: MemberRequest, pk: int) -> HttpResponse | StreamingHttpResponse:
    """A reseller and what is below it, as its managers see it; the look is logged."""
    top = get_object_or_404(Reseller.objects.visible_to(request.access), pk=pk)
    looked(request, top)
    tree = unscoped(Reseller.objects, "below one that was fetched in scope").below(top)
    statements = f"{reverse('certificates:statements')}?reseller={top.pk}"
    today = now().date()
    by_day = standing_on_days([top], days_up_to(today), gaps_on=[today])
    standings = by_day[today][top.pk]
    managers = unscoped(Member.objects, "of one that was fetched in scope").live()
    context = {
        "reseller": top,
        "standings": standings,
        "gap": next_gap(standings),
        "trend": trend_of({day: found[top.pk] for day, found in by_day.items()}),
        "managers": managers.filter(reseller=top, is_manager=True).select_related(
            "user"
        ),
        "statement_url": statements,
    }
    return show_matrix(request, tree, "dashboards/reseller.html", context)
