"""Practising: a word on each answer, nothing before, and nothing that it completes."""

import json
import re
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from django.db import transaction
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from content.permissions import grant_channel_team
from courses.exercises import find_exercise
from courses.models import (
    Attempt,
    AttemptKind,
    Enrolment,
    Evidence,
    TopicCompletion,
)
from lms.people.accounts import set_channel_team
from tests.factories import (
    EditionFactory,
    EnrolmentFactory,
    MemberFactory,
    TopicPageFactory,
    TrainerFactory,
    UserFactory,
)

WHY_MEOW, WHY_BARK = "Only cats do that.", "Only dogs do that."
WHY_STAY, WHY_GO = "You stay dry.", "You get wet."
SORT = {
    "title": "Who says what?",
    "task": "Sort the sounds.",
    "categories": [
        {"name": "Cat", "items": [{"text": "meow", "reason": WHY_MEOW}]},
        {"name": "Dog", "items": [{"text": "bark", "reason": WHY_BARK}]},
    ],
}
CASES = {
    "title": "What now?",
    "cases": [
        {
            "text": "It rains.",
            "choices": [
                {"text": "Go", "is_right": False, "reason": WHY_GO},
                {"text": "Stay", "is_right": True, "reason": WHY_STAY},
            ],
        }
    ],
}
NOTHING_BEFORE = [WHY_MEOW, WHY_BARK, WHY_STAY, WHY_GO, "is_right"]


@pytest.fixture
def topic(db):
    """Return a topic with both exercises, as it comes from the database."""
    topic = TopicPageFactory(body=[("sort", SORT), ("cases", CASES)])
    topic.refresh_from_db()
    return topic


@pytest.fixture
def enrolment(topic):
    return EnrolmentFactory(
        edition=EditionFactory(programme=topic.get_parent().specific)
    )


def exercise_of(topic, kind="sort"):
    key = next(block.id for block in topic.body if block.block_type == kind)
    return find_exercise(topic, key)


def address_of(topic, kind="sort"):
    return reverse("courses:practise", args=[topic.pk, exercise_of(topic, kind).key])


def answers(topic, kind="sort", **chosen):
    """What a form sends that answers each ask, by its text, with an option's text."""
    sent = {}
    for ask in exercise_of(topic, kind).asks:
        by_text = {option.text: option.key for option in ask.options}
        sent[ask.field] = by_text[chosen[ask.text]]
    return sent


def words(response):
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def test_topic_shows_its_exercises_and_nothing_of_their_answers(
    client, topic, enrolment
):
    client.force_login(enrolment.member.user)

    page = client.get(topic.url).content.decode()

    assert "Who says what?" in page
    assert "It rains." in page
    assert f'action="{address_of(topic)}"' in page
    assert f'action="{address_of(topic, "cases")}"' in page
    assert [secret for secret in NOTHING_BEFORE if secret in page] == []


def test_text_with_exercises_is_the_same_for_all_readers(topic, rf):
    first, again = (
        [block.render({"page": topic}) for block in topic.body] for _ in range(2)
    )

    assert first == again
    assert all("<!--csrf-->" in each for each in first)
    assert "csrfmiddlewaretoken" not in "".join(first)


@pytest.mark.parametrize("kind", ["sort", "cases"])
def test_exercise_alone_shows_nothing_of_its_answers(client, topic, enrolment, kind):
    client.force_login(enrolment.member.user)

    page = client.get(address_of(topic, kind)).content.decode()

    assert exercise_of(topic, kind).title in page
    assert topic.url in page  # the way back
    assert [secret for secret in NOTHING_BEFORE if secret in page] == []


def test_each_item_gets_its_word(client, topic, enrolment):
    client.force_login(enrolment.member.user)

    response = client.post(
        address_of(topic),
        answers(topic, meow="Cat", bark="Cat"),
        headers={"HX-Request": "true"},
    )

    assert response.status_code == 200
    said = words(response)
    assert "1 of 2 right. Read why, and try the others again." in said
    assert f"Right. {WHY_MEOW}" in said
    assert f"Not quite: Dog. {WHY_BARK}" in said
    assert "<html" not in response.content.decode()


def test_case_tells_why_of_what_was_chosen_alone(client, topic, enrolment):
    client.force_login(enrolment.member.user)
    address = address_of(topic, "cases")

    wrong = words(client.post(address, answers(topic, "cases", **{"It rains.": "Go"})))
    right = words(
        client.post(address, answers(topic, "cases", **{"It rains.": "Stay"}))
    )

    assert f"Not quite. {WHY_GO}" in wrong
    assert WHY_STAY not in wrong
    assert f"Right. {WHY_STAY}" in right
    assert "Right. Well done." in right


def test_without_script_the_page_comes_again_with_the_way_back(
    client, topic, enrolment
):
    client.force_login(enrolment.member.user)

    response = client.post(address_of(topic), answers(topic, meow="Cat", bark="Dog"))

    assert "All 2 right. Well done." in words(response)
    page = response.content.decode()
    assert f'href="{topic.url}"' in page
    assert page.count("selected") == 2  # nothing chosen is lost


def test_practice_is_kept_and_completes_nothing(client, topic, enrolment):
    client.force_login(enrolment.member.user)

    for chosen in ({"meow": "Dog", "bark": "Dog"}, {"meow": "Cat", "bark": "Dog"}):
        client.post(address_of(topic), answers(topic, **chosen))

    kept = Attempt.objects.filter(enrolment=enrolment, topic=topic)
    assert [(row.kind, row.score_percent, row.passed) for row in kept] == [
        (AttemptKind.PRACTICE, 50, False),
        (AttemptKind.PRACTICE, 100, True),
    ]
    last = kept.last()
    right = {each["key"]: each["right"] for each in last.key}
    assert {key: [chosen] for key, chosen in last.answers.items()} == right
    assert [each["key"] for each in last.questions] == last.order
    assert {each["text"] for each in last.questions} == {"meow", "bark"}
    assert not Evidence.objects.exists()
    assert not TopicCompletion.objects.exists()
    assert Enrolment.objects.open().count() == 1


@pytest.mark.parametrize("reader", [MemberFactory, TrainerFactory])
def test_any_reader_may_try_and_nothing_is_kept(client, topic, enrolment, reader):
    client.force_login(reader().user)

    response = client.post(address_of(topic), answers(topic, meow="Cat", bark="Dog"))

    assert "All 2 right" in words(response)
    assert not Attempt.objects.exists()


def test_one_without_a_membership_may_not(client, topic, enrolment):
    enrolment.member.left_on = "2020-01-02"
    enrolment.member.save()
    client.force_login(enrolment.member.user)

    assert client.get(address_of(topic)).status_code == 403
    assert client.post(address_of(topic)).status_code == 403


def test_what_is_left_open_is_said_and_nothing_is_lost(client, topic, enrolment):
    client.force_login(enrolment.member.user)
    sent = answers(topic, meow="Cat", bark="Cat")
    sent.pop(exercise_of(topic).asks[0].field)

    response = client.post(address_of(topic), sent)

    assert response.status_code == 422
    assert "One is left: please answer it, then check again." in words(response)
    page = response.content.decode()
    assert page.count("selected") == 1
    assert [secret for secret in NOTHING_BEFORE if secret in page] == []
    assert not Attempt.objects.exists()


def test_changed_exercise_is_said_and_nothing_told(client, topic, enrolment):
    client.force_login(enrolment.member.user)
    sent = answers(topic, meow="Cat", bark="Dog")
    address = address_of(topic)
    raw = {"type": "sort", "value": SORT, "id": exercise_of(topic).key}  # all anew
    topic.body = json.dumps([raw])
    topic.save()

    response = client.post(address, sent)

    assert response.status_code == 409
    assert "This exercise has changed since you opened it." in words(response)
    assert [s for s in NOTHING_BEFORE if s in response.content.decode()] == []
    assert not Attempt.objects.exists()


@pytest.mark.parametrize("key", [uuid4(), "text"])
def test_exercise_that_is_not_there_is_not_found(client, topic, enrolment, key):
    client.force_login(enrolment.member.user)
    if key == "text":  # a block of another kind
        topic.body = [("heading", "Hello")]
        topic.save()
        topic.refresh_from_db()
        key = topic.body[0].id

    response = client.get(reverse("courses:practise", args=[topic.pk, key]))

    assert response.status_code == 404


def test_topic_that_is_not_published_has_no_exercise(client, topic, enrolment):
    client.force_login(enrolment.member.user)
    topic.live = False
    topic.save()

    assert client.get(address_of(topic)).status_code == 404


@pytest.mark.parametrize("is_editor", [True, False])
def test_exercise_of_a_draft_is_tried_by_its_editors_alone(client, topic, is_editor):
    topic.body = []
    topic.save_revision().publish()
    topic.body = json.dumps([{"type": "sort", "value": SORT, "id": str(uuid4())}])
    topic.save_revision()
    key = topic.body[0].id
    reader = UserFactory()
    set_channel_team(reader, True, by=None)
    if is_editor:
        grant_channel_team(reader.groups.get())
    client.force_login(reader)

    response = client.get(reverse("courses:practise", args=[topic.pk, key]))

    assert response.status_code == (200 if is_editor else 404)


FORM = "application/x-www-form-urlencoded"
TEXT = st.text(st.characters(codec="utf-8"), max_size=30) | st.sampled_from(
    ["\0", "x" * 10_000, "🐈", "\u202e", ""]
)


@given(data=st.data())
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_anything_sent_is_answered_in_words(client, topic, enrolment, data):
    client.force_login(enrolment.member.user)
    exercise = exercise_of(topic)
    fields = st.sampled_from([ask.field for ask in exercise.asks])
    fields |= TEXT.map(lambda text: f"answer-{text}") | TEXT
    values = st.sampled_from([o.key for o in exercise.options]) | TEXT
    sent = data.draw(st.dictionaries(fields, values, max_size=4))

    with transaction.atomic():
        response = client.post(address_of(topic), urlencode(sent), content_type=FORM)
        transaction.set_rollback(True)

    assert response.status_code in (200, 409, 422)
