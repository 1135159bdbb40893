"""The policy file: word for word where it quotes, whole where it teaches."""

import html
import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from lms.seed.policy import FILE, read_policy, rich_text

POLICY_TEXT = " ".join(FILE.with_name("policy.txt").read_text().split())
POLICY = read_policy()
TOPICS = [topic for programme in POLICY.programmes for topic in programme.topics]


def quotes(data: Any) -> Iterator[str]:
    """Every paragraph and line under a key that claims the policy's words."""
    if isinstance(data, list):
        for item in data:
            yield from quotes(item)
    elif isinstance(data, dict):
        for key, value in data.items():
            if key.startswith("quote"):
                yield from (line for line in value.splitlines() if line)
            else:
                yield from quotes(value)


QUOTES = list(quotes(tomllib.loads(FILE.read_text())))


def test_file_quotes_the_policy():
    assert len(QUOTES) > 25


@pytest.mark.parametrize("quote", QUOTES)
def test_quote_is_word_for_word(quote):
    assert f" {quote} " in f" {POLICY_TEXT} "


def test_meta_is_word_for_word():
    assert POLICY_TEXT.startswith(
        f"{POLICY.title} {POLICY.product} "
        f"Prepared by {POLICY.prepared_by} {POLICY.last_edited}"
    )
    assert f"Last edited on {POLICY.last_edited_on:%-d %B %Y}" == POLICY.last_edited


def test_handbook_holds_every_sentence_of_the_policy():
    handbook = tomllib.loads(FILE.read_text())["handbook"]
    written = " ".join(" ".join(line.split()) for line in quotes(handbook))
    body = POLICY_TEXT.partition("Overview ")[2]
    for heading in ("PURPOSE", "SCOPE", "POLICY 1. ByteKast Qualifications"):
        body = body.replace(f"{heading} ", "")
    body = re.sub(r"1\.\d\. [A-Z][\w& ]+?(?= This)", "", body)

    missing = [
        sentence
        for sentence in re.split(r"(?<=[.:]) (?=[A-Z\d])", " ".join(body.split()))
        if sentence not in written
    ]

    assert missing == []


def test_programmes_and_topics_are_the_policys():
    assert {
        p.title: [topic.title for topic in p.topics] for p in POLICY.programmes
    } == {
        "Sales & Marketing": [
            "Fundamentals",
            "Key Messaging",
            "Selling ByteKast",
            "Features & Platform Legalities",
        ],
        "Production & Onboarding": [
            "Authoring & Deployment",
            "Upfront Planning",
            "User Groups",
            "Useful Tips and Tools",
        ],
        "User Support": [
            "Using Resolve",
            "Categorising Tickets",
            "Escalating Tickets",
            "Support Response Times & Useful Resources",
        ],
        "Data Privacy & Analytics": [
            "Data Privacy",
            "Platform Analytics",
            "Legalities",
        ],
    }


@pytest.mark.parametrize("programme", POLICY.programmes, ids=lambda p: p.slug)
def test_programme_stands_in_the_policy(programme):
    assert f"{programme.section}. {programme.title} {programme.quote}" in POLICY_TEXT


def test_audience_teams_exist_and_training_has_no_programme():
    teams = {team.slug for team in POLICY.teams}
    audience = {slug for p in POLICY.programmes for slug in p.audience}

    assert audience <= teams
    assert [team.name for team in POLICY.teams_without_programme()] == ["Training"]


@pytest.mark.parametrize("programme", POLICY.programmes, ids=lambda p: p.slug)
def test_one_call_can_cover_a_whole_programme(programme):
    assert sum(topic.call_minutes for topic in programme.topics) <= 90


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.slug)
def test_topic_has_an_honest_start(topic):
    texts = [f"{section.quote} {section.text}" for section in topic.sections]
    words = sum(len(text.split()) for text in texts)

    assert 350 <= words <= 600
    assert topic.call_minutes in range(15, 31, 5)
    assert 3 <= len(topic.criteria) <= 5
    assert {kind for kind, _ in topic.criteria} == {"line"}
    assert "hole" in {kind for kind, _ in topic.body()}


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.slug)
def test_line_fits_its_field(topic):
    blocks = [*topic.outcomes, *topic.call, *topic.criteria, *topic.prepare]
    lines = [value for kind, value in blocks if kind == "line"]

    assert [line for line in lines if len(line) > 200] == []


def test_rich_text_reads_paragraphs_lists_and_marks():
    text = "One & **two**\nlines.\n\n- a *b*\n- c\n\n1. first\n2. second"

    assert rich_text(text) == (
        "<p>One &amp; <b>two</b> lines.</p>"
        "<ul><li>a <i>b</i></li><li>c</li></ul>"
        "<ol><li>first</li><li>second</li></ol>"
    )


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.slug)
def test_no_mark_is_left_in_the_text(topic):
    texts = [value for kind, value in topic.body() if kind == "text"]
    words = html.unescape(" ".join(texts))

    assert "*" not in words
    assert re.findall(r"<p>(?:- |\d+\. )", words) == []
