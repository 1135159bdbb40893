import threading
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db.models.signals import post_save
from django.dispatch import Signal
from django.utils.timezone import now
from hypothesis import given
from hypothesis import strategies as st

from courses.completing import add_months, suffices
from courses.models import (
    EditionTopic,
    Enrolment,
    Evidence,
    EvidenceKind,
    Preparation,
    TopicCompletion,
)
from courses.progress import (
    Progress,
    TopicProgress,
    progress_of,
    record_evidence,
    topics_for_call,
    void_evidence,
)
from courses.signals import enrolment_closed, programme_completed
from lms.audit.models import Event
from lms.errors import Refused
from tests.factories import (
    EditionFactory,
    EditionTopicFactory,
    EnrolmentFactory,
    TopicPageFactory,
    UserFactory,
)

READ, CHECK, CALL, EXEMPTION = (
    EvidenceKind.READ,
    EvidenceKind.CHECK,
    EvidenceKind.CALL,
    EvidenceKind.EXEMPTION,
)


def topics_of(enrolment):
    return [asked.topic for asked in enrolment.edition.topics.all()]


def complete(enrolment, *topics, at=None):
    for topic in topics or topics_of(enrolment):
        for kind in (READ, CALL):
            record_evidence(enrolment, topic, kind, by=None, at=at)
    enrolment.refresh_from_db()


class Heard:
    """What a signal said, in order."""

    def __init__(self, signal: Signal) -> None:
        self.said = []
        self.signal = signal

    def __call__(self, sender, signal, **said) -> None:
        self.said.append(said)


@pytest.fixture
def heard():
    """Return a function that listens to a signal until the test is over."""
    listening = []

    def listen(signal):
        ear = Heard(signal)
        signal.connect(ear)
        listening.append(ear)
        return ear.said

    yield listen
    for ear in listening:
        ear.signal.disconnect(ear)


def test_reading_alone_completes_no_topic_that_needs_a_call(db):
    enrolment = EnrolmentFactory()
    topic = topics_of(enrolment)[0]

    evidence = record_evidence(enrolment, topic, READ, by=enrolment.member.user)

    assert list(Evidence.objects.all()) == [evidence]
    assert not TopicCompletion.objects.exists()


@pytest.mark.parametrize("kinds", [(READ, CALL), (CALL, READ), (EXEMPTION,)])
def test_topic_is_complete_by_all_its_steps_in_any_order_or_an_exemption(db, kinds):
    enrolment = EnrolmentFactory()
    topic = topics_of(enrolment)[0]

    for kind in kinds:
        record_evidence(enrolment, topic, kind, by=None)

    completion = TopicCompletion.objects.get()
    assert (completion.enrolment, completion.topic) == (enrolment, topic)
    enrolment.refresh_from_db()
    assert enrolment.is_open


def test_recording_again_changes_nothing(db):
    enrolment = EnrolmentFactory()
    topic = topics_of(enrolment)[0]

    first = record_evidence(enrolment, topic, READ, by=None, detail={"page": 1})
    again = record_evidence(enrolment, topic, READ, by=None, detail={"page": 2})

    assert again == first
    assert again.detail == {"page": 1}
    assert Event.objects.filter(verb="recorded").count() == 1


def test_last_topic_completes_the_programme_once_and_says_so(db, heard):
    said = heard(programme_completed)
    trainer = UserFactory()
    enrolment = EnrolmentFactory(edition__validity_months=12)
    *others, last = topics_of(enrolment)
    complete(enrolment, *others)
    record_evidence(enrolment, last, READ, by=None)
    assert said == []

    at = datetime(2026, 2, 28, 10, tzinfo=UTC)
    record_evidence(enrolment, last, CALL, by=trainer, at=at)
    record_evidence(enrolment, last, CALL, by=trainer)

    enrolment.refresh_from_db()
    assert enrolment.completed_at == at
    assert enrolment.valid_from == date(2026, 2, 28)
    assert enrolment.valid_until == date(2027, 2, 28)
    assert said == [{"enrolment": enrolment, "by": trainer}]


def test_qualification_without_validity_does_not_expire(db):
    enrolment = EnrolmentFactory()

    complete(enrolment)

    assert enrolment.completed_at is not None
    assert enrolment.valid_until is None


def test_topic_of_another_programme_is_refused(db):
    enrolment = EnrolmentFactory()

    with pytest.raises(Refused):
        record_evidence(enrolment, TopicPageFactory(), READ, by=None)

    assert not Evidence.objects.exists()


def test_withdrawn_enrolment_keeps_evidence_and_never_completes(db, heard):
    said = heard(programme_completed)
    enrolment = EnrolmentFactory(withdrawn_at=now())

    complete(enrolment)

    assert TopicCompletion.objects.count() == 4
    assert enrolment.completed_at is None
    assert said == []


@pytest.mark.parametrize(
    ("needs", "shown", "is_complete"),
    [
        ({"read"}, {READ}, True),
        ({"read"}, set(), False),
        ({"read", "call"}, {READ}, False),
        ({"read", "call"}, {CALL}, False),
        ({"read", "check", "call"}, {READ, CALL}, False),
        ({"read", "check", "call"}, {READ, CHECK, CALL}, True),
        ({"call"}, {CALL}, True),
        ({"read", "check", "call"}, {EXEMPTION}, True),
    ],
)
def test_one_function_says_what_suffices(needs, shown, is_complete):
    topic = EditionTopic(
        needs_read="read" in needs,
        needs_check="check" in needs,
        needs_call="call" in needs,
    )

    assert suffices(topic, shown) is is_complete


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2026, 12, 1), 1, date(2027, 1, 1)),
        (date(2026, 11, 23), 24, date(2028, 11, 23)),
    ],
)
def test_months_later_is_the_same_day_or_that_months_last(day, months, later):
    assert add_months(day, months) == later


@given(st.dates(max_value=date(2900, 1, 1)), st.integers(1, 1200))
def test_months_later_never_skips_a_month(day, months):
    later = add_months(day, months)

    elapsed = (later.year - day.year) * 12 + later.month - day.month
    assert elapsed == months


@pytest.fixture
def meeting():
    """Let two who write evidence wait for each other; held apart, they go on."""
    barrier = threading.Barrier(2)

    def wait(sender, **kwargs):
        with suppress(threading.BrokenBarrierError):
            barrier.wait(timeout=0.5)

    post_save.connect(wait, sender=Evidence)
    yield
    post_save.disconnect(wait, sender=Evidence)


@pytest.mark.races
def test_two_last_topics_at_once_complete_the_programme_once(
    run_at_once, heard, request
):
    said = heard(programme_completed)
    enrolment = EnrolmentFactory()
    *others, one, other = topics_of(enrolment)
    complete(enrolment, *others)
    record_evidence(enrolment, one, READ, by=None)
    record_evidence(enrolment, other, READ, by=None)
    request.getfixturevalue("meeting")

    answers = run_at_once(
        lambda: record_evidence(enrolment, one, CALL, by=None),
        lambda: record_evidence(enrolment, other, CALL, by=None),
    )

    assert [type(answer) for answer in answers] == [Evidence, Evidence]
    enrolment.refresh_from_db()
    assert enrolment.completed_at is not None
    assert len(said) == 1
    assert TopicCompletion.objects.count() == 4


@pytest.mark.races
def test_same_evidence_at_once_is_recorded_once(run_at_once):
    enrolment = EnrolmentFactory()
    topic = topics_of(enrolment)[0]

    one, other = run_at_once(
        *[lambda: record_evidence(enrolment, topic, READ, by=None)] * 2
    )

    assert one == other
    assert Evidence.objects.count() == 1


def test_voiding_takes_back_the_evidence_and_the_topic_once(db):
    enrolment = EnrolmentFactory()
    topic = topics_of(enrolment)[0]
    complete(enrolment, topic)
    call = Evidence.objects.get(kind=CALL)
    trainer = UserFactory()

    void_evidence(call, by=trainer, why="Another topic was meant")
    void_evidence(call, by=None, why="Again")

    call.refresh_from_db()
    assert (call.voided_by, call.voided_why) == (trainer, "Another topic was meant")
    assert TopicCompletion.objects.get().voided_at is not None
    assert Event.objects.filter(verb="voided").count() == 1
    enrolment.refresh_from_db()
    assert enrolment.is_open

    record_evidence(enrolment, topic, CALL, by=trainer)
    assert TopicCompletion.objects.filter(voided_at=None).count() == 1


def test_voiding_what_an_exemption_covers_leaves_the_topic_complete(db):
    enrolment = EnrolmentFactory()
    topic = topics_of(enrolment)[0]
    record_evidence(enrolment, topic, EXEMPTION, by=None)
    read = record_evidence(enrolment, topic, READ, by=None)

    void_evidence(read, by=None, why="A mistake")

    assert TopicCompletion.objects.get().voided_at is None


def test_voiding_in_a_completed_programme_annuls_it_and_begins_again(db, heard):
    closed, completed = heard(enrolment_closed), heard(programme_completed)
    enrolment = EnrolmentFactory()
    complete(enrolment)
    first, *others = topics_of(enrolment)
    call = Evidence.objects.get(topic=first, kind=CALL)

    void_evidence(call, by=None, why="The wrong person was in the call")

    enrolment.refresh_from_db()
    successor = Enrolment.objects.get(cycle=2)
    assert enrolment.annulled_at is not None
    assert successor.is_open
    assert successor.member == enrolment.member
    assert closed == [{"enrolment": enrolment, "successor": successor, "by": None}]
    carried = successor.evidence.values_list("topic", "kind")
    assert set(carried) == {(first.pk, READ)} | {
        (topic.pk, kind) for topic in others for kind in (READ, CALL)
    }
    assert progress_of([successor])[successor.pk].done == 3

    record_evidence(successor, first, CALL, by=None)
    successor.refresh_from_db()
    assert successor.completed_at is not None
    assert [said["enrolment"] for said in completed] == [enrolment, successor]


def test_voiding_follows_what_was_carried_on_and_where_it_came_from(db):
    enrolment = EnrolmentFactory()
    complete(enrolment)
    first, second, *_ = topics_of(enrolment)
    void_evidence(
        Evidence.objects.get(topic=first, kind=CALL), by=None, why="A mistake"
    )
    successor = Enrolment.objects.get(cycle=2)
    copy = successor.evidence.get(topic=second, kind=CALL)

    void_evidence(copy, by=None, why="Another mistake")

    copy.refresh_from_db()
    copy.carried_from.refresh_from_db()
    assert copy.carried_from.enrolment == enrolment
    assert copy.voided_at is not None
    assert copy.carried_from.voided_at is not None
    assert Enrolment.objects.count() == 2
    assert progress_of([successor])[successor.pk].done == 2


def test_voiding_late_does_not_bring_back_one_who_left(db, heard):
    closed = heard(enrolment_closed)
    enrolment = EnrolmentFactory(member__left_on=date(2026, 1, 1))
    complete(enrolment)

    void_evidence(Evidence.objects.filter(kind=CALL)[0], by=None, why="A mistake")

    enrolment.refresh_from_db()
    assert enrolment.annulled_at is not None
    assert Enrolment.objects.count() == 1
    assert closed == [{"enrolment": enrolment, "successor": None, "by": None}]


def test_progress_counts_complete_topics_and_shows_each_step(db):
    enrolment = EnrolmentFactory()
    first, second, third, _ = topics_of(enrolment)
    complete(enrolment, first)
    record_evidence(enrolment, second, READ, by=None)
    record_evidence(enrolment, third, CALL, by=None)

    progress = progress_of([enrolment])[enrolment.pk]

    assert (progress.done, progress.required) == (1, 4)
    assert [
        [(step.kind, step.is_done) for step in topic.steps] for topic in progress.topics
    ] == [
        [(READ, True), (CALL, True)],
        [(READ, True), (CALL, False)],
        [(READ, False), (CALL, True)],
        [(READ, False), (CALL, False)],
    ]
    assert progress.next_topic.topic == third
    assert [topic.topic for topic in progress.for_call] == topics_of(enrolment)[1:4:2]


@pytest.mark.parametrize("count", [1, 3])
def test_progress_of_many_costs_two_queries(db, django_assert_num_queries, count):
    stranger = EnrolmentFactory()
    complete(stranger)
    enrolments = EnrolmentFactory.create_batch(count)
    for enrolment in enrolments:
        complete(enrolment, topics_of(enrolment)[0])

    with django_assert_num_queries(2):  # topics; evidence and completions
        progress = progress_of(enrolments)

    assert {pk: (each.done, each.required) for pk, each in progress.items()} == {
        enrolment.pk: (1, 4) for enrolment in enrolments
    }


@given(st.lists(st.tuples(st.booleans(), st.booleans())))
def test_progress_is_never_above_all(marks):
    topics = tuple(
        TopicProgress(
            asked=EditionTopic(),
            steps=(),
            completed_at=now() if is_complete else None,
            exempted_at=now() if is_exempt else None,
        )
        for is_complete, is_exempt in marks
    )

    progress = Progress(Enrolment(), topics)

    assert 0 <= progress.done <= progress.required == len(marks)


def test_progress_leaves_out_what_the_edition_does_not_ask(db):
    enrolment = EnrolmentFactory()
    TopicPageFactory(parent=enrolment.programme)  # not in the edition

    assert progress_of([enrolment])[enrolment.pk].required == 4


def test_call_may_cover_what_is_open_whether_prepared_or_not(db):
    enrolment = EnrolmentFactory()
    first, second, third, fourth = topics_of(enrolment)
    complete(enrolment, first)
    record_evidence(enrolment, second, CALL, by=None)  # to be read still
    record_evidence(enrolment, third, READ, by=None)

    assert [asked.topic for asked in topics_for_call(enrolment)] == [third, fourth]


def test_call_waits_for_preparation_where_the_programme_says_so(db):
    edition = EditionFactory(preparation=Preparation.FIRST)
    enrolment = EnrolmentFactory(edition=edition)
    first, *_ = topics_of(enrolment)

    assert topics_for_call(enrolment) == []

    record_evidence(enrolment, first, READ, by=None)
    assert [asked.topic for asked in topics_for_call(enrolment)] == [first]


def test_no_call_for_a_topic_that_needs_none_or_in_what_is_closed(db):
    edition = EditionFactory(topics=[])
    EditionTopicFactory(edition=edition, needs_call=False)
    withdrawn = EnrolmentFactory(withdrawn_at=now() - timedelta(days=1))

    assert topics_for_call(EnrolmentFactory(edition=edition)) == []
    assert topics_for_call(withdrawn) == []
