"""A topic's knowledge check: started, submitted once, and what comes after it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from courses.check_paper import (
    Answers,
    draw_paper,
    is_paper,
    known_answers,
    score_of,
)
from courses.completing import lock
from courses.models import (
    Attempt,
    AttemptKind,
    EditionTopic,
    Enrolment,
    Evidence,
    EvidenceKind,
    MoreAttempts,
    TopicCompletion,
    TopicPage,
)
from courses.progress import record_evidence
from lms.audit.log import record
from lms.errors import Refused
from lms.mail import times
from lms.people.models import User

NOTE_LENGTH = 500
MOST_GIVEN = 10


@dataclass(frozen=True)
class CheckState:
    """Where somebody is with the check of a topic.

    `kind` says whether the next attempt counts. `attempts` are those submitted that
    count, the oldest first; `more` is what a trainer or the channel team has given.
    """

    enrolment: Enrolment
    topic: TopicPage
    kind: AttemptKind
    attempts: tuple[Attempt, ...]
    open_attempt: Attempt | None
    practice: Attempt | None
    more: int
    passed_at: datetime | None
    in_call: Evidence | None

    @property
    def is_practice(self) -> bool:
        return self.kind == AttemptKind.PRACTICE

    @property
    def allowed(self) -> int | None:
        """How many attempts there are in all; None: no limit."""
        if self.topic.attempts_allowed is None:
            return None
        return self.topic.attempts_allowed + self.more

    @property
    def left(self) -> int | None:
        """How many attempts are left; None: no limit."""
        if self.allowed is None:
            return None
        return max(self.allowed - len(self.attempts), 0)

    @property
    def is_used_up(self) -> bool:
        """Whether all were failed: it is for the trainer to go on from here."""
        return not self.is_practice and self.left == 0 and self.open_attempt is None

    @property
    def last(self) -> Attempt | None:
        """The last one submitted: of those that count, unless one practised since."""
        known = [each for each in (*self.attempts[-1:], self.practice) if each]
        return max(known, key=lambda each: (each.submitted_at, each.pk), default=None)

    @property
    def opens_at(self) -> datetime | None:
        """From when on one may try again, while that is ahead."""
        if self.is_practice or not self.attempts or self.attempts[-1].passed:
            return None
        submitted_at = self.attempts[-1].submitted_at
        if submitted_at is None:
            return None
        at = submitted_at + timedelta(minutes=self.topic.cooldown_minutes)
        return at if at > now() else None

    @property
    def may_start(self) -> bool:
        return bool(self.topic.questions) and not self.is_used_up and not self.opens_at

    @property
    def question_count(self) -> int:
        """How many questions an attempt has that is started now."""
        count = len(self.topic.questions)
        return min(self.topic.draw or count, count)


def state_of_check(enrolment: Enrolment, topic: TopicPage) -> CheckState:
    """Where the enrolment is with the topic's check; four queries.

    An attempt counts while the edition asks for the check, the topic is open, and
    nothing shows the check passed; all else is practice.
    """
    return states_of_checks(enrolment, [topic])[topic.pk]


def states_of_checks(
    enrolment: Enrolment, topics: Sequence[TopicPage]
) -> dict[int, CheckState]:
    """The same for several topics, by their keys; four queries for any number."""
    passed = {each.topic_id: each for each in _passed(enrolment, topics)}
    asked = set(
        EditionTopic.objects.filter(
            edition=enrolment.edition_id, topic__in=topics, needs_check=True
        ).values_list("topic_id", flat=True)
    )
    complete = set(
        TopicCompletion.objects.filter(
            enrolment=enrolment, topic__in=topics, voided_at=None
        ).values_list("topic_id", flat=True)
    )
    attempts = _attempts(enrolment, topics)
    return {
        topic.pk: _state(
            enrolment,
            topic,
            attempts.get(topic.pk, []),
            counts=enrolment.is_open
            and topic.pk in asked
            and topic.pk not in complete
            and topic.pk not in passed,
            passed_at=passed[topic.pk].at if topic.pk in passed else None,
            in_call=_in_call(passed.get(topic.pk)),
        )
        for topic in topics
    }


def state_for_reader(
    enrolment: Enrolment,
    topic: TopicPage,
    *,
    counts: bool,
    passed_at: datetime | None,
) -> CheckState:
    """The same for a page that knows the progress already.

    One query; two where it was passed by other than an attempt of this cycle.
    """
    attempts = _attempts(enrolment, [topic]).get(topic.pk, [])
    is_by_attempt = any(
        each.passed and each.kind == AttemptKind.CHECK for each in attempts
    )
    in_call = None
    if passed_at and not is_by_attempt:
        in_call = _in_call(_passed(enrolment, [topic]).first())
    return _state(
        enrolment, topic, attempts, counts=counts, passed_at=passed_at, in_call=in_call
    )


def _passed(enrolment: Enrolment, topics: Sequence[TopicPage]) -> QuerySet[Evidence]:
    """What shows these checks to be passed, with who said so."""
    return Evidence.objects.filter(
        enrolment=enrolment,
        topic__in=topics,
        kind=EvidenceKind.CHECK,
        voided_at=None,
    ).select_related("by")


def _in_call(passed: Evidence | None) -> Evidence | None:
    return passed if passed and passed.detail.get("in_call") else None


def _attempts(
    enrolment: Enrolment, topics: Sequence[TopicPage]
) -> dict[int, list[Attempt]]:
    """All attempts at these checks, by topic; each carries `more`, what was given."""
    given = (
        MoreAttempts.objects.filter(
            enrolment=OuterRef("enrolment"), topic=OuterRef("topic")
        )
        .order_by()
        .values("enrolment")
        .annotate(given=Sum("count"))
        .values("given")
    )
    by_topic: dict[int, list[Attempt]] = defaultdict(list)
    for attempt in Attempt.objects.filter(
        enrolment=enrolment, topic__in=topics
    ).annotate(more=Coalesce(Subquery(given), Value(0))):
        if is_paper(attempt):
            by_topic[attempt.topic_id].append(attempt)
    return by_topic


def _state(
    enrolment: Enrolment,
    topic: TopicPage,
    attempts: list[Attempt],
    *,
    counts: bool,
    passed_at: datetime | None,
    in_call: Evidence | None,
) -> CheckState:
    kind = AttemptKind.CHECK if counts else AttemptKind.PRACTICE
    submitted = [each for each in attempts if each.submitted_at]
    practised = [each for each in submitted if each.kind == AttemptKind.PRACTICE]
    counted = tuple(each for each in submitted if each.kind == AttemptKind.CHECK)
    still_open = [
        each
        for each in attempts
        if not each.submitted_at and (each.kind == kind or not counts)
    ]
    return CheckState(
        enrolment=enrolment,
        topic=topic,
        kind=kind,
        attempts=counted,
        open_attempt=still_open[-1] if still_open else None,
        practice=practised[-1] if practised else None,
        more=vars(attempts[0])["more"] if attempts else 0,
        passed_at=passed_at,
        in_call=in_call,
    )


@transaction.atomic
def start_attempt(enrolment: Enrolment, topic: TopicPage) -> Attempt:
    """Draw the questions of an attempt, and write down how they are shown.

    Starting again returns the one that is open, so that no reload fishes for other
    questions. Raises Refused, saying why, when no attempt is left or it is too soon.
    """
    enrolment = lock(enrolment)
    state = state_of_check(enrolment, topic)
    if state.open_attempt is not None:
        return state.open_attempt
    if not topic.questions:
        raise Refused(_("This topic has no check at the moment."))
    if state.is_used_up:
        raise Refused(
            _(
                "You have used all attempts. Talk it through with your trainer in a call."
            )
        )
    if state.opens_at is not None:
        at = times.moment(state.opens_at, enrolment.member.user.time_zone)
        raise Refused(_("You can try again from %(at)s on.") % {"at": at})

    paper = draw_paper(topic)
    return Attempt.objects.create(
        enrolment=enrolment,
        topic=topic,
        kind=state.kind,
        questions=paper.questions,
        key=paper.key,
        order=[question["id"] for question in paper.questions],
    )


@transaction.atomic
def submit_attempt(attempt: Attempt, answers: Answers) -> Attempt:
    """Fill the attempt, once, and score it by itself alone; passed is evidence.

    `answers` are ids as shown, by question. Whatever comes after the first changes
    nothing and returns it as it stands.
    """
    enrolment = lock(attempt.enrolment)
    attempt = Attempt.objects.select_related("topic", "enrolment").get(pk=attempt.pk)
    if attempt.submitted_at is not None:
        return attempt

    answers = known_answers(attempt.questions, answers)
    score = score_of(attempt, answers)
    attempt.submitted_at = now()
    attempt.answers = answers
    attempt.score_percent = score
    attempt.passed = score >= attempt.key["pass_percent"]
    attempt.save(update_fields=["submitted_at", "answers", "score_percent", "passed"])
    if attempt.passed and attempt.kind == AttemptKind.CHECK:
        record_evidence(
            _where_it_counts(enrolment, attempt.topic),
            attempt.topic,
            EvidenceKind.CHECK,
            by=enrolment.member.user,
            detail={"attempt": attempt.pk, "score": score},
        )
    return attempt


def _where_it_counts(enrolment: Enrolment, topic: TopicPage) -> Enrolment:
    """The enrolment itself, or the one that went on from it while they answered."""
    if enrolment.is_open:
        return enrolment
    going_on = (
        Enrolment.objects.open()
        .filter(
            member=enrolment.member_id,
            programme=enrolment.programme_id,
            edition__topics__topic=topic,
            edition__topics__is_changed=False,
        )
        .first()
    )
    return going_on or enrolment


@transaction.atomic
def give_attempts(
    enrolment: Enrolment, topic: TopicPage, *, by: User, count: int, note: str = ""
) -> MoreAttempts:
    """Give new attempts to somebody who has used theirs up.

    The same again, while some are left, changes nothing. Raises Refused otherwise.
    """
    enrolment = lock(enrolment)
    state = _state_to_help(enrolment, topic, by)
    if not 1 <= count <= MOST_GIVEN:
        raise Refused(_("Give between 1 and %(most)d attempts.") % {"most": MOST_GIVEN})
    if not state.is_used_up:
        given = MoreAttempts.objects.filter(enrolment=enrolment, topic=topic, by=by)
        if again := given.last():
            return again
        raise Refused(_("They still have attempts left."))
    more = MoreAttempts.objects.create(
        enrolment=enrolment, topic=topic, by=by, count=count, note=note[:NOTE_LENGTH]
    )
    record(by, "gave_attempts", more, enrolment=enrolment.pk, topic=topic.pk)
    return more


@transaction.atomic
def pass_in_call(
    enrolment: Enrolment, topic: TopicPage, *, by: User, note: str
) -> Evidence:
    """Take a check as passed that was talked through in a call, with a note.

    The person reads the note. Once somebody has tried it, that is; doing so again
    changes nothing. Raises Refused otherwise.
    """
    enrolment = lock(enrolment)
    if known := _passed(enrolment, [topic]).first():
        return known
    state = _state_to_help(enrolment, topic, by)
    if topic.questions and not state.attempts:
        raise Refused(_("They have not tried this check yet."))
    note = note.strip()
    if not note:
        raise Refused(_("Say in a note what you talked through."))
    detail: dict[str, Any] = {"in_call": True, "note": note[:NOTE_LENGTH]}
    return record_evidence(enrolment, topic, EvidenceKind.CHECK, by=by, detail=detail)


def _state_to_help(enrolment: Enrolment, topic: TopicPage, by: User) -> CheckState:
    """Where they are with a check that they still have to pass; else Refused."""
    if by.pk == enrolment.member.user_id:
        raise Refused(_("Nobody can do this for themselves."))
    state = state_of_check(enrolment, topic)
    if state.is_practice:
        raise Refused(_("This check is not asked of them any more."))
    return state


def attempts_left_words(left: int | None) -> str:
    """“2 attempts left”, or that there is no limit."""
    if left is None:
        return _("You can try as often as you like.")
    words = ngettext("%(count)d attempt left", "%(count)d attempts left", left)
    return words % {"count": left}
