"""A check is started, submitted once, and scored by itself alone."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils.timezone import now

from courses.check_paper import draw_paper
from courses.checks import (
    give_attempts,
    pass_in_call,
    start_attempt,
    state_of_check,
    submit_attempt,
)
from courses.cycles import begin_again
from courses.models import (
    Attempt,
    AttemptKind,
    Evidence,
    EvidenceKind,
    MoreAttempts,
    Preparation,
)
from courses.progress import (
    progress_of,
    record_evidence,
    topics_for_call,
    void_evidence,
)
from lms.audit.models import Event
from lms.errors import Refused
from tests.checks import questions, right_answers, wrong_answers
from tests.factories import (
    EditionFactory,
    EditionTopicFactory,
    EnrolmentFactory,
    ProgrammePageFactory,
    TopicPageFactory,
    UserFactory,
)

CHECK, READ = EvidenceKind.CHECK, EvidenceKind.READ


def topic_with_check(count=5, **fields):
    return TopicPageFactory(questions=questions(count), **fields)


@pytest.fixture
def topic(db):
    return topic_with_check()


@pytest.fixture
def enrolment(topic):
    edition = EditionFactory(programme=topic.get_parent().specific, topics=[topic])
    return EnrolmentFactory(edition=edition)


def fail(enrolment, topic, times=1):
    for _ in range(times):
        attempt = start_attempt(enrolment, topic)
        submit_attempt(attempt, wrong_answers(attempt))
    return attempt


# --- Starting -----------------------------------------------------------------------


def test_edition_asks_for_the_check_that_its_topic_has(enrolment, topic):
    assert [asked.needs_check for asked in enrolment.edition.topics.all()] == [True]


def test_starting_again_shows_the_same_questions(enrolment, topic):
    first = start_attempt(enrolment, topic)
    topic.questions = questions(1)
    topic.save()

    again = start_attempt(enrolment, topic)

    assert (again, again.questions) == (first, first.questions)
    assert Attempt.objects.count() == 1


def test_what_is_shown_says_nothing_of_what_is_right(topic):
    """Turn each answer round: what is shown stays the same, byte by byte."""
    topic.is_shuffled = False
    shown = draw_paper(topic).questions[:3]
    for block in topic.questions:
        if "options" in block.value:
            for option in block.value["options"]:
                option["is_right"] = not option["is_right"]
        if "is_true" in block.value:
            block.value["is_true"] = not block.value["is_true"]
        block.value["reason"] = "Another"

    assert draw_paper(topic).questions[:3] == shown


def test_order_and_pairs_are_shuffled_always(topic):
    topic.is_shuffled = False
    orders, pairs = set(), set()

    for _ in range(1000):  # after 30 or so; none is missing then but once in 10^78
        questions = draw_paper(topic).key["questions"]
        orders.add(tuple(questions["4"]["right"]))
        pairs.add(tuple(questions["5"]["right"].values()))
        if len(orders) == len(pairs) == 6:
            break

    assert (len(orders), len(pairs)) == (6, 6)


def test_questions_are_drawn_from_the_pool(db):
    topic = topic_with_check(10, draw=4)

    papers = [draw_paper(topic) for _ in range(60)]

    drawn = {
        question["block"]
        for paper in papers
        for question in paper.key["questions"].values()
    }
    assert {len(paper.questions) for paper in papers} == {4}
    assert drawn == {block.id for block in topic.questions}


def test_questions_keep_their_order_where_nothing_is_shuffled(db):
    topic = topic_with_check(10, draw=4, is_shuffled=False)
    order = [block.id for block in topic.questions]

    paper = draw_paper(topic)

    places = [order.index(key["block"]) for key in paper.key["questions"].values()]
    assert places == sorted(places)


@pytest.mark.parametrize("why", ["not asked", "complete", "passed", "withdrawn"])
def test_attempt_is_practice_where_nothing_hangs_on_it(enrolment, topic, why):
    if why == "not asked":
        edition = EditionFactory(programme=enrolment.programme, topics=[])
        EditionTopicFactory(edition=edition, topic=topic, needs_check=False)
        enrolment = EnrolmentFactory(edition=edition)
    elif why == "complete":
        record_evidence(enrolment, topic, EvidenceKind.EXEMPTION, by=None)
    elif why == "passed":
        record_evidence(enrolment, topic, CHECK, by=None)
    else:
        enrolment.withdrawn_at = now()
        enrolment.save()
    known = Evidence.objects.count()

    attempt = start_attempt(enrolment, topic)
    attempt = submit_attempt(attempt, right_answers(attempt))

    assert (attempt.kind, attempt.passed) == (AttemptKind.PRACTICE, True)
    assert Evidence.objects.count() == known
    assert state_of_check(enrolment, topic).left == 3


def test_topic_without_questions_cannot_be_started(enrolment, topic):
    topic.questions = "[]"

    with pytest.raises(Refused, match="no check at the moment"):
        start_attempt(enrolment, topic)


# --- Submitting ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "wrong", "score", "passed"),
    [
        (5, 0, 100, True),
        (5, 1, 80, True),
        (5, 2, 60, False),
        (3, 1, 66, False),
        (14, 3, 78, False),  # 78.57: not 79
        (5, 5, 0, False),
    ],
)
def test_score_is_rounded_down(db, count, wrong, score, passed):
    topic = topic_with_check(count)
    edition = EditionFactory(programme=topic.get_parent().specific, topics=[topic])
    enrolment = EnrolmentFactory(edition=edition)
    attempt = start_attempt(enrolment, topic)

    attempt = submit_attempt(attempt, wrong_answers(attempt, wrong))

    assert (attempt.score_percent, attempt.passed) == (score, passed)
    evidence = Evidence.objects.filter(kind=CHECK)
    assert [each.detail for each in evidence] == (
        [{"attempt": attempt.pk, "score": score}] if passed else []
    )


@pytest.mark.parametrize(("pass_percent", "passed"), [(66, True), (67, False)])
def test_pass_mark_is_met_exactly(db, pass_percent, passed):
    topic = topic_with_check(3, pass_percent=pass_percent)
    edition = EditionFactory(programme=topic.get_parent().specific, topics=[topic])
    attempt = start_attempt(EnrolmentFactory(edition=edition), topic)

    assert submit_attempt(attempt, wrong_answers(attempt, 1)).passed == passed


def test_attempt_is_filled_once(enrolment, topic):
    attempt = start_attempt(enrolment, topic)
    first = submit_attempt(attempt, wrong_answers(attempt))

    again = submit_attempt(attempt, right_answers(attempt))

    assert (again.score_percent, again.answers) == (0, first.answers)
    assert not Evidence.objects.exists()


def test_editors_change_between_start_and_submit_scores_as_it_was_shown(
    enrolment, topic
):
    attempt = start_attempt(enrolment, topic)
    topic.questions = questions(1)
    topic.pass_percent = 100
    topic.save()

    attempt = submit_attempt(attempt, wrong_answers(attempt, 1))

    assert (attempt.score_percent, attempt.passed) == (80, True)


def test_passing_completes_the_topic_with_the_rest(enrolment, topic):
    record_evidence(enrolment, topic, READ, by=None)
    record_evidence(enrolment, topic, EvidenceKind.CALL, by=None)
    attempt = start_attempt(enrolment, topic)

    submit_attempt(attempt, right_answers(attempt))

    enrolment.refresh_from_db()
    assert enrolment.completed_at is not None
    assert submit_attempt(attempt, {}).passed


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"99": ["1"], "x": {"1": "1"}},
        {"1": ["99", "\x00"], "2": {"1": "1"}, "5": ["1"], "4": ["1", "1", "1"]},
        {"5": {"\x00": "1", "1": "99"}, "4": {}},
    ],
)
def test_answers_to_nothing_shown_count_for_nothing(enrolment, topic, answers):
    topic.is_shuffled = False
    attempt = start_attempt(enrolment, topic)

    attempt = submit_attempt(attempt, answers)

    assert attempt.score_percent == 0
    assert "99" not in str(attempt.answers)


@pytest.mark.parametrize("is_changed", [False, True])
def test_what_was_passed_meanwhile_counts_in_the_next_cycle(
    enrolment, topic, is_changed
):
    attempt = start_attempt(enrolment, topic)
    edition = EditionFactory(programme=enrolment.programme, topics=[])
    EditionTopicFactory(edition=edition, topic=topic, is_changed=is_changed)
    successor = begin_again(
        enrolment,
        member=enrolment.member,
        edition=edition,
        keep=[],
        why="It has changed",
        by=None,
    )

    submit_attempt(attempt, right_answers(attempt))

    assert Evidence.objects.get().enrolment == (enrolment if is_changed else successor)


# --- Attempts, and the pause between them ---------------------------------------------


def test_attempts_are_used_up(enrolment, topic):
    fail(enrolment, topic, 2)
    assert state_of_check(enrolment, topic).left == 1
    fail(enrolment, topic)

    assert state_of_check(enrolment, topic).is_used_up
    with pytest.raises(Refused, match="Talk it through with your trainer"):
        start_attempt(enrolment, topic)


def test_attempts_are_without_limit_where_none_is_set(db):
    topic = topic_with_check(attempts_allowed=None)
    edition = EditionFactory(programme=topic.get_parent().specific, topics=[topic])
    enrolment = EnrolmentFactory(edition=edition)

    fail(enrolment, topic, 5)

    assert state_of_check(enrolment, topic).left is None
    assert progress_of([enrolment])[enrolment.pk].topics[0].used_up_at is None


def test_pause_says_in_the_readers_zone_when_it_ends(topic, enrolment):
    topic.cooldown_minutes = 90
    user = enrolment.member.user
    user.time_zone = "Europe/Berlin"
    user.save()
    begin = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

    with time_machine.travel(begin, tick=False):
        fail(enrolment, topic)
        with pytest.raises(Refused) as refusal:
            start_attempt(enrolment, topic)
    with time_machine.travel(begin + timedelta(minutes=90), tick=False):
        again = start_attempt(enrolment, topic)

    assert str(refusal.value) == (
        "You can try again from Tue 24 Nov, 14:30 (Berlin) on."
    )
    assert again.submitted_at is None


def test_new_attempts_are_given_once_for_two_clicks(enrolment, topic):
    trainer = UserFactory()
    fail(enrolment, topic, 3)

    more = give_attempts(enrolment, topic, by=trainer, count=2, note="Well tried")
    again = give_attempts(enrolment, topic, by=trainer, count=2, note="Well tried")

    assert more == again == MoreAttempts.objects.get()
    assert state_of_check(enrolment, topic).left == 2
    assert Event.objects.filter(verb="gave_attempts").count() == 1
    fail(enrolment, topic, 2)
    assert state_of_check(enrolment, topic).is_used_up


def test_new_attempts_are_for_those_who_have_none(enrolment, topic):
    fail(enrolment, topic)

    with pytest.raises(Refused, match="still have attempts left"):
        give_attempts(enrolment, topic, by=UserFactory(), count=1)


@pytest.mark.parametrize("count", [0, -1, 11, 10**9])
def test_new_attempts_are_a_few(enrolment, topic, count):
    fail(enrolment, topic, 3)

    with pytest.raises(Refused, match="between 1 and 10"):
        give_attempts(enrolment, topic, by=UserFactory(), count=count)


def test_trainer_passes_a_check_with_a_note(enrolment, topic):
    trainer = UserFactory()
    fail(enrolment, topic)

    passed = pass_in_call(enrolment, topic, by=trainer, note=" Knows it well. ")
    again = pass_in_call(enrolment, topic, by=trainer, note="Another")

    assert passed == again == Evidence.objects.get()
    assert (passed.kind, passed.by) == (CHECK, trainer)
    assert passed.detail == {"in_call": True, "note": "Knows it well."}


@pytest.mark.parametrize(
    ("case", "told"),
    [
        ("untried", "have not tried"),
        ("no note", "Say in a note"),
        ("own", "for themselves"),
        ("not asked", "not asked of them"),
    ],
)
def test_check_is_passed_by_a_trainers_word_alone(enrolment, topic, case, told):
    by, note = UserFactory(), "  " if case == "no note" else "Fine"
    if case != "untried":
        fail(enrolment, topic)
    if case == "own":
        by = enrolment.member.user
    if case == "not asked":
        record_evidence(enrolment, topic, EvidenceKind.EXEMPTION, by=None)

    with pytest.raises(Refused, match=told):
        pass_in_call(enrolment, topic, by=by, note=note)


def test_voided_pass_is_asked_for_again(enrolment, topic):
    attempt = start_attempt(enrolment, topic)
    submit_attempt(attempt, right_answers(attempt))

    void_evidence(Evidence.objects.get(), by=None, why="A mistake")

    state = state_of_check(enrolment, topic)
    assert (state.kind, state.left) == (AttemptKind.CHECK, 2)


# --- What it does to the call ---------------------------------------------------------


def test_used_up_is_ready_for_a_call_where_one_prepares_first(db):
    programme = ProgrammePageFactory()
    topic = topic_with_check(parent=programme)
    edition = EditionFactory(
        programme=programme, topics=[topic], preparation=Preparation.FIRST
    )
    enrolment = EnrolmentFactory(edition=edition)
    record_evidence(enrolment, topic, READ, by=None)
    fail(enrolment, topic, 2)
    assert topics_for_call(enrolment) == []
    fail(enrolment, topic)

    assert [asked.topic for asked in topics_for_call(enrolment)] == [topic]
    here = progress_of([enrolment])[enrolment.pk].topics[0]
    assert (here.is_prepared, here.is_complete_by_call) == (True, False)

    give_attempts(enrolment, topic, by=UserFactory(), count=1)
    assert topics_for_call(enrolment) == []


@pytest.mark.parametrize("needs_call", [False, True])
def test_used_up_check_wants_a_call_even_where_the_topic_has_had_it(db, needs_call):
    topic = topic_with_check(needs_call=needs_call)
    edition = EditionFactory(programme=topic.get_parent().specific, topics=[topic])
    enrolment = EnrolmentFactory(edition=edition)
    if needs_call:
        record_evidence(enrolment, topic, EvidenceKind.CALL, by=None)
    assert topics_for_call(enrolment) == []

    fail(enrolment, topic, 3)

    assert [asked.topic for asked in topics_for_call(enrolment)] == [topic]
    pass_in_call(enrolment, topic, by=UserFactory(), note="Fine")
    assert topics_for_call(enrolment) == []
