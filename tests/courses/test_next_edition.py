"""The screens on which an editor gathers the next edition, and their rules."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.contrib.messages import get_messages
from django.urls import reverse
from django.utils.timezone import now

from courses import rollout
from courses.approvals import MANY, put_up_or_ask
from courses.comparing import topic_lines
from courses.drafting import (
    begin_draft,
    begins_at,
    drop,
    edited_since,
    fingerprint,
    in_force,
    missing_for_draft,
    open_draft,
    proposal_of,
    put_up,
    save_draft,
    stop,
)
from courses.editions import publish_edition
from courses.enrolling import enrol
from courses.models import EditionDraft, Source
from courses.rollout import Fate, Person
from lms.errors import Refused
from lms.people.approving import decide, plan_of
from lms.people.models import User
from tests.factories import (
    MemberFactory,
    ProgrammePageFactory,
    TeamFactory,
    TeamMembershipFactory,
    TopicPageFactory,
    UserFactory,
)

AT = datetime(2026, 11, 23, 9, tzinfo=UTC)


@pytest.fixture
def programme(db):
    with time_machine.travel(AT, tick=False):
        programme = ProgrammePageFactory(
            title="User Support", audience=[TeamFactory(name="Support")]
        )
        for title in ("Using Resolve", "Escalating Tickets"):
            page = TopicPageFactory(parent=programme, title=title)
            page.save_revision().publish()
        publish_edition(programme, by=None)
        yield programme


@pytest.fixture
def cms(client, programme):
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


def address(programme, name="courses_next_edition"):
    return reverse(name, args=[programme.pk])


def said_by(response):
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


def save(draft, **said):
    fields = {
        "summary": "",
        "effective_on": None,
        "redo_days": 60,
        "renewal": "all",
        "changed": [],
        "left_out": [],
    }
    return save_draft(draft, seen=fingerprint(draft), by=None, **(fields | said))


def changed_draft(programme):
    first = programme.topics().first()
    return save(begin_draft(programme, by=None), changed=[first.pk])


def typed(draft, **said):
    fields = {
        "do": "save",
        "seen": fingerprint(draft),
        "summary": "New queues.",
        "redo_days": "30",
        "renewal": "changed",
        "effective_on": "2026-12-01",
    }
    return fields | said


# --- The draft ---------------------------------------------------------------------


def test_draft_is_begun_once_and_suggests_sixty_days(programme):
    by = UserFactory()

    draft = begin_draft(programme, by=by)

    assert begin_draft(programme, by=by) == draft
    assert (draft.redo_days, draft.begun_by) == (60, by)


def test_programme_without_an_edition_needs_no_draft(db):
    with pytest.raises(Refused, match="Publish its first edition first"):
        begin_draft(ProgrammePageFactory(), by=None)


def test_proposal_is_what_the_published_pages_say(programme):
    first, second = programme.topics()
    new = TopicPageFactory(parent=programme, title="Response Times", needs_read=False)
    TopicPageFactory(parent=programme, title="A draft", live=False)
    programme.validity_months = 24
    programme.save()
    draft = save(
        begin_draft(programme, by=None), changed=[first.pk], left_out=[second.pk]
    )

    proposal = proposal_of(draft)

    assert [(row.topic, row.is_changed) for row in proposal.topics] == [
        (first, True),
        (new, False),
    ]
    assert (proposal.edition.number, proposal.edition.validity_months) == (2, 24)


def test_topic_lines_say_what_differs(programme):
    first, second = programme.topics()
    new = TopicPageFactory(parent=programme, title="Response Times")
    first.title, first.call_minutes = "Using it", 40
    first.save_revision().publish()
    draft = save(
        begin_draft(programme, by=None), changed=[first.pk], left_out=[second.pk]
    )

    lines = topic_lines(in_force(programme.edition_on()), proposal_of(draft), draft)

    assert [(line.page, line.words) for line in lines] == [
        (
            first,
            ["To be shown again", "Asks something else", "Renamed", "Text edited"],
        ),
        (new, ["New"]),
        (second, ["Left out"]),
    ]


def test_topics_that_were_reordered_are_moved(programme):
    first, second = programme.topics()
    second.move(first, pos="left")
    draft = begin_draft(programme, by=None)

    lines = topic_lines(in_force(programme.edition_on()), proposal_of(draft), draft)

    assert [(line.title, line.words) for line in lines] == [
        ("Escalating Tickets", ["Moved"]),
        ("Using Resolve", ["Moved"]),
    ]
    assert missing_for_draft(draft) == []


def test_correction_of_a_text_alone_is_nothing_to_put_up(programme):
    first = programme.topics().first()
    first.search_description = "Corrected"
    first.save_revision().publish()
    draft = begin_draft(programme, by=None)

    with pytest.raises(Refused, match="asks the same as edition 1"):
        put_up(draft, seen=fingerprint(draft), by=None)


def test_second_editor_is_told_that_the_first_was_quicker(programme):
    draft = begin_draft(programme, by=None)
    seen = fingerprint(draft)
    save(draft, summary="The first editor's")

    with pytest.raises(Refused, match="Somebody has changed this draft"):
        save_draft(
            draft,
            seen=seen,
            summary="The second editor's",
            effective_on=None,
            redo_days=None,
            renewal="all",
            changed=[],
            left_out=[],
            by=None,
        )

    draft.refresh_from_db()
    assert draft.summary == "The first editor's"


def test_page_published_meanwhile_keeps_it_from_being_put_up_unseen(programme):
    draft = changed_draft(programme)
    seen = fingerprint(draft)
    first = programme.topics().first()
    first.call_minutes = 45
    first.save_revision().publish()

    with pytest.raises(Refused, match="one of its pages"):
        put_up(draft, seen=seen, by=None)


@pytest.mark.parametrize(
    ("day", "begins"),
    [
        (None, AT + timedelta(hours=1)),
        (AT.date(), AT + timedelta(hours=1)),
        (AT.date() + timedelta(days=7), datetime(2026, 11, 30, tzinfo=UTC)),
    ],
)
def test_it_begins_on_its_day_and_in_an_hour_at_the_earliest(programme, day, begins):
    assert begins_at(day) == begins


def test_what_is_put_up_asks_what_the_pages_said_then(programme):
    draft = changed_draft(programme)
    draft = put_up(draft, seen=fingerprint(draft), by=None)
    first = programme.topics().first()
    first.title, first.call_minutes = "Using it", 90
    first.save_revision().publish()

    assert edited_since(draft) == ["Using it"]
    with time_machine.travel(draft.starts_at, tick=False):
        rollout.go_on(draft.pk)

    row = programme.editions.get(number=2).topics.get(topic=first)
    assert (row.title, row.call_minutes, row.is_changed) == ("Using Resolve", 20, True)
    first.refresh_from_db()
    assert row.revision_id != first.live_revision_id


def test_what_is_put_up_can_be_stopped_until_it_is_in_force(programme):
    draft = changed_draft(programme)
    draft = put_up(draft, seen=fingerprint(draft), by=None)

    with pytest.raises(Refused, match="Stop it first"):
        save(draft, summary="Too late")
    with pytest.raises(Refused, match="Stop it first"):
        drop(draft, by=None)
    draft = stop(draft, by=None)
    assert (draft.starts_at, draft.pinned) == (None, None)
    draft = put_up(draft, seen=fingerprint(draft), by=None)
    with time_machine.travel(draft.starts_at, tick=False):
        rollout.go_on(draft.pk)

    with pytest.raises(Refused, match="in force already"):
        stop(draft, by=None)
    assert open_draft(programme) is None


def test_dropped_draft_leaves_the_pages_and_comes_to_nothing(programme):
    draft = changed_draft(programme)

    drop(draft, by=None)

    assert not EditionDraft.objects.exists()
    with pytest.raises(Refused, match="dropped this draft"):
        put_up(draft, seen="", by=None)
    assert not rollout.go_on(draft.pk)


def test_topic_that_was_marked_and_deleted_goes_from_the_draft(programme):
    draft = begin_draft(programme, by=None)
    new = TopicPageFactory(parent=programme)
    save(draft, left_out=[new.pk])

    new.delete()

    assert not draft.topics.exists()


@pytest.mark.races
def test_two_editors_who_begin_and_put_up_at_once_have_one_draft(run_at_once):
    programme = ProgrammePageFactory()
    first = TopicPageFactory(parent=programme)
    publish_edition(programme, by=None)

    drafts = run_at_once(*[lambda: begin_draft(programme, by=None)] * 3)
    assert len({draft.pk for draft in drafts}) == 1
    draft = save(drafts[0], changed=[first.pk])
    seen = fingerprint(draft)
    up = run_at_once(*[lambda: put_up(draft, seen=seen, by=None)] * 3)

    assert len({each.starts_at for each in up}) == 1


# --- The screens -------------------------------------------------------------------


def test_editor_gathers_looks_and_puts_up(cms, programme):
    first = programme.topics().first()
    TeamMembershipFactory(team=programme.audience.get())
    enrol(MemberFactory(), programme, source=Source.STAFF, by=None)
    cms.post(address(programme), {"do": "begin"})
    draft = open_draft(programme)

    cms.post(address(programme), typed(draft, changed=[first.pk]))
    page = cms.get(address(programme))

    assert page.context["summary_of_people"] == "2 people: 1 in the middle, 1 is added"
    draft.refresh_from_db()
    assert (draft.summary, draft.redo_days, draft.renewal) == (
        "New queues.",
        30,
        "changed",
    )
    again = typed(draft, do="put-up", changed=[first.pk])
    answer = cms.post(address(programme), again)
    assert "It is put up." in said_by(answer)
    draft.refresh_from_db()
    assert draft.starts_at == datetime(2026, 12, 1, tzinfo=UTC)
    assert cms.get(address(programme)).status_code == 200
    cms.post(address(programme), {"do": "stop"})
    cms.post(address(programme), {"do": "drop"})
    assert open_draft(programme) is None


def test_what_was_typed_is_saved_and_shown_before_it_is_put_up(cms, programme):
    draft = changed_draft(programme)

    answer = cms.post(address(programme), typed(draft, do="put-up"))

    assert "not put up yet" in said_by(answer)
    draft.refresh_from_db()
    assert (draft.summary, draft.starts_at) == ("New queues.", None)


def test_second_editor_sees_what_stands_and_keeps_what_they_typed(cms, programme):
    draft = begin_draft(programme, by=None)
    mine = typed(draft, summary="The second editor's")
    save(draft, summary="The first editor's")

    answer = cms.post(address(programme), mine)

    assert answer.status_code == 409
    assert "Somebody has changed this draft" in said_by(answer)
    form = answer.context["form"]
    assert form["summary"].value() == "The second editor's"
    assert answer.context["seen"] == fingerprint(open_draft(programme))


@pytest.mark.parametrize(
    "wrong",
    [
        {"effective_on": "2026-11-22"},
        {"effective_on": "soon"},
        {"redo_days": "0"},
        {"redo_days": "9" * 25},
        {"renewal": "never"},
        {"changed": ["0", "x", "9" * 25]},
        {"left_out": ["1"]},
        {"summary": "x" * 10_000},
    ],
)
def test_wrong_words_are_refused_and_nothing_typed_is_lost(cms, programme, wrong):
    draft = begin_draft(programme, by=None)

    answer = cms.post(address(programme), typed(draft, **wrong))

    assert answer.status_code == 422
    assert answer.context["form"].data["summary"]
    draft.refresh_from_db()
    assert draft.summary == ""


def test_wrong_fields_say_so_beside_them(cms, programme):
    draft = begin_draft(programme, by=None)

    answer = cms.post(address(programme), typed(draft, effective_on="2026-11-22"))

    assert "That day has passed: choose today or a later one." in answer.text


@pytest.mark.parametrize("do", ["save", "put-up", "stop", "drop", "", "nonsense"])
def test_press_on_a_draft_that_is_gone_is_told_so(cms, programme, do):
    answer = cms.post(address(programme), {"do": do})

    assert answer.status_code == 409
    assert "There is no draft any more" in said_by(answer)


def test_names_of_a_group_are_shown_a_page_at_a_time(cms, programme, monkeypatch):
    monkeypatch.setattr("courses.edition_views.AT_ONCE", 2)
    for _ in range(3):
        enrol(MemberFactory(), programme, source=Source.STAFF, by=None)
    enrol(MemberFactory(left_on=None), programme, source=Source.STAFF, by=None)
    changed_draft(programme)
    url = address(programme, "courses_next_edition_people")

    page = cms.get(f"{url}?group=goon&p=2")

    assert (page.status_code, len(page.context["members"])) == (200, 2)
    assert cms.get(f"{url}?group=nobody").status_code == 302
    assert cms.get(f"{url}?group=goon&p=x%00").status_code == 200


@pytest.mark.parametrize("people", [1, 4])
def test_preview_costs_the_same_for_any_number_of_people(
    cms, programme, django_assert_max_num_queries, people
):
    for _ in range(people):
        enrol(MemberFactory(), programme, source=Source.STAFF, by=None)
    changed_draft(programme)
    cms.get(address(programme))

    with django_assert_max_num_queries(48):  # 44, half of them Wagtail's
        cms.get(address(programme))


def test_progress_is_asked_again_until_it_is_through(cms, programme, monkeypatch):
    for _ in range(2):
        enrol(MemberFactory(), programme, source=Source.STAFF, by=None)
    draft = changed_draft(programme)
    draft = put_up(draft, seen=fingerprint(draft), by=None)
    monkeypatch.setattr(rollout, "AT_ONCE", 1)
    url = address(programme, "courses_next_edition_progress")

    with time_machine.travel(draft.starts_at, tick=False):
        rollout.go_on(draft.pk)
        cms.force_login(User.objects.get(pk=cms.session["_auth_user_id"]))
        half = cms.get(url).text
        whole = cms.get(address(programme)).text
        while rollout.go_on(draft.pk):
            pass
        through = cms.get(url).text

    assert "1 of 2 people reached" in half
    assert "1 of 2 people reached" in whole
    assert "hx-get" in half
    assert "It touched 2 people" in through
    assert "hx-get" not in through


def test_editor_who_may_not_publish_may_not_look(client, programme):
    editor = UserFactory(is_staff=True)
    client.force_login(editor)

    for name in ("", "_people", "_progress"):
        url = address(programme, f"courses_next_edition{name}")
        assert client.get(url).status_code in (302, 403)


# --- Under people's feet -----------------------------------------------------------


@pytest.fixture
def waiting(programme):
    """A topic that no edition asks for yet, in one that is put up."""
    new = TopicPageFactory(parent=programme, title="Response Times")
    draft = begin_draft(programme, by=None)
    put_up(draft, seen=fingerprint(draft), by=None)
    return new


@pytest.mark.parametrize("action", ["delete", "unpublish"])
def test_topic_of_what_is_put_up_stays(cms, waiting, action):
    answer = cms.post(reverse(f"wagtailadmin_pages:{action}", args=[waiting.pk]))

    assert "the next edition, which is put up already" in said_by(answer)
    waiting.refresh_from_db()
    assert waiting.live


def test_topic_of_what_is_put_up_is_not_moved(cms, waiting):
    other = ProgrammePageFactory()
    args = [waiting.pk, other.pk]

    answer = cms.post(reverse("wagtailadmin_pages:move_confirm", args=args))

    assert "Nothing was moved" in said_by(answer)
    waiting.refresh_from_db()
    assert not waiting.is_child_of(other)


def test_topic_goes_once_what_was_put_up_is_stopped(cms, programme, waiting):
    stop(open_draft(programme), by=None)

    cms.post(reverse("wagtailadmin_pages:delete", args=[waiting.pk]))

    assert not programme.topics().filter(pk=waiting.pk).exists()
    assert now() == AT


# --- A second person ---------------------------------------------------------------


@pytest.mark.parametrize(("people", "is_asked"), [(MANY, False), (MANY + 1, True)])
def test_edition_that_touches_many_waits_for_a_second_person(
    programme, monkeypatch, people, is_asked
):
    by, other = UserFactory(is_staff=True), UserFactory(is_staff=True)
    touched = [Person(number, Fate.REDO) for number in range(people)]
    monkeypatch.setattr("courses.approvals.fates", lambda proposal: touched)
    draft = changed_draft(programme)

    approval = put_up_or_ask(draft, seen=fingerprint(draft), by=by)

    draft.refresh_from_db()
    assert (approval is not None, draft.starts_at is None) == (is_asked, is_asked)
    if approval:
        assert f"It touches {people} people" in plan_of(approval).text
        decide(approval, True, by=other)
    draft.refresh_from_db()
    assert draft.starts_at is not None
    assert draft.started_by == by


def test_draft_changed_since_is_not_put_up_by_a_second_person(programme, monkeypatch):
    by, other = UserFactory(is_staff=True), UserFactory(is_staff=True)
    monkeypatch.setattr(
        "courses.approvals.fates",
        lambda proposal: [Person(number, Fate.REDO) for number in range(MANY + 1)],
    )
    draft = changed_draft(programme)
    approval = put_up_or_ask(draft, seen=fingerprint(draft), by=by)
    save(draft, summary="Another thing")

    with pytest.raises(Refused, match="changed this draft"):
        decide(approval, True, by=other)

    draft.refresh_from_db()
    assert draft.starts_at is None


def test_who_may_not_edit_content_does_not_decide_of_an_edition(programme, monkeypatch):
    by = UserFactory(is_staff=True)
    UserFactory(is_staff=True)
    of_people = UserFactory(is_staff=True, may_edit_content=False)
    monkeypatch.setattr("courses.approvals.touched_by", lambda draft: MANY + 1)
    draft = changed_draft(programme)
    approval = put_up_or_ask(draft, seen=fingerprint(draft), by=by)

    with pytest.raises(Refused):
        decide(approval, True, by=of_people)


def test_page_says_that_a_second_person_is_asked(cms, programme, monkeypatch):
    UserFactory(is_staff=True)
    monkeypatch.setattr("courses.approvals.touched_by", lambda draft: MANY + 1)
    draft = changed_draft(programme)
    cms.post(address(programme), typed(draft))
    draft.refresh_from_db()

    done = cms.post(address(programme), typed(draft, do="put-up"))

    assert "a second person has to agree" in said_by(done)
    draft.refresh_from_db()
    assert draft.starts_at is None
