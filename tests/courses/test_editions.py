from datetime import timedelta

import pytest
from django.utils.timezone import now

from courses.editions import publish_edition
from courses.enrolling import enrol
from courses.models import Edition, Enrolment, Preparation, Source
from lms.errors import Refused
from tests.factories import (
    MemberFactory,
    ProgrammePageFactory,
    TeamFactory,
    TeamMembershipFactory,
    TopicPageFactory,
    UserFactory,
)

pytestmark = pytest.mark.usefixtures("at_noon")
TODAY = now().date()


@pytest.fixture
def programme(db):
    programme = ProgrammePageFactory(
        audience=[TeamFactory(name="Support")],
        section="1.3",
        need_count=2,
        validity_months=24,
        due_days=30,
        preparation=Preparation.FIRST,
    )
    TopicPageFactory(
        parent=programme,
        title="Using Resolve",
        call_minutes=25,
        criteria=[("line", "Files a ticket"), ("line", "Names the queue")],
    )
    TopicPageFactory(parent=programme, title="Escalating Tickets", needs_read=False)
    return programme


def test_edition_freezes_what_the_pages_say(programme):
    staff = UserFactory(is_staff=True)
    TopicPageFactory(parent=programme, title="A draft", live=False)

    edition = publish_edition(programme, by=staff)

    assert (edition.number, edition.effective_on) == (1, TODAY)
    assert (edition.title, edition.section) == (programme.title, "1.3")
    assert (edition.need_count, edition.validity_months) == (2, 24)
    assert (edition.due_days, edition.preparation) == (30, Preparation.FIRST)
    assert edition.published_by == staff
    assert [row.team.name for row in edition.audience.all()] == ["Support"]
    assert list(
        edition.topics.values_list(
            "order", "title", "needs_read", "needs_call", "call_minutes", "criteria"
        )
    ) == [
        (1, "Using Resolve", True, True, 25, ["Files a ticket", "Names the queue"]),
        (2, "Escalating Tickets", False, True, 20, []),
    ]


def test_edition_keeps_the_text_of_a_page_published_without_a_revision(programme):
    topic = programme.topics().first()
    assert topic.live_revision is None

    edition = publish_edition(programme, by=None)

    topic.refresh_from_db()
    assert edition.topics.first().revision == topic.live_revision
    assert not topic.has_unpublished_changes


def test_later_edit_of_a_page_asks_nothing_else_of_people(programme):
    edition = publish_edition(programme, by=None)
    topic = programme.topics().first()

    topic.title, topic.call_minutes = "Using it", 60
    topic.save_revision().publish()

    row = edition.topics.first()
    assert (row.title, row.call_minutes) == ("Using Resolve", 25)


def test_edition_enrols_its_audience(programme):
    team = programme.audience.get()
    member = TeamMembershipFactory(team=team).member
    MemberFactory()  # in no team

    edition = publish_edition(programme, by=None)

    enrolment = Enrolment.objects.get()
    assert (enrolment.member, enrolment.edition) == (member, edition)
    assert enrolment.due_on == TODAY + timedelta(days=30)


def test_edition_of_a_later_day_enrols_nobody_yet(programme):
    TeamMembershipFactory(team=programme.audience.get())

    publish_edition(programme, by=None, effective_on=TODAY + timedelta(days=1))

    assert not Enrolment.objects.exists()


def test_next_edition_counts_on_and_leaves_those_in_the_middle(programme):
    member = MemberFactory()
    first = publish_edition(programme, by=None)
    enrolment = enrol(member, programme, source=Source.STAFF, by=None)

    second = publish_edition(programme, by=None)

    assert second.number == 2
    enrolment.refresh_from_db()
    assert (enrolment.edition, enrolment.is_open) == (first, True)


@pytest.mark.parametrize("lack", ["topics", "programme", "asks nothing"])
def test_edition_of_unfinished_pages_is_refused_in_words(programme, lack):
    if lack == "topics":
        for topic in programme.topics():
            topic.unpublish()
    elif lack == "programme":
        programme.unpublish()
    else:
        TopicPageFactory(
            parent=programme, title="Empty", needs_read=False, needs_call=False
        )

    with pytest.raises(Refused) as refusal:
        publish_edition(programme, by=None)

    words = {
        "topics": "It has no published topic yet: add one and publish it.",
        "programme": "Publish the programme's page first.",
        "asks nothing": "“Empty” asks for nothing: tick reading or the call, or add a check.",
    }
    assert str(refusal.value) == words[lack]
    assert not Edition.objects.exists()


@pytest.mark.races
def test_editions_published_at_once_have_their_own_numbers(run_at_once):
    programme = ProgrammePageFactory()
    TopicPageFactory(parent=programme)

    one, other = run_at_once(*[lambda: publish_edition(programme, by=None)] * 2)

    assert {one.number, other.number} == {1, 2}
