"""The file of checks: word for word where it quotes, and whole as an editor's would be."""

import pytest
from wagtail.blocks import StreamBlock

from courses.exercise_blocks import EXERCISE_BLOCKS
from courses.models import EditionTopic, TopicPage
from courses.questions import QUESTION_BLOCKS
from lms.seed.checks import FILE, Check, Question, read_checks
from lms.seed.content import seed_content
from lms.seed.policy import read_policy

POLICY_TEXT = " ".join(FILE.with_name("policy.txt").read_text().split())
CHECKS = read_checks()
QUESTIONS = [question for check in CHECKS.values() for question in check.questions]
QUOTING = [question for question in QUESTIONS if question.quote]
PASS_PERCENT = 80


def words_of(question: Question) -> str:
    pairs = [word for pair in question.pairs for word in pair]
    answers = [*question.right, *question.wrong, *question.items, *pairs]
    return "\n".join([question.text, question.reason, *answers])


def test_each_topic_of_the_policy_has_its_check():
    programmes = read_policy().programmes

    assert list(CHECKS) == [topic.slug for p in programmes for topic in p.topics]


@pytest.mark.parametrize("check", CHECKS.values(), ids=lambda check: check.slug)
def test_check_asks_in_several_ways_and_can_be_passed_with_a_slip(check: Check):
    asked = check.draw or len(check.questions)

    assert 5 <= asked <= len(check.questions) <= 8
    assert (check.draw is None) == (asked == len(check.questions))
    assert len({question.kind for question in check.questions}) >= 3
    assert 100 * (asked - 1) // asked >= PASS_PERCENT


@pytest.mark.parametrize("check", CHECKS.values(), ids=lambda check: check.slug)
def test_check_is_one_that_an_editor_could_publish(check: Check):
    for kinds, made in [
        (QUESTION_BLOCKS, [each.block() for each in check.questions]),
        (EXERCISE_BLOCKS, [each.block() for each in check.exercises]),
    ]:
        stream = StreamBlock(kinds, required=False)
        raw = [{"type": kind, "value": value} for kind, value in made]
        assert len(stream.clean(stream.to_python(raw))) == len(made)


@pytest.mark.parametrize("question", QUOTING, ids=lambda question: question.text[:40])
def test_quotation_is_word_for_word(question: Question):
    for quote in question.quote:
        assert quote in POLICY_TEXT
        assert quote in words_of(question)


def test_nothing_is_said_of_bytekast_but_in_the_policys_words():
    naming = [
        each
        for each in QUESTIONS
        if "bytekast" in words_of(each).lower() or "Resolve" in words_of(each)
    ]
    practised = str([each.exercises for each in CHECKS.values()])

    assert [each.text for each in naming if not each.quote] == []
    assert naming
    assert "ByteKast" not in practised


def test_the_topics_on_tickets_have_an_exercise():
    exercises = {
        check.slug: [each.kind for each in check.exercises]
        for check in CHECKS.values()
        if check.exercises
    }

    assert exercises == {
        "categorising-tickets": ["sort"],
        "escalating-tickets": ["cases"],
    }


@pytest.mark.django_db
def test_edition_1_asks_for_the_checks():
    seed_content()

    assert EditionTopic.objects.filter(needs_check=True).count() == 15
    pages = TopicPage.objects.all()
    assert {page.slug: (len(page.questions), page.draw) for page in pages} == {
        slug: (len(check.questions), check.draw) for slug, check in CHECKS.items()
    }
    assert {(page.pass_percent, page.attempts_allowed) for page in pages} == {(80, 3)}
