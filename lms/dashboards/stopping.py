"""Where people stop: how many reached each step of a programme, and who waits there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from courses.enrolling import editions_in_force
from courses.models import (
    Edition,
    EditionTopic,
    Enrolment,
    Evidence,
    EvidenceKind,
    ProgrammePage,
)
from lms.dashboards.forms import ProgrammeField
from lms.people.access import MemberRequest
from lms.people.models import Member
from lms.people.roles import staff_required
from lms.tables import FORMATS, table_response
from lms.walls import unscoped

_LONG = timedelta(days=14)
_SCOPED = "of the people given, who are scoped"


class StoppingFilter(forms.Form):
    """Of which programme; it stands in the address."""

    programme = ProgrammeField(
        label=gettext_lazy("Programme"), required=False, empty_label=None
    )

    def __init__(self, *args: Any, programmes: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["programme"].queryset = programmes  # type: ignore[attr-defined]  # a ProgrammeField


@dataclass
class Step:
    """A step of a topic: who has done it, and who waits at it, since when."""

    topic: str
    kind: str
    everybody: int = 0
    reached: int = 0
    since: list[datetime] = field(default_factory=list)

    @property
    def waiting(self) -> int:
        return len(self.since)

    @property
    def long(self) -> int:
        """How many have waited for more than fourteen days."""
        return sum(now() - since > _LONG for since in self.since)

    @property
    def longest(self) -> int | None:
        """Days that somebody has waited for at most; None where nobody does."""
        return (now() - min(self.since)).days if self.since else None

    @property
    def words(self) -> str:
        words = ngettext("%(count)d day", "%(count)d days", self.longest or 0)
        return "" if self.longest is None else words % {"count": self.longest}


def steps_of(edition: Edition, people: Any) -> list[Step]:
    """Each step of an edition, over those in the middle of it or done; three queries.

    Somebody waits at the first step, in the order of the topics, that they have not
    done; since they did the last of the others, or began.
    """
    asked: list[tuple[int, str]] = []
    steps: dict[tuple[int, str], Step] = {}
    for topic in edition.topics.order_by("order"):
        for kind in kinds_of(topic):
            key = topic.topic_id, kind
            asked.append(key)
            steps[key] = Step(topic.title, str(EvidenceKind(kind).label))
    rows = (
        unscoped(Enrolment.objects, _SCOPED)
        .standing()
        .filter(edition=edition, member__in=people)
    )
    begun = {
        pk: (at, done)
        for pk, at, done in rows.values_list("pk", "enrolled_at", "completed_at")
    }
    shown: dict[int, dict[tuple[int, str], datetime]] = defaultdict(dict)
    evidence = unscoped(Evidence.objects, _SCOPED).filter(
        enrolment__in=rows, voided_at=None
    )
    for enrolment, on_topic, kind, at in evidence.values_list(
        "enrolment", "topic", "kind", "at"
    ):
        kinds = [kind]
        if kind == EvidenceKind.EXEMPTION:
            kinds = [each for topic, each in asked if topic == on_topic]
        for each in kinds:
            shown[enrolment][on_topic, each] = at
    for pk, (at, done) in begun.items():
        own = shown[pk]
        for key in asked:
            steps[key].everybody += 1
            steps[key].reached += bool(done) or key in own
        if done:
            continue
        if first := next((key for key in asked if key not in own), None):
            steps[first].since.append(max([at, *own.values()]))
    return list(steps.values())


def kinds_of(topic: EditionTopic) -> Iterable[str]:
    """The steps that a topic asks for, in the order in which most take them."""
    if topic.needs_read:
        yield EvidenceKind.READ
    if topic.needs_check:
        yield EvidenceKind.CHECK
    if topic.needs_call:
        yield EvidenceKind.CALL


@staff_required
def stopping(request: MemberRequest) -> HttpResponse:
    """Where people stop in one programme: a bar and a figure for each step."""
    today: date = now().date()
    editions = {each.programme_id: each for each in editions_in_force(today)}
    programmes = ProgrammePage.objects.filter(pk__in=editions).order_by("path")
    form = StoppingFilter(request.GET, programmes=programmes)
    form.is_valid()
    shown = form.cleaned_data.get("programme") or programmes.first()
    people = Member.objects.of_people(request.access).live()
    steps = steps_of(editions[shown.pk], people) if shown else []
    header = [
        *(_("Topic"), _("Step"), _("Done"), _("In the programme")),
        *(_("Wait here"), _("For over 14 days"), _("Longest, in days")),
    ]
    if (file_type := request.GET.get("format")) in FORMATS:
        rows = [
            [
                *(step.topic, step.kind, step.reached, step.everybody),
                *(
                    step.waiting,
                    step.long,
                    "" if step.longest is None else step.longest,
                ),
            ]
            for step in steps
        ]
        return table_response(f"where-people-stop-{today}", file_type, header, rows)
    context = {
        "form": StoppingFilter(
            {"programme": shown.pk if shown else ""}, programmes=programmes
        ),
        "programme": shown,
        "steps": steps,
        "columns": [
            {"label": label}
            for label in (
                *(_("Topic"), _("Step"), _("Have done it"), _("Wait here")),
                *(_("For over 14 days"), _("Longest")),
            )
        ],
    }
    return render(request, "dashboards/stopping.html", context)
