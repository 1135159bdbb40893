"""How people do in a check, counted for its editors."""

import pytest
from django.urls import reverse

from content.permissions import grant_channel_team
from courses.check_figures import (
    CHECK_REPORT,
    failing_checks,
    questions_of,
    share_of,
)
from courses.checks import start_attempt, submit_attempt
from courses.to_fill_in import to_look_at
from lms.people.accounts import set_channel_team
from tests.checks import questions, right_answers, wrong_answers
from tests.factories import (
    EditionFactory,
    EnrolmentFactory,
    MemberFactory,
    TopicPageFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def topic():
    return TopicPageFactory(questions=questions(), attempts_allowed=None)


@pytest.fixture
def edition(topic):
    return EditionFactory(programme=topic.get_parent().specific, topics=[topic])


def answer(edition, *makers):
    """Somebody new hands the check in, once for each."""
    enrolment = EnrolmentFactory(edition=edition)
    for make in makers:
        attempt = start_attempt(enrolment, edition.topics.get().topic)
        submit_attempt(attempt, make(attempt))
    return enrolment


@pytest.fixture
def editor(client):
    staff = UserFactory()
    set_channel_team(staff, True, by=None)
    grant_channel_team(staff.groups.get())
    client.force_login(staff)
    return client


def test_figures_say_how_many_chose_what(topic, edition):
    answer(edition, right_answers)
    answer(edition, wrong_answers, right_answers, right_answers)  # the last is practice

    single, several, true_false, order, match = questions_of(topic)

    assert (single.answered, single.right, single.right_percent) == (3, 2, 66)
    assert {(each.text, each.is_right, each.count) for each in several.listed} == {
        ("A wish", True, 2),
        ("What happened", True, 2),
        ("A password", False, 1),
    }
    assert {each.text: each.count for each in true_false.listed} == {
        "True": 2,
        "False": 1,
    }
    assert {each.text: each.count for each in order.listed} == {
        "Read → Sort → Answer": 2,
        "Answer → Sort → Read": 1,
    }
    assert sum(each.count for each in match.listed) == 9


def test_question_that_was_removed_stands_last(topic, edition):
    answer(edition, right_answers)
    del topic.questions[1]
    topic.save()
    answer(edition, right_answers)

    figures = questions_of(topic)

    assert figures[-1].text == "What is in a ticket?"
    assert [each.answered for each in figures] == [2, 2, 2, 2, 1]


def test_share_counts_people_not_attempts(topic, edition):
    answer(edition, wrong_answers, wrong_answers, right_answers)
    answer(edition, wrong_answers)

    share = share_of(topic)

    assert (share.people, share.passed, share.passed_percent) == (2, 1, 50)


@pytest.mark.parametrize(
    ("passed", "failed", "is_failing"),
    [(3, 2, False), (2, 3, True), (4, 3, True), (0, 4, False), (0, 5, True)],
)
def test_failing_is_over_forty_percent_of_at_least_five(
    topic, edition, passed, failed, is_failing
):
    for _ in range(passed):
        answer(edition, right_answers)
    for _ in range(failed):
        answer(edition, wrong_answers)

    assert [each.topic for each in failing_checks()] == [topic] * is_failing
    told = "% of those who tried its check have failed it."
    words = [matter.words for matter in to_look_at()]
    assert any(told in each for each in words) == is_failing


def test_failing_checks_take_two_queries(topic, edition, django_assert_num_queries):
    TopicPageFactory.create_batch(2, parent=edition.programme)

    with django_assert_num_queries(2):
        assert failing_checks() == []


def test_editor_reads_the_report_and_finds_it_from_the_topic(editor, topic, edition):
    answer(edition, wrong_answers)
    url = reverse(CHECK_REPORT, args=[topic.pk])

    edit = editor.get(reverse("wagtailadmin_pages:edit", args=[topic.pk]))
    report = editor.get(url)

    assert url in edit.text
    assert "1 person has tried it; passed: 0 (0 %)." in " ".join(report.text.split())
    assert "The boss" in report.text


def test_report_without_answers_or_questions_opens(editor, topic):
    bare = TopicPageFactory(parent=topic.get_parent())

    for page in (topic, bare):
        url = reverse(CHECK_REPORT, args=[page.pk])
        assert editor.get(url).status_code == 200


def test_report_is_for_editors(client, topic):
    client.force_login(MemberFactory().user)

    response = client.get(reverse(CHECK_REPORT, args=[topic.pk]))

    assert response.status_code == 302


# --- Publishing ----------------------------------------------------------------------


def post_topic(editor, topic, changes=None, *, act="publish"):
    """Publish the topic as the editor's form has it, but for the changes."""
    streams = ["objectives", "body", "agenda", "preparation", "criteria", "questions"]
    form = {f"{name}-count": "0" for name in streams} | {
        "title": topic.title,
        "slug": topic.slug,
        "needs_read": "on",
        "call_minutes": "20",
        "pass_percent": "80",
        "cooldown_minutes": "0",
        "attempts_allowed": "3",
        "draw": "",
        "tags": "",
        "comments-TOTAL_FORMS": "0",
        "comments-INITIAL_FORMS": "0",
    }
    url = reverse("wagtailadmin_pages:edit", args=[topic.pk])
    return editor.post(url, form | {f"action-{act}": "1"} | (changes or {}))


def true_false(number=0):
    name = f"questions-{number}"
    return {
        "questions-count": str(number + 1),
        f"{name}-deleted": "",
        f"{name}-order": str(number),
        f"{name}-type": "true_false",
        f"{name}-id": "",
        f"{name}-value-text": "True?",
        f"{name}-value-is_true": "on",
        f"{name}-value-reason": "Because.",
    }


def test_check_that_people_still_need_cannot_be_emptied(editor, topic, edition):
    response = post_topic(editor, topic)

    topic.refresh_from_db()
    assert response.status_code == 200
    assert "People are asked to pass this check" in response.text
    assert len(topic.questions) == 5


def test_draft_without_questions_may_be_saved(editor, topic, edition):
    response = post_topic(editor, topic, act="save")

    topic.refresh_from_db()
    assert response.status_code == 302
    assert len(topic.questions) == 5  # what people read is as it was


def test_check_that_nobody_needs_may_go(editor, topic):
    response = post_topic(editor, topic)

    topic.refresh_from_db()
    assert response.status_code == 302
    assert len(topic.questions) == 0


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"draw": "2"}, "There are only 1 questions to draw from."),
        ({"pass_percent": "0"}, "greater than or equal to 1"),
        ({"pass_percent": "101"}, "less than or equal to 100"),
        ({"attempts_allowed": "0"}, "greater than or equal to 1"),
        ({"questions-0-value-reason": ""}, "This field is required."),
    ],
)
def test_editor_is_told_before_publishing(editor, topic, changes, told):
    response = post_topic(editor, topic, true_false() | changes)

    topic.refresh_from_db()
    assert response.status_code == 200
    assert told in response.text
    assert len(topic.questions) == 5


def test_check_is_published_by_the_editors_form(editor, topic):
    response = post_topic(editor, topic, true_false())

    topic.refresh_from_db()
    assert response.status_code == 302
    assert [block.block_type for block in topic.questions] == ["true_false"]
