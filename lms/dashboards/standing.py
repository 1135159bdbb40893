"""The channel team's screens: where each reseller stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _

from courses.models import Enrolment, ProgrammePage, ProgrammeRequest
from lms import states
from lms.dashboards.deciding import count_waiting
from lms.dashboards.matrix import programmes_shown, show_matrix
from lms.dashboards.needs import needs_of
from lms.people.access import MemberRequest
from lms.people.models import Member, Reseller
from lms.people.roles import staff_required
from lms.states import State
from lms.tables import FORMATS, table_response
from lms.walls import unscoped

ALL = "every reseller's, for the channel team"


@dataclass(frozen=True)
class Coverage:
    """How many of those whom a programme concerns hold it, in one reseller."""

    programme: ProgrammePage
    qualified: int
    concerned: int

    @property
    def state(self) -> State:
        """Everybody, some or none of those concerned; a dash when nobody is."""
        if not self.concerned:
            return states.NOT_REQUIRED
        if self.qualified >= self.concerned:
            return states.QUALIFIED
        return states.IN_PROGRESS if self.qualified else states.NOT_STARTED

    @property
    def words(self) -> str:
        if not self.concerned:
            return ""
        counts = {"qualified": self.qualified, "concerned": self.concerned}
        return _("%(qualified)d of %(concerned)d") % counts


@dataclass(frozen=True)
class Line:
    """A reseller and its coverage of each programme."""

    reseller: Reseller
    parent: Reseller | None
    people: int
    coverage: list[Coverage]


@staff_required
def standing(request: MemberRequest) -> HttpResponse:
    """Resellers × programmes: how many are qualified, of how many concerned."""
    programmes = programmes_shown()
    header = [_("Company"), *(programme.title for programme in programmes)]
    if (file_type := request.GET.get("format")) in FORMATS:
        rows = [
            [line.reseller.name, *(each.words for each in line.coverage)]
            for line in lines(programmes)
        ]
        return table_response(f"standing-{now():%Y-%m-%d}", file_type, header, rows)
    context = {
        "lines": lines(programmes),
        "columns": [{"label": label} for label in header],
        "waiting": count_waiting(request.access),
        "asking": unscoped(ProgrammeRequest.objects, ALL).open().count(),
    }
    return render(request, "dashboards/standing.html", context)


def lines(programmes: Sequence[ProgrammePage]) -> list[Line]:
    """Count for each reseller its own people; four queries for any number."""
    live = unscoped(Member.objects, ALL).live()
    people = Counter(live.values_list("reseller", flat=True))
    concerned = _people_by_cell(
        unscoped(Enrolment.objects, ALL).standing().filter(member__in=live)
    )
    qualified = _people_by_cell(
        unscoped(Enrolment.objects, ALL).qualified().filter(member__in=live)
    )
    resellers = list(unscoped(Reseller.objects, ALL).live())
    by_path = {reseller.path: reseller for reseller in resellers}
    return [
        Line(
            reseller,
            by_path.get(reseller.path[: -Reseller.steplen]),
            people[reseller.pk],
            [
                Coverage(
                    programme,
                    qualified.get((reseller.pk, programme.pk), 0),
                    concerned.get((reseller.pk, programme.pk), 0),
                )
                for programme in programmes
            ],
        )
        for reseller in resellers
    ]


def _people_by_cell(enrolments: QuerySet[Enrolment]) -> dict[tuple[int, int], int]:
    """Count the people in these enrolments, by reseller and programme."""
    pairs = enrolments.order_by().values_list("member__reseller", "programme")
    counts = pairs.annotate(people=Count("member", distinct=True))
    return {(reseller, programme): people for reseller, programme, people in counts}


@staff_required
def reseller(request: MemberRequest, pk: int) -> HttpResponse | StreamingHttpResponse:
    """A reseller and what is below it, as its manager sees it."""
    top = get_object_or_404(Reseller.objects.visible_to(request.access), pk=pk)
    tree = unscoped(Reseller.objects, "below one that was fetched in scope").below(top)
    statements = f"{reverse('certificates:statements')}?reseller={top.pk}"
    context = {
        "reseller": top,
        "standings": needs_of(top),
        "statement_url": statements,
    }
    return show_matrix(request, tree, "dashboards/reseller.html", context)
