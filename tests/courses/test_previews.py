import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from courses.models import Enrolment, EvidenceKind, Preparation
from courses.progress import record_evidence
from tests.checks import questions
from tests.factories import (
    EditionFactory,
    EnrolmentFactory,
    ProgrammePageFactory,
    TopicPageFactory,
)

ABOUT_PEOPLE = ["enrolment", "evidence", "attempt", "booking", "readingplace", "member"]


@pytest.fixture
def topic(db):
    """Return the second topic of a programme that somebody follows already."""
    programme = ProgrammePageFactory()
    first = TopicPageFactory(parent=programme, title="The first")
    page = TopicPageFactory(
        parent=programme,
        body=[("text", "<p>Its text</p>")],
        questions=questions(),
        attempts_allowed=2,
    )
    enrolment = EnrolmentFactory(edition=EditionFactory(programme=programme))
    record_evidence(enrolment, first, EvidenceKind.READ, by=None)
    return page


def preview(page, mode):
    draft = page.save_revision().as_object()
    response = draft.make_preview_request(original_request=None, preview_mode=mode)
    return " ".join(response.text.split())


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("new", "Confirm it at its foot."),
        ("begun", "You have read it"),
        ("locked", "Opens when you have read this page and passed its check."),
        ("used_up", "You have used all attempts."),
        ("done", "You went through it with a trainer"),
        ("no such mode", "Confirm it at its foot."),
    ],
)
def test_preview_shows_the_topic_as_somebody_finds_it(topic, mode, words):
    page = preview(topic, mode)

    assert words in page
    assert "Its text" in page
    assert "data-place-url" not in page
    assert "data-mark" not in page


def test_preview_asks_about_nobody_and_writes_nothing(topic):
    draft = topic.save_revision().as_object()
    modes = [mode for mode, _ in topic.preview_modes]
    preview(topic, "new")  # what all readers are shown alike is known now

    with CaptureQueriesContext(connection) as queries:
        for mode in modes:
            draft.make_preview_request(original_request=None, preview_mode=mode)

    asked = [query["sql"].lower() for query in queries]
    assert modes == ["new", "begun", "locked", "used_up", "done"]
    assert [sql for sql in asked if sql.startswith(("insert", "update"))] == []
    tables = [name for name in ABOUT_PEOPLE for sql in asked if f"_{name}" in sql]
    assert tables == []
    assert Enrolment.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "missing"),
    [({"questions": []}, "used_up"), ({"needs_call": False}, "locked")],
)
def test_preview_offers_only_what_can_come_about(topic, fields, missing):
    for name, value in fields.items():
        setattr(topic, name, value)

    assert missing not in dict(topic.preview_modes)


def test_preview_leaves_the_programme_as_it_is(topic):
    preview(topic, "locked")

    programme = topic.get_parent().specific
    assert programme.preparation == Preparation.ADVISED


def test_draft_can_be_previewed_before_it_is_published(topic):
    page = TopicPageFactory(parent=topic.get_parent(), live=False, title="A draft")

    assert "A draft" in preview(page, "begun")
