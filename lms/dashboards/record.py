"""A person's record: each programme with its steps, the calls, the certificates."""

from __future__ import annotations

from dataclasses import dataclass

from certificates.models import Certificate
from content.acknowledging import Word, still_to_confirm
from content.models import Acknowledgement
from courses.leaving import just_left
from courses.models import Enrolment, EvidenceKind
from courses.progress import TopicProgress
from lms import states
from lms.dashboards.matrix import programmes_shown
from lms.dashboards.state import Cell, cells_of
from lms.people.models import Member, TeamMembership
from lms.walls import unscoped
from sessions.models import Booking, BookingState, BookingTopic, Outcome


@dataclass(frozen=True)
class Shown:
    """A topic as somebody showed it: its steps, and the call that covered it."""

    topic: TopicProgress
    call: Booking | None = None
    said: BookingTopic | None = None


@dataclass(frozen=True)
class Record:
    """What a manager may see of somebody, and they themselves."""

    cells: list[Cell]
    not_required: list[Cell]
    teams: list[TeamMembership]
    calls: list[Booking]
    certificates: list[Certificate]
    handbook: list[Word]
    confirmed: list[Acknowledgement]
    just_left: list[Enrolment]

    def parts(self) -> list[tuple[Cell, list[Shown]]]:
        """Each programme with its topics, and what was said of them when covered.

        No query: criteria and note are of the calls, which are loaded.
        """
        covered: dict[int, tuple[Booking, BookingTopic]] = {}
        for call in reversed(self.calls):  # the latest stands
            if call.state == BookingState.DONE:
                for said in call.topics.all():
                    if said.outcome == Outcome.COVERED:
                        covered[said.topic_id] = call, said
        return [
            (
                cell,
                [
                    Shown(topic, *covered.get(topic.topic.pk, ()))
                    if topic.is_done(EvidenceKind.CALL)
                    else Shown(topic)
                    for topic in (cell.progress.topics if cell.progress else ())
                ],
            )
            for cell in self.cells
        ]


def record_of(member: Member) -> Record:
    """Gather the record of a member that the reader was allowed to fetch."""
    cells = list(cells_of([member], programmes_shown()).values())
    calls = unscoped(
        Booking.objects.agreed(), "of the member, who was fetched in scope"
    )
    calls = calls.filter(enrolment__member=member).for_agenda()
    certificates = (
        unscoped(Certificate.objects, "of the member, who was fetched in scope")
        .filter(enrolment__member=member)
        .released()
        .select_related("enrolment__edition")
    )
    teams = member.team_memberships.live().select_related("team")
    return Record(
        cells=[cell for cell in cells if cell.enrolment],
        not_required=[cell for cell in cells if cell.state == states.NOT_REQUIRED],
        teams=list(teams),
        calls=list(calls.order_by("-starts_at")),
        certificates=list(certificates),
        handbook=still_to_confirm(member),
        confirmed=list(
            member.acknowledgements.select_related("page").order_by("-at", "-pk")
        ),
        just_left=list(
            just_left()
            .filter(member=member)
            .select_related("member__user", "member__reseller", "programme")
        ),
    )
