"""What somebody completed, as it was then."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.timezone import now

from courses.cycles import begin_again
from courses.editions import asked_of, edition_of, freeze, publish_edition
from courses.enrolling import enrol
from courses.models import EvidenceKind, Source
from courses.past import topic_then
from courses.progress import record_evidence, void_evidence
from tests.factories import (
    MemberFactory,
    ProgrammePageFactory,
    TopicPageFactory,
)

OLD = ("text", "<p>There are two queues.</p>")
NEW = ("text", "<p>There are three queues.</p>")


@pytest.fixture
def completed(db):
    """Edition 1 of one topic, completed; then the page was edited."""
    programme = ProgrammePageFactory(title="User Support")
    topic = TopicPageFactory(
        parent=programme, title="Escalating Tickets", needs_call=False, body=[OLD]
    )
    topic.save_revision().publish()
    publish_edition(programme, by=None)
    enrolment = enrol(MemberFactory(), programme, source=Source.STAFF, by=None)
    record_evidence(
        enrolment,
        topic,
        EvidenceKind.READ,
        by=None,
        at=now() - timedelta(days=30),
    )
    topic.refresh_from_db()
    topic.title, topic.body = "Passing tickets on", [NEW]
    topic.save_revision().publish()
    enrolment.refresh_from_db()
    return enrolment


def topic_of(enrolment):
    return enrolment.edition.topics.get().topic


def address(enrolment):
    return reverse(
        "courses:topic_as_it_was", args=[enrolment.pk, topic_of(enrolment).pk]
    )


def test_text_is_that_of_the_edition_that_was_completed(client, completed):
    client.force_login(completed.member.user)

    page = client.get(address(completed)).text

    assert "As it was when you completed it on" in page
    assert "There are two queues." in page
    assert "three" not in page
    assert "Escalating Tickets" in page


def test_manager_is_told_who_completed_it(client, completed):
    manager = MemberFactory(reseller=completed.member.reseller, is_manager=True)
    client.force_login(manager.user)

    page = client.get(address(completed)).text

    name = completed.member.user.full_name
    assert f"As it was when\n              {name} completed it on" in page or (
        f"{name} completed it on" in page
    )


def test_what_was_carried_on_is_shown_as_in_the_edition_it_was_shown_in(completed):
    second = publish_edition(completed.programme, by=None)
    successor = begin_again(
        completed,
        member=completed.member,
        edition=second,
        keep=completed.evidence.all(),
        why="Changed",
        by=None,
    )

    past = topic_then(successor, topic_of(completed).pk)

    assert past.asked.edition == completed.edition
    assert "two queues" in past.texts.lead


def test_nothing_is_shown_of_what_is_not_complete_or_was_not_kept(client, completed):
    client.force_login(completed.member.user)
    void_evidence(completed.evidence.get(), by=None, why="A mistake")

    assert client.get(address(completed)).status_code == 404


def test_programme_and_record_link_to_it_where_it_differs(client, completed):
    client.force_login(completed.member.user)
    programme = client.get(completed.programme.get_url()).text
    manager = MemberFactory(reseller=completed.member.reseller, is_manager=True)
    client.force_login(manager.user)
    record = client.get(reverse("dashboards:person", args=[completed.member_id])).text

    assert address(completed) in programme
    assert address(completed) in record


def test_earlier_cycle_is_linked_from_the_next(client, completed):
    second = publish_edition(completed.programme, by=None)
    begin_again(
        completed,
        member=completed.member,
        edition=second,
        keep=[],
        why="Changed",
        by=None,
        source=Source.EDITION,
    )
    client.force_login(completed.member.user)

    page = client.get(completed.programme.get_url()).text

    assert address(completed) in page
    assert "The programme has changed" in page


def test_who_has_to_update_is_told_until_when_they_are_qualified(client, completed):
    completed.counts_until = now().date() + timedelta(days=60)
    completed.save()
    programme = completed.programme
    second = edition_of(programme)
    second.summary, second.effective_on = "There are three <b>queues.", now().date()
    freeze(second, map(asked_of, programme.topics()), [], by=None)
    begin_again(
        completed,
        member=completed.member,
        edition=second,
        keep=[],
        why="Changed",
        by=None,
        source=Source.EDITION,
        due_on=completed.counts_until,
    )
    client.force_login(completed.member.user)

    page = client.get(completed.programme.get_url()).text

    day = f'<time datetime="{completed.counts_until}">'
    assert f"You are qualified until {day}" in page
    assert "three &lt;b&gt;queues" in page
