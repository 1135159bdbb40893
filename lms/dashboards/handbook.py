"""Who has read and confirmed the handbook, and who has not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from content.acknowledging import Word, asked_now, in_scope, words_of
from content.models import HandbookVersion
from lms import states
from lms.audit.looking import looked
from lms.dashboards.matrix import Figure
from lms.mail.times import day, on_day
from lms.people.access import MemberRequest
from lms.people.models import Member, MemberQuerySet, Reseller, ResellerQuerySet
from lms.people.names import one_line
from lms.people.roles import manager_required, staff_required
from lms.states import Actor, State
from lms.tables import FORMATS, table_response
from lms.walls import unscoped

AT_ONCE = 10_000  # people asked for together: a query takes 65,535 values
PAGE_SIZE = 50
OWED = "owed"

READ = State(
    "read",
    gettext_lazy("Confirmed"),
    "check-circle",
    "good",
    gettext_lazy("They have read this version and said so."),
    Actor.NOBODY,
)
TO_READ = State(
    "to-read",
    gettext_lazy("To confirm"),
    "book",
    "neutral",
    gettext_lazy("They are still to read it and say so."),
    Actor.TRAINEE,
)


@dataclass(frozen=True)
class Cell:
    """A person and a page: the word given, or until when it is due."""

    word: Word
    zone: str

    @property
    def state(self) -> State:
        if self.word.given:
            return READ
        return states.OVERDUE if self.word.is_overdue else TO_READ

    @property
    def detail(self) -> str:
        if self.word.given:
            return day(self.word.given.at, self.zone)
        return _("by %(date)s") % {"date": on_day(self.word.due_on)}

    @property
    def url(self) -> str:
        """The page as it was confirmed."""
        return self.word.given.get_absolute_url() if self.word.given else ""


@dataclass(frozen=True)
class Row:
    """A person and their word on each page."""

    member: Member
    cells: list[Cell]

    @property
    def is_done(self) -> bool:
        return all(cell.word.given for cell in self.cells)

    @property
    def is_overdue(self) -> bool:
        return any(cell.word.is_overdue for cell in self.cells)


class HandbookFilter(forms.Form):
    """What is shown; all of it stands in the address. A bad value shows all."""

    q = forms.CharField(
        required=False,
        max_length=200,
        label=gettext_lazy("Name"),
        widget=forms.TextInput(attrs={"type": "search"}),
    )
    reseller = forms.ModelChoiceField(
        Reseller.objects.none(),
        required=False,
        label=gettext_lazy("Company"),
        empty_label=gettext_lazy("All"),
    )
    state = forms.ChoiceField(
        required=False,
        label=gettext_lazy("State"),
        choices=[
            ("", gettext_lazy("All states")),
            (OWED, gettext_lazy("Something to confirm")),
            (states.OVERDUE.key, states.OVERDUE.word),
            (READ.key, gettext_lazy("All confirmed")),
        ],
    )

    def __init__(
        self, data: Mapping[str, Any], *, resellers: Iterable[Reseller]
    ) -> None:
        super().__init__(data)
        self.fields["reseller"].queryset = resellers  # type: ignore[attr-defined]  # a ModelChoiceField


@manager_required
def team_handbook(request: MemberRequest) -> HttpResponse:
    """One's people and the handbook; `?format=csv` or `xlsx` for a file."""
    return _show(request, request.access.managed_resellers, {"of_team": True})


@staff_required
def reseller_handbook(request: MemberRequest, pk: int) -> HttpResponse:
    """A reseller's people, and those below it, as their manager sees them."""
    top = get_object_or_404(Reseller.objects.visible_to(request.access), pk=pk)
    looked(request, top)
    tree = unscoped(Reseller.objects, "below one that was fetched in scope").below(top)
    return _show(request, tree, {"reseller": top})


@staff_required
def standing_handbook(request: MemberRequest) -> HttpResponse:
    """Resellers, and how many of their own people have confirmed all of it."""
    asked = asked_now()
    lines = _lines(asked)
    header = [_("Company"), _("People"), _("Confirmed all"), _("Overdue")]
    if (file_type := request.GET.get("format")) in FORMATS:
        name = f"handbook-{now():%Y-%m-%d}"
        rows = [
            [line.reseller.name, line.people, line.done, line.overdue] for line in lines
        ]
        return table_response(name, file_type, header, rows)
    context = {
        "lines": lines,
        "columns": [
            {"label": label, "number": bool(place)}
            for place, label in enumerate(header)
        ],
        "asked": asked,
    }
    return render(request, "dashboards/standing_handbook.html", context)


@dataclass(frozen=True)
class Line:
    """A reseller's own people, counted."""

    reseller: Reseller
    people: int
    done: int
    overdue: int


def _lines(asked: Sequence[HandbookVersion]) -> list[Line]:
    """Count in each reseller; three queries for any number up to `AT_ONCE` people."""
    members = list(in_scope().only("pk", "reseller_id", "joined_on"))
    people: Counter[int] = Counter()
    done: Counter[int] = Counter()
    overdue: Counter[int] = Counter()
    for first in range(0, len(members), AT_ONCE):
        some = members[first : first + AT_ONCE]
        for row in _rows(some, asked, settings.HOME_TIME_ZONE):
            company = row.member.reseller_id
            people[company] += 1
            done[company] += row.is_done
            overdue[company] += row.is_overdue
    live = unscoped(Reseller.objects, "all of them, for the channel team").live()
    return [
        Line(each, people[each.pk], done[each.pk], overdue[each.pk]) for each in live
    ]


def _show(
    request: MemberRequest, resellers: ResellerQuerySet, context: dict[str, Any]
) -> HttpResponse:
    """Answer with the people of these resellers: a page, or the file `format` names."""
    asked = asked_now()
    form = HandbookFilter(request.GET, resellers=resellers)
    form.is_valid()
    wanted = form.cleaned_data
    seen = in_scope().visible_to(request.access).filter(reseller__in=resellers)
    rows = _rows(_named(seen, wanted), asked, request.user.time_zone)
    figures = _figures(rows)
    rows = [row for row in rows if _has_state(row, wanted.get("state") or "")]
    if (file_type := request.GET.get("format")) in FORMATS:
        name = f"handbook-{now():%Y-%m-%d}"
        header, lines = _as_table(rows, request.user.time_zone)
        return table_response(name, file_type, header, lines)
    context |= {
        "form": form,
        "rows": rows,
        "page": Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page")),
        "figures": figures,
        "columns": [{"label": label} for label in (_("Name"), *_titles(asked))],
        "asked": asked,
        "shows_company": len({row.member.reseller_id for row in rows}) > 1,
    }
    return render(request, "dashboards/handbook.html", context)


def _named(seen: MemberQuerySet, wanted: Mapping[str, Any]) -> list[Member]:
    if words := one_line(wanted.get("q") or ""):
        seen = seen.filter(
            Q(user__full_name__icontains=words) | Q(user__email__icontains=words)
        )
    if reseller := wanted.get("reseller"):
        seen = seen.filter(reseller=reseller)
    return list(
        seen.select_related("user", "reseller").order_by("user__full_name", "pk")
    )


def _rows(
    members: Sequence[Member], asked: Sequence[HandbookVersion], zone: str
) -> list[Row]:
    words = words_of(members, asked)
    return [
        Row(member, [Cell(word, zone) for word in words[member.pk]])
        for member in members
    ]


def _has_state(row: Row, key: str) -> bool:
    return {
        OWED: not row.is_done,
        states.OVERDUE.key: row.is_overdue,
        READ.key: row.is_done,
    }.get(key, True)


def _figures(rows: Sequence[Row]) -> list[Figure]:
    done = sum(row.is_done for row in rows)
    overdue = sum(row.is_overdue for row in rows)
    return [
        Figure(len(rows), _("people")),
        Figure(done, _("have confirmed all of it"), f"?state={READ.key}", "good"),
        Figure(len(rows) - done, _("still have to"), f"?state={OWED}"),
        Figure(overdue, _("are overdue"), f"?state={states.OVERDUE.key}", "warn"),
    ]


def _titles(asked: Sequence[HandbookVersion]) -> list[str]:
    return [version.page.title for version in asked]


def _as_table(rows: Sequence[Row], zone: str) -> tuple[list[str], list[list[object]]]:
    """A line for each person and page, for files: all of them, not only one page."""
    header = [_("Name"), _("Email"), _("Company"), _("Page"), _("Version")]
    header += [_("Published"), _("Due on"), _("State"), _("Confirmed on"), _("Text")]
    lines: list[list[object]] = [
        [
            row.member.user.full_name,
            row.member.user.email,
            row.member.reseller.name,
            cell.word.page.title,
            cell.word.version.number,
            _local_date(cell.word.version.published_at, zone),
            cell.word.due_on,
            cell.state,
            _local_date(cell.word.given.at, zone) if cell.word.given else "",
            settings.PUBLIC_URL + cell.url if cell.url else "",
        ]
        for row in rows
        for cell in row.cells
    ]
    return header, lines


def _local_date(at: datetime, zone: str) -> date:
    return at.astimezone(ZoneInfo(zone)).date()
