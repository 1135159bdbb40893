"""Which state a person is in, per programme: asked of the rows, never stored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from django.conf import settings
from django.utils.timezone import now

from certificates.models import Certificate, CertificateState, End
from courses.models import Enrolment, ProgrammePage, qualifying
from courses.progress import Progress, TopicProgress, progress_of
from lms import states
from lms.people.models import Member
from lms.states import State
from lms.walls import unscoped
from sessions.models import Booking, BookingState, Outcome


@dataclass
class Cell:
    """A member in a programme: what the matrix shows, and what led to it.

    `enrolment` is the open one, or else the newest; None when the programme is not
    asked of the member. `on` is the date that goes with the state, if any; `until` the
    end of what was completed last.
    `is_qualified` follows what was completed, whatever became of the certificate.
    """

    member: Member
    programme: ProgrammePage
    state: State = states.NOT_REQUIRED
    is_qualified: bool = False
    until: date | None = None
    enrolment: Enrolment | None = None
    progress: Progress | None = None
    on: date | datetime | None = None
    bookings: list[Booking] = field(default_factory=list)
    certificate: Certificate | None = None

    @property
    def label(self) -> str:
        """Whose cell this is, for those who cannot see the table."""
        return f"{self.member.user.full_name}, {self.programme.title}"

    @property
    def booked(self) -> list[Booking]:
        """Calls that are neither signed off nor ended, the soonest first."""
        booked = [call for call in self.bookings if call.state == BookingState.BOOKED]
        return sorted(booked, key=lambda call: call.starts_at)

    @property
    def next_call(self) -> Booking | None:
        return next(iter(self.booked), None)

    @property
    def ready(self) -> list[TopicProgress]:
        """Topics that a call may cover and that none is booked for."""
        if self.progress is None:
            return []
        taken = {item.topic_id for call in self.booked for item in call.topics.all()}
        return [
            topic for topic in self.progress.for_call if topic.topic.pk not in taken
        ]


def cells_of(
    members: Sequence[Member], programmes: Sequence[ProgrammePage]
) -> dict[tuple[int, int], Cell]:
    """Work out every cell, by member and programme; six queries for any number."""
    cells = {
        (member.pk, programme.pk): Cell(member, programme)
        for member in members
        for programme in programmes
    }
    enrolments = list(
        unscoped(Enrolment.objects, "of members who were fetched in scope")
        .standing()
        .filter(member__in=members, programme__in=programmes)
        .select_related("edition", "member__user", "member__reseller", "enrolled_by")
        .annotate(qualifies=qualifying(now().date()))
        .order_by("cycle")
    )
    qualified = {
        (row.member_id, row.programme_id)
        for row in enrolments
        if row.qualifies  # type: ignore[attr-defined]  # annotated above
    }
    by_cell: dict[tuple[int, int], list[Enrolment]] = defaultdict(list)
    for enrolment in enrolments:
        by_cell[enrolment.member_id, enrolment.programme_id].append(enrolment)

    progress = progress_of(enrolments)
    bookings = _bookings_of(enrolments)
    certificates = _certificates_of(enrolments)
    for key, cycles in by_cell.items():
        cell = cells[key]
        cell.is_qualified = key in qualified
        cell.enrolment = cycles[-1]
        cell.progress = progress[cycles[-1].pk]
        cell.bookings = bookings[cycles[-1].pk]
        holders = [
            certificates[cycle.pk] for cycle in cycles if cycle.pk in certificates
        ]
        cell.certificate = holders[-1] if holders else None
        _decide(cell, cycles, progress)
    return cells


def _bookings_of(enrolments: Iterable[Enrolment]) -> dict[int, list[Booking]]:
    found: dict[int, list[Booking]] = defaultdict(list)
    wanted = unscoped(Booking.objects, "of enrolments of members in scope").filter(
        enrolment__in=enrolments, state__in=[BookingState.BOOKED, BookingState.DONE]
    )
    for booking in wanted.select_related("trainer__user").prefetch_related("topics"):
        found[booking.enrolment_id].append(booking)
    return found


def _certificates_of(enrolments: Iterable[Enrolment]) -> dict[int, Certificate]:
    """The newest certificate of each that was not undone."""
    found = unscoped(Certificate.objects, "of enrolments of members in scope")
    kept = found.filter(enrolment__in=enrolments).exclude(ended_as=End.UNDONE)
    return {
        certificate.enrolment_id: certificate
        for certificate in kept.order_by("issued_at", "pk")
    }


def _decide(
    cell: Cell, cycles: Sequence[Enrolment], progress: Mapping[int, Progress]
) -> None:
    """Let every cycle say what holds; the strongest is shown."""
    holding: dict[State, date | datetime | None] = {}
    completed = [cycle for cycle in cycles if not cycle.is_open]
    if not cell.member.is_live:
        holding[states.LEFT] = cell.member.left_on
    elif cell.member.is_away:
        holding[states.AWAY] = cell.member.away_until_on
    for enrolment in cycles:
        if enrolment.is_open:
            holding |= _open_states(cell, enrolment)
        elif enrolment == completed[-1]:  # what came before it has been renewed
            holding |= _completed_states(cell, enrolment, progress[enrolment.pk])
    if not cycles[-1].is_open:
        holding.pop(states.UPDATE_DUE, None)  # it was done, or is no longer asked
    if len(holding) > 1 and _is_qualified(holding):
        holding.pop(states.EXPIRED, None)
    cell.until = completed[-1].valid_until if completed else None
    cell.state = states.strongest(set(holding))
    cell.on = holding[cell.state]


def _is_qualified(holding: Iterable[State]) -> bool:
    return not {states.QUALIFIED, states.EXPIRES_SOON, states.UPDATE_DUE}.isdisjoint(
        holding
    )


def _open_states(
    cell: Cell, enrolment: Enrolment
) -> dict[State, date | datetime | None]:
    at = now()
    is_begun = cell.progress is not None and cell.progress.is_begun
    holding: dict[State, date | datetime | None] = {
        states.IN_PROGRESS if is_begun else states.NOT_STARTED: None
    }
    if any(topic.is_prepared for topic in cell.ready):
        holding[states.READY] = None
    if not _to_go_over(cell).isdisjoint(topic.topic.pk for topic in cell.ready):
        holding[states.GO_OVER_AGAIN] = None
    for booking in cell.booked:
        if booking.ends_at <= at:
            holding[states.WAITING_FOR_SIGN_OFF] = booking.ends_at
        else:
            holding.setdefault(states.CALL_BOOKED, booking.starts_at)
    if enrolment.is_overdue:
        holding[states.OVERDUE] = enrolment.due_on
    return holding


def _to_go_over(cell: Cell) -> set[int]:
    """Topics whose last word in a call was "go over again"."""
    last_word = {
        item.topic_id: item.outcome
        for booking in sorted(cell.bookings, key=lambda booking: booking.starts_at)
        if booking.state == BookingState.DONE
        for item in booking.topics.all()
    }
    return {topic for topic, word in last_word.items() if word == Outcome.AGAIN}


def _completed_states(
    cell: Cell, enrolment: Enrolment, progress: Progress
) -> dict[State, date | datetime | None]:
    today = now().date()
    ends = [on for on in (enrolment.valid_until, enrolment.counts_until) if on]
    if ends and min(ends) <= today:
        return {states.EXPIRED: min(ends)}
    holding: dict[State, date | datetime | None] = {
        states.QUALIFIED: enrolment.valid_from
    }
    if all(topic.exempted_at for topic in progress.topics):
        holding[states.EXEMPT] = enrolment.valid_from
    certificate = cell.certificate
    if certificate is not None and certificate.enrolment_id == enrolment.pk:
        if certificate.ended_as in (End.REVOKED, End.WITHDRAWN):
            return {states.REVOKED: certificate.ended_at}
        is_ready = certificate.state == CertificateState.READY
        if not is_ready or certificate.release_at > now():
            holding[states.CERTIFICATE_PENDING] = None
    if enrolment.counts_until:
        holding[states.UPDATE_DUE] = enrolment.counts_until
    if (
        enrolment.valid_until
        and enrolment.valid_until - today <= settings.RENEWAL_OPENS
    ):
        holding[states.EXPIRES_SOON] = enrolment.valid_until
    return holding
