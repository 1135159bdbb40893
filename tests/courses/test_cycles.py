import pytest
from django.utils.timezone import now

from courses.cycles import begin_again
from courses.models import Enrolment, Evidence, EvidenceKind, Source
from courses.progress import progress_of, record_evidence, void_evidence
from courses.signals import enrolment_closed, programme_completed
from tests.factories import (
    EditionFactory,
    EnrolmentFactory,
    EvidenceFactory,
    MemberFactory,
)


@pytest.fixture
def said():
    """Return what the room says while the test lasts."""
    heard = []

    def on_closed(sender, enrolment, successor, by, **kwargs):
        heard.append(("closed", enrolment, successor))

    def on_completed(sender, enrolment, by, **kwargs):
        heard.append(("completed", enrolment))

    enrolment_closed.connect(on_closed)
    programme_completed.connect(on_completed)
    yield heard
    enrolment_closed.disconnect(on_closed)
    programme_completed.disconnect(on_completed)


def go_on(enrolment, **changes):
    same = {
        "member": enrolment.member,
        "edition": enrolment.edition,
        "keep": Evidence.objects.filter(enrolment=enrolment),
        "why": "The programme changed",
        "by": None,
    }
    return begin_again(enrolment, **(same | changes))


def test_what_is_open_is_closed_and_goes_on_in_the_next_cycle(db, said):
    enrolment = EnrolmentFactory(source=Source.MANAGER)
    evidence = EvidenceFactory(enrolment=enrolment, detail={"booking": 7})

    successor = go_on(enrolment)

    enrolment.refresh_from_db()
    assert enrolment.withdrawn_at is not None
    assert enrolment.closed_why == "The programme changed"
    assert (successor.cycle, successor.source) == (2, Source.MANAGER)
    assert successor.is_open
    copy = successor.evidence.get()
    assert copy.carried_from == evidence
    assert (copy.at, copy.by, copy.detail) == (
        evidence.at,
        evidence.by,
        {"booking": 7},
    )
    assert said == [("closed", enrolment, successor)]


def test_what_was_voided_or_is_no_longer_asked_is_not_carried(db):
    enrolment = EnrolmentFactory()
    first, second, *_ = [row.topic for row in enrolment.edition.topics.all()]
    voided = EvidenceFactory(enrolment=enrolment, topic=first)
    void_evidence(voided, by=None, why="A mistake")
    EvidenceFactory(enrolment=enrolment, topic=second)
    without_second = EditionFactory(programme=enrolment.programme, topics=[first])

    successor = go_on(enrolment, edition=without_second, source=Source.EDITION)

    assert successor.evidence.count() == 0
    assert (successor.edition, successor.source) == (without_second, Source.EDITION)


def test_completed_cycle_stays_and_its_successor_is_complete_at_once(db, said):
    enrolment = EnrolmentFactory()
    for row in enrolment.edition.topics.all():
        record_evidence(enrolment, row.topic, EvidenceKind.EXEMPTION, by=None)
    enrolment.refresh_from_db()

    successor = go_on(enrolment, source=Source.RENEWAL)

    enrolment.refresh_from_db()
    successor.refresh_from_db()
    assert (enrolment.withdrawn_at, enrolment.annulled_at) == (None, None)
    assert successor.completed_at is not None
    assert progress_of([successor])[successor.pk].done == 4
    assert said == [("completed", enrolment), ("completed", successor)]


def test_another_member_takes_over_what_they_have_open_there(db, said):
    old = EnrolmentFactory(withdrawn_at=now())
    EvidenceFactory(enrolment=old)
    member = MemberFactory(user=old.member.user)
    own = EnrolmentFactory(member=member, edition=old.edition)

    successor = go_on(old, member=member, source=Source.TRANSFER)

    own.refresh_from_db()
    assert own.withdrawn_at is not None
    assert (successor.member, successor.cycle) == (member, 2)
    assert successor.evidence.count() == 1
    assert said == [("closed", old, successor), ("closed", own, successor)]


def test_third_cycle_follows_the_second(db):
    enrolment = EnrolmentFactory()

    third = go_on(go_on(enrolment))

    assert third.cycle == 3
    assert list(Enrolment.objects.open()) == [third]
