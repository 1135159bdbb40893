"""The state of everybody at once, decided by the database.

Which states hold, and which of them wins, is said in `lms.dashboards.state`, and what
they are called in `lms.states`. This is the same rule, in one query for any number of
people, for lists that are filtered, sorted or counted by it; a test holds the two
together in drawn worlds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.conf import settings
from django.db.models import (
    Case,
    Exists,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Least
from django.utils.timezone import now

from certificates.models import Certificate, CertificateState, End
from courses.models import (
    Attempt,
    EditionTopic,
    Enrolment,
    EnrolmentQuerySet,
    Evidence,
    EvidenceKind,
    Preparation,
    ProgrammePage,
    TopicCompletion,
)
from lms import states
from lms.people.models import Member
from lms.states import State
from sessions.models import Booking, BookingState, BookingTopic, Outcome

PLACES = {state.key: place for place, state in enumerate(states.BY_URGENCY)}
NEED_ATTENTION = sum(each.needs_attention for each in states.STATES)
"""How many of the first places are of states that need attention."""

_ENDED, _UNFINISHED = "ended", "unfinished"  # what may be said of a certificate


@dataclass(frozen=True)
class Standings:
    """Where people stand in each programme, by their keys: `places` as numbers.

    A place is the state's in `states.BY_URGENCY`; what is not asked has none. `days`
    are the ends of what was completed, and due dates. `held` is what qualifies today.
    """

    places: dict[int, dict[int, int]]
    days: dict[int, dict[int, date]]
    held: dict[int, set[int]]

    def by_urgency(self, programme: ProgrammePage) -> dict[int, int]:
        return {
            person: places[programme.pk]
            for person, places in self.places.items()
            if programme.pk in places
        }

    def by_day(self, programme: ProgrammePage) -> dict[int, date]:
        return {
            person: days[programme.pk]
            for person, days in self.days.items()
            if programme.pk in days
        }


def standings_of(
    members: QuerySet[Member],
    programmes: Sequence[ProgrammePage],
    *,
    with_days: bool = False,
) -> Standings:
    """Where all of them stand: two queries for any number of people."""
    columns = ["member", "programme", "place", *(["day"] if with_days else [])]
    places: dict[int, dict[int, int]] = defaultdict(dict)
    days: dict[int, dict[int, date]] = defaultdict(dict)
    for member, programme, place, *day in decided(members, programmes).values_list(
        *columns
    ):
        places[member][programme] = place
        if day and day[0]:
            days[member][programme] = day[0]
    held: dict[int, set[int]] = defaultdict(set)
    qualified = Enrolment.objects.qualified().filter(
        member__in=members, programme__in=programmes
    )
    for member, programme in qualified.order_by().values_list("member", "programme"):
        held[member].add(programme)
    return Standings(dict(places), dict(days), dict(held))


def decided(
    members: QuerySet[Member], programmes: Sequence[ProgrammePage]
) -> QuerySet[Enrolment]:
    """Of each cell that asks anything the enrolment that decides, and its state.

    That is what was completed last; where nothing was, what is open. `place` is the
    state's in `states.BY_URGENCY`, `day` the end of what was completed, or the due date.
    """
    completed = Enrolment.objects.standing().filter(
        member=OuterRef("member"),
        programme=OuterRef("programme"),
        completed_at__isnull=False,
    )
    later = completed.filter(cycle__gt=OuterRef("cycle"))
    today = now().date()
    return (
        Enrolment.objects.standing()
        .filter(member__in=members, programme__in=programmes)
        .filter(
            Q(~Exists(completed), completed_at=None)
            | Q(~Exists(later), completed_at__isnull=False)
        )
        .alias(certificate=_certificate_word())
        .annotate(
            place=Case(
                _say(states.LEFT, Q(member__left_on__lte=today)),
                When(completed_at__isnull=False, then=_completed_state(today)),
                _say(
                    states.AWAY,
                    Q(
                        member__away_from_on__lte=today,
                        member__away_until_on__gte=today,
                    ),
                ),
                default=_open_state(today),
            ),
            day=Case(
                When(completed_at=None, then=F("due_on")),
                default=Coalesce(
                    Least("valid_until", "counts_until"), "valid_until", "counts_until"
                ),
            ),
        )
        .order_by()
    )


def _say(state: State, condition: Q | Exists) -> When:
    return When(condition, then=Value(PLACES[state.key]))


def _certificate_word() -> Subquery:
    """What its newest certificate that was not undone says, if anything."""
    kept = Certificate.objects.filter(enrolment=OuterRef("pk")).exclude(
        ended_as=End.UNDONE
    )
    word = Case(
        When(ended_as__in=[End.REVOKED, End.WITHDRAWN], then=Value(_ENDED)),
        When(
            ~Q(state=CertificateState.READY) | Q(release_at__gt=now()),
            then=Value(_UNFINISHED),
        ),
        default=Value(""),
    )
    return Subquery(kept.order_by("-issued_at", "-pk").values(word=word)[:1])


def _completed_state(today: date) -> Case:
    updates = Enrolment.objects.open().filter(
        member=OuterRef("member"),
        programme=OuterRef("programme"),
        cycle__gt=OuterRef("cycle"),
    )
    not_exempt = EditionTopic.objects.filter(
        ~_is_shown(EvidenceKind.EXEMPTION), edition=OuterRef("edition")
    )
    return Case(
        _say(states.EXPIRED, Q(valid_until__lte=today) | Q(counts_until__lte=today)),
        _say(states.REVOKED, Q(certificate=_ENDED)),
        _say(states.CERTIFICATE_PENDING, Q(certificate=_UNFINISHED)),
        _say(states.UPDATE_DUE, Q(Exists(updates), counts_until__isnull=False)),
        _say(states.EXPIRES_SOON, Q(valid_until__lte=today + settings.RENEWAL_OPENS)),
        _say(states.EXEMPT, Q(~Exists(not_exempt))),
        default=Value(PLACES[states.QUALIFIED.key]),
    )


def _open_state(today: date) -> Case:
    booked = Booking.objects.filter(enrolment=OuterRef("pk"), state=BookingState.BOOKED)
    again = BookingTopic.objects.filter(  # quick to answer, and mostly no
        booking__enrolment=OuterRef("pk"),
        booking__state=BookingState.DONE,
        outcome=Outcome.AGAIN,
    )
    return Case(
        _say(states.OVERDUE, Q(due_on__lt=today)),
        _say(states.WAITING_FOR_SIGN_OFF, Exists(booked.filter(ends_at__lte=now()))),
        _say(states.CALL_BOOKED, Exists(booked)),
        _say(states.GO_OVER_AGAIN, Q(Exists(again)) & Q(Exists(_to_go_over()))),
        _say(states.NOT_STARTED, _is_untouched()),
        _say(states.READY, Exists(_for_call().filter(_is_prepared()))),
        _say(states.IN_PROGRESS, Exists(_begun())),
        default=Value(PLACES[states.NOT_STARTED.key]),
    )


def _is_untouched() -> Q:
    """Whether nothing of it has a row: no topic need be asked then."""
    rows = {"enrolment": OuterRef("pk")}
    return Q(
        ~Exists(Evidence.objects.filter(**rows)),
        ~Exists(Attempt.objects.filter(**rows)),
        ~Exists(TopicCompletion.objects.filter(**rows)),
    )


# --- Topics that an enrolment asks: each of these is a question inside that of the
# enrolment, so what they say of it is two levels up. ------------------------------


def _is_shown(kind: EvidenceKind) -> Exists:
    return Exists(
        Evidence.objects.filter(
            enrolment=OuterRef(OuterRef("pk")),
            topic=OuterRef("topic"),
            kind=kind,
            voided_at=None,
        )
    )


def _is_complete() -> Exists:
    return Exists(
        TopicCompletion.objects.filter(
            enrolment=OuterRef(OuterRef("pk")), topic=OuterRef("topic"), voided_at=None
        )
    )


def _is_used_up() -> Exists:
    attempts = Attempt.objects.filter(
        enrolment=OuterRef(OuterRef("pk")), topic=OuterRef("topic")
    )
    return Exists(attempts.used_up())


def _is_check_used_up() -> Q:
    return Q(~_is_shown(EvidenceKind.CHECK), _is_used_up(), needs_check=True)


def _is_prepared() -> Q:
    return Q(Q(needs_read=False) | _is_shown(EvidenceKind.READ)) & Q(
        Q(needs_check=False) | _is_shown(EvidenceKind.CHECK) | _is_used_up()
    )


def _for_call() -> QuerySet[EditionTopic]:
    """Topics that a call may cover now: whether one is booked is asked before."""
    wants_call = Q(~_is_shown(EvidenceKind.CALL), needs_call=True)
    return EditionTopic.objects.filter(
        ~_is_complete(),
        wants_call | _is_check_used_up(),
        ~Q(edition__preparation=Preparation.FIRST) | _is_prepared(),
        edition=OuterRef("edition"),
    )


def _begun() -> QuerySet[EditionTopic]:
    return EditionTopic.objects.filter(
        _is_complete()
        | Q(_is_shown(EvidenceKind.READ), needs_read=True)
        | Q(_is_shown(EvidenceKind.CHECK), needs_check=True)
        | Q(_is_shown(EvidenceKind.CALL), needs_call=True)
        | Q(_is_used_up(), needs_check=True),
        edition=OuterRef("edition"),
    )


def _to_go_over() -> QuerySet[EditionTopic]:
    """Of those for a call the ones whose last word in a call was "go over again"."""
    said = BookingTopic.objects.filter(
        topic=OuterRef("topic"),
        booking__enrolment=OuterRef(OuterRef("pk")),
        booking__state=BookingState.DONE,
    ).order_by("-booking__starts_at", "-booking__pk", "-pk")
    return (
        _for_call()
        .alias(last_word=Subquery(said.values("outcome")[:1]))
        .filter(last_word=Outcome.AGAIN)
    )


def could_book(enrolments: EnrolmentQuerySet) -> EnrolmentQuerySet:
    """Those of them in which a call can be booked now, and none is."""
    booked = Booking.objects.filter(enrolment=OuterRef("pk"), state=BookingState.BOOKED)
    return enrolments.filter(~Exists(booked), Exists(_for_call()))
