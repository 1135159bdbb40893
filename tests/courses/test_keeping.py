"""What still counts of what was shown before, in a later edition and a renewal."""

import pytest

from courses.keeping import asks_nothing, kept, kept_for_renewal
from courses.models import EvidenceKind, Renewal
from courses.progress import record_evidence, void_evidence
from tests.factories import (
    EditionFactory,
    EditionTopicFactory,
    EnrolmentFactory,
    TopicPageFactory,
)

READ, CALL, EXEMPTION = EvidenceKind.READ, EvidenceKind.CALL, EvidenceKind.EXEMPTION


@pytest.fixture
def done(db):
    """Return an enrolment with two topics read and called, and a third exempt."""
    enrolment = EnrolmentFactory(edition=EditionFactory(topics=[]))
    pages = TopicPageFactory.create_batch(3, parent=enrolment.programme)
    for page in pages:
        EditionTopicFactory(edition=enrolment.edition, topic=page)
    for page in pages[:2]:
        for kind in (READ, CALL):
            record_evidence(enrolment, page, kind, by=None)
    record_evidence(enrolment, pages[2], EXEMPTION, by=None)
    return enrolment


def next_edition(enrolment, *, changed=(), **fields):
    """Publish the same topics again, some of them as changed, by their places."""
    edition = EditionFactory(programme=enrolment.programme, topics=[], **fields)
    for place, page in enumerate(enrolment.programme.topics()):
        EditionTopicFactory(edition=edition, topic=page, is_changed=place in changed)
    return edition


def told(enrolment, evidence):
    """Write evidence as (place of its topic, kind), in order."""
    pages = list(enrolment.programme.topics().values_list("pk", flat=True))
    return sorted((pages.index(each.topic_id), each.kind) for each in evidence)


def test_all_is_kept_but_what_was_voided_or_has_changed(done):
    voided = done.evidence.get(topic=done.programme.topics().first(), kind=CALL)
    void_evidence(voided, by=None, why="A mistake")

    edition = next_edition(done, changed=[1, 2])

    assert told(done, kept(done, edition)) == [(0, READ), (2, EXEMPTION)]


def test_change_counts_though_the_edition_after_it_has_none(done):
    next_edition(done, changed=[1])

    newest = next_edition(done)

    assert told(done, kept(done, newest)) == [(0, CALL), (0, READ), (2, EXEMPTION)]


def test_renewal_of_all_keeps_exemptions_alone(done):
    edition = next_edition(done, renewal=Renewal.ALL)

    assert told(done, kept_for_renewal(done, edition)) == [(2, EXEMPTION)]


@pytest.mark.parametrize(
    ("changed", "keeps"),
    [
        ([1], [(0, CALL), (0, READ), (2, EXEMPTION)]),
        ([], [(0, READ), (1, CALL), (1, READ), (2, EXEMPTION)]),  # one call anyway
        ([2], [(0, READ), (1, CALL), (1, READ), (2, EXEMPTION)]),  # that one is exempt
    ],
)
def test_renewal_of_what_changed_asks_for_that_and_one_call(done, changed, keeps):
    edition = next_edition(done, changed=changed, renewal=Renewal.CHANGED)

    assert told(done, kept_for_renewal(done, edition)) == keeps


@pytest.mark.parametrize(
    ("exempt", "keeps"),
    [
        ([], [(1, READ), (2, EXEMPTION)]),
        ([0], [(0, EXEMPTION), (0, READ), (2, EXEMPTION)]),
        (
            [0, 1],
            [(0, EXEMPTION), (0, READ), (1, EXEMPTION), (1, READ), (2, EXEMPTION)],
        ),
    ],
)
def test_renewal_without_calls_asks_for_one_topic_that_is_not_exempt(db, exempt, keeps):
    enrolment = EnrolmentFactory(edition=EditionFactory(topics=[]))
    pages = TopicPageFactory.create_batch(
        3, parent=enrolment.programme, needs_call=False
    )
    for page in pages:
        EditionTopicFactory(edition=enrolment.edition, topic=page)
    record_evidence(enrolment, pages[2], EXEMPTION, by=None)
    for page in pages[:2]:
        record_evidence(enrolment, page, READ, by=None)
    for place in exempt:
        record_evidence(enrolment, pages[place], EXEMPTION, by=None)
    edition = next_edition(enrolment, renewal=Renewal.CHANGED)

    kept_here = kept_for_renewal(enrolment, edition)

    assert told(enrolment, kept_here) == keeps
    assert asks_nothing(edition, kept_here) == (exempt == [0, 1])
