"""The state of everybody at once, decided by the database.

Which states hold, and which of them wins, is said in `lms.dashboards.state`, and what
they are called in `lms.states`. This is the same rule, asked of the rows in one query
for any number of people, for lists that are filtered, sorted or counted by it; a test
holds the two together in drawn worlds.

Each question asks no more of the rows than its answer needs: who is overdue, by the
dates alone; only a list sorted by urgency wants the whole word of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import Any

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import (
    Case,
    Count,
    DateField,
    DateTimeField,
    Exists,
    Expression,
    F,
    Field,
    OrderBy,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Least
from django.db.models.lookups import Exact, IsNull
from django.db.models.sql.compiler import SQLCompiler
from django.utils.timezone import now

from certificates.models import Certificate, CertificateQuerySet, CertificateState, End
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
    qualifying,
)
from lms import states
from lms.people.models import Member
from lms.states import State
from sessions.models import Booking, BookingState, BookingTopic, Outcome

PLACES = {state.key: place for place, state in enumerate(states.BY_URGENCY)}
_ENDED, _UNFINISHED = "ended", "unfinished"  # what may be said of a certificate
_IS_ENDED = Q(ended_as__in=[End.REVOKED, End.WITHDRAWN])

Condition = Q | Combinable
Said = Callable[[State], int | bool]


@dataclass(frozen=True)
class Rules:
    """Which state holds: that of the first whose condition does, else the last."""

    first: Sequence[tuple[Condition, State | Rules]]
    last: State | Rules

    def say(self, said: Said) -> Any:
        """The answer that `said` gives of the state: an expression, or the same of all.

        Where rules at the end have the same answer as the last, none of them is asked.
        """
        last = _say(self.last, said)
        asked: list[When] = []
        for condition, outcome in reversed(self.first):
            answer = _say(outcome, said)
            if asked or isinstance(answer, Case) or answer is not last:
                asked.append(When(condition, then=answer))
        return Case(*reversed(asked), default=last) if asked else last


def _say(outcome: State | Rules, said: Said) -> Any:
    return outcome.say(said) if isinstance(outcome, Rules) else said(outcome)


@dataclass(frozen=True)
class Counted:
    """Numbers of cells: which ask anything, are qualified, need attention, are in a state.

    Of many people, `attention` and `in_state` are numbers of people.
    """

    asked: int = 0
    held: int = 0
    attention: int = 0
    in_state: int = 0

    @classmethod
    def of_many(cls, people: Iterable[Counted]) -> Counted:
        """Their numbers together."""
        many = list(people)
        return cls(
            asked=sum(each.asked for each in many),
            held=sum(each.held for each in many),
            attention=sum(each.attention > 0 for each in many),
            in_state=sum(each.in_state > 0 for each in many),
        )


def counted(members: QuerySet[Member], programmes: Sequence[ProgrammePage]) -> Counted:
    """Count over all of them: one query for any number of people."""
    numbers = decided(members, programmes).aggregate(
        asked=Count("pk"),
        held=Count("pk", filter=_qualifies()),
        attention=Count("member", filter=_needs_attention(), distinct=True),
    )
    return Counted(**numbers)


def counted_each(
    members: QuerySet[Member],
    programmes: Sequence[ProgrammePage],
    state: State | None = None,
) -> dict[int, Counted]:
    """Count for each of them of whom anything is asked, by their keys: one query, too.

    With a `state` that needs attention, that is all whose attention is counted.
    """
    numbers = {"asked": Count("pk"), "held": Count("pk", filter=_qualifies())}
    if state is not None:
        numbers["in_state"] = Count("pk", filter=_is(state))
    if state is None or not state.needs_attention:
        numbers["attention"] = Count("pk", filter=_needs_attention())
    each = decided(members, programmes).values("member").annotate(**numbers)
    people = {
        member: Counted(**dict(zip(numbers, found, strict=True)))
        for member, *found in each.values_list("member", *numbers)
    }
    if "attention" in numbers:
        return people
    return {
        member: replace(found, attention=found.in_state)
        for member, found in people.items()
    }


def by_urgency(programme: ProgrammePage, *, is_backwards: bool) -> OrderBy:
    """To sort members by how much their state in a programme asks for; none is last."""
    cell = _cell_of_member(programme).annotate(place=_place())
    return _order(cell.values("place"), is_backwards=is_backwards)


def by_day(programme: ProgrammePage, *, is_backwards: bool) -> OrderBy:
    """To sort members by the end of what they completed in it, or by its due date."""
    day = Case(
        When(completed_at=None, then=F("due_on")),
        default=Coalesce(
            Least("valid_until", "counts_until"), "valid_until", "counts_until"
        ),
    )
    cell = _cell_of_member(programme).annotate(day=day)
    return _order(cell.values("day"), is_backwards=is_backwards)


def _order(cell: QuerySet[Any, Any], *, is_backwards: bool) -> OrderBy:
    return OrderBy(Subquery(cell[:1]), descending=is_backwards, nulls_last=True)


def decided(
    members: QuerySet[Member], programmes: Sequence[ProgrammePage]
) -> EnrolmentQuerySet:
    """Of each cell that asks anything the enrolment that decides.

    That is what was completed last; where nothing was, what is open.
    """
    return _deciding().filter(member__in=members, programme__in=programmes)


def _cell_of_member(programme: ProgrammePage) -> EnrolmentQuerySet:
    return _deciding().filter(member=OuterRef("pk"), programme=programme)


def _deciding() -> EnrolmentQuerySet:
    stronger = (
        Enrolment.objects.standing()
        .filter(
            member=OuterRef("member"),
            programme=OuterRef("programme"),
            completed_at__isnull=False,
        )
        .filter(
            Q(IsNull(OuterRef("completed_at"), True)) | Q(cycle__gt=OuterRef("cycle"))
        )
    )
    return Enrolment.objects.standing().filter(~Exists(stronger)).order_by()


# --- The rules, of the enrolment that decides: made once, as that takes longer than
# many an answer. What time it is, is asked as each query is made. ---------------------


class _Time(Expression):
    """A date or an instant, read each time that the query is made."""

    def __init__(self, read: Callable[[], date], field: Field[Any, Any]) -> None:
        super().__init__(output_field=field)
        self.read = read

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[Any, ...]]:
        value = self.output_field.get_db_prep_value(self.read(), connection)
        return "%s", (value,)


_AT = _Time(now, DateTimeField())
_TODAY = _Time(lambda: now().date(), DateField())
_SOON = _Time(lambda: now().date() + settings.RENEWAL_OPENS, DateField())


@cache
def _place() -> Case:
    case: Case = _rules().say(lambda state: PLACES[state.key])
    return case


@cache
def _needs_attention() -> Case:
    case: Case = _rules().say(lambda state: state.needs_attention)
    return case


@cache
def _is(state: State) -> Case | Value:
    said = _rules().say(lambda each: each is state)
    return said if isinstance(said, Case) else Value(said)  # nobody ever is


@cache
def _rules() -> Rules:
    away = Q(member__away_from_on__lte=_TODAY, member__away_until_on__gte=_TODAY)
    return Rules(
        [
            (Q(member__left_on__lte=_TODAY), states.LEFT),
            (Q(completed_at__isnull=False), _of_completed()),
            (away, states.AWAY),
        ],
        _of_open(),
    )


def _qualifies() -> Q:
    """Whether the cell qualifies: by what decides it, or by what came before that."""
    of_cell = Enrolment.objects.qualified().filter(
        member=OuterRef("member"), programme=OuterRef("programme")
    )
    today = now().date()
    completed = Q(completed_at__isnull=False)  # asked first, as it is quick to answer
    return completed & (qualifying(today) | Q(Exists(of_cell)))


def _of_completed() -> Rules:
    updates = Enrolment.objects.open().filter(
        member=OuterRef("member"),
        programme=OuterRef("programme"),
        cycle__gt=OuterRef("cycle"),
    )
    not_exempt = EditionTopic.objects.filter(
        ~_is_shown(EvidenceKind.EXEMPTION), edition=OuterRef("edition")
    )
    unfinished = ~Q(state=CertificateState.READY) | Q(release_at__gt=_AT)
    word = _certificate_word(unfinished)
    of_proved = Rules(
        [
            (Q(counts_until__isnull=False) & Q(Exists(updates)), states.UPDATE_DUE),
            (Q(valid_until__lte=_SOON), states.EXPIRES_SOON),
            (~Exists(not_exempt), states.EXEMPT),
        ],
        states.QUALIFIED,
    )
    of_doubtful = Rules(
        [
            (Exact(word, _ENDED), states.REVOKED),
            (Exact(word, _UNFINISHED), states.CERTIFICATE_PENDING),
        ],
        of_proved,
    )
    return Rules(
        [
            (
                Q(valid_until__lte=_TODAY) | Q(counts_until__lte=_TODAY),
                states.EXPIRED,
            ),
            (Exists(_kept(_IS_ENDED | unfinished)), of_doubtful),
        ],
        of_proved,
    )


def _kept(which: Q) -> CertificateQuerySet:
    """Its certificates that were not undone, and are so: quick to ask, and mostly none."""
    found = Certificate.objects.filter(which, enrolment=OuterRef("pk"))
    return found.exclude(ended_as=End.UNDONE)


def _certificate_word(unfinished: Q) -> Subquery:
    """What its newest certificate that was not undone says, if anything."""
    word = Case(
        When(_IS_ENDED, then=Value(_ENDED)),
        When(unfinished, then=Value(_UNFINISHED)),
        default=Value(""),
    )
    newest = _kept(Q()).order_by("-issued_at", "-pk")
    return Subquery(newest.values(word=word)[:1])


def _of_open() -> Rules:
    booked = Booking.objects.filter(enrolment=OuterRef("pk"), state=BookingState.BOOKED)
    again = BookingTopic.objects.filter(  # quick to answer, and mostly no
        booking__enrolment=OuterRef("pk"),
        booking__state=BookingState.DONE,
        outcome=Outcome.AGAIN,
    )
    ready = Exists(_ready())
    return Rules(
        [
            (Q(due_on__lt=_TODAY), states.OVERDUE),
            (
                Exists(booked.filter(ends_at__lte=_AT)),
                states.WAITING_FOR_SIGN_OFF,
            ),
            (Exists(booked), states.CALL_BOOKED),
            (Q(Exists(again)) & Q(Exists(_to_go_over())), states.GO_OVER_AGAIN),
            (_is_untouched(), states.NOT_STARTED),
            (_is_begun() | ready, Rules([(ready, states.READY)], states.IN_PROGRESS)),
        ],
        states.NOT_STARTED,
    )


def _is_untouched() -> Q:
    """Whether nothing of it has a row, and no topic is ready from the first."""
    rows = {"enrolment": OuterRef("pk")}
    only_a_call = EditionTopic.objects.filter(
        edition=OuterRef("edition"), needs_read=False, needs_check=False
    )
    return Q(
        ~Exists(Evidence.objects.filter(**rows)),
        ~Exists(Attempt.objects.filter(**rows)),
        ~Exists(TopicCompletion.objects.filter(**rows)),
        ~Exists(only_a_call),
    )


def _is_begun() -> Q:
    """Whether anything is done of what its edition asks."""
    rows = {"enrolment": OuterRef("pk")}
    asked = EditionTopic.objects.filter(
        edition=OuterRef(OuterRef("edition")), topic=OuterRef("topic")
    )
    kind = OuterRef("kind")
    step = asked.filter(
        Q(Exact(kind, EvidenceKind.READ), needs_read=True)
        | Q(Exact(kind, EvidenceKind.CHECK), needs_check=True)
        | Q(Exact(kind, EvidenceKind.CALL), needs_call=True)
    )
    completions = TopicCompletion.objects.filter(Exists(asked), voided_at=None, **rows)
    evidence = Evidence.objects.filter(Exists(step), voided_at=None, **rows)
    attempts = Attempt.objects.filter(Exists(asked.filter(needs_check=True)), **rows)
    return Q(Exists(completions)) | Q(Exists(evidence)) | Q(Exists(attempts.used_up()))


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


def _wanting_call() -> QuerySet[EditionTopic]:
    wants_call = Q(~_is_shown(EvidenceKind.CALL), needs_call=True)
    return EditionTopic.objects.filter(
        ~_is_complete(), wants_call | _is_check_used_up(), edition=OuterRef("edition")
    )


def _for_call() -> QuerySet[EditionTopic]:
    """Topics that a call may cover now: whether one is booked is asked before."""
    return _wanting_call().filter(
        ~Q(edition__preparation=Preparation.FIRST) | _is_prepared()
    )


def _ready() -> QuerySet[EditionTopic]:
    """Those for a call that nothing else comes before."""
    return _wanting_call().filter(_is_prepared())


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
