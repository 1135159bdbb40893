"""An editor is told of a question without an answer, at its field."""

import pytest
from django.core.exceptions import ValidationError
from wagtail.blocks import StreamBlock

from courses.models import TopicPage
from courses.questions import QUESTION_BLOCKS

BLOCKS = dict(QUESTION_BLOCKS)
PLANTED = "zwiebelkuchen"


def option(text, is_right=False):
    return {"text": text, "is_right": is_right}


def pair(left, right):
    return {"left": left, "right": right}


WHOLE = {
    "single": {"options": [option("a", True), option("b")]},
    "several": {"options": [option("a", True), option("b", True)]},
    "true_false": {"is_true": False},
    "order": {"items": ["first", "second"]},
    "match": {"pairs": [pair("cat", "meow"), pair("dog", "bark")]},
}


def clean(kind, **changes):
    block = BLOCKS[kind]
    raw = {"text": "Which?", "reason": "Because."} | WHOLE[kind] | changes
    return block.clean(block.to_python(raw))


def words_of(error):
    """All that the editor reads, each with the way to its field."""
    found = []

    def walk(data, way):
        found.extend((way, text) for text in data.get("messages", []))
        for name, inner in data.get("blockErrors", {}).items():
            walk(inner, (*way, name))

    walk(error.as_json_data(), ())
    return found


@pytest.mark.parametrize("kind", WHOLE)
def test_whole_question_is_accepted(kind):
    assert clean(kind)["reason"] == "Because."


@pytest.mark.parametrize(
    ("kind", "changes", "told"),
    [
        (
            "single",
            {"options": [option("a"), option("b")]},
            [(("options",), "Mark the answer that is right.")],
        ),
        (
            "single",
            {"options": [option("a", True), option("b", True)]},
            [
                (
                    ("options",),
                    "Mark one answer as right, or use “Choose all that are right”.",
                )
            ],
        ),
        (
            "several",
            {"options": [option("a"), option("b")]},
            [(("options",), "Mark the answer that is right.")],
        ),
        (
            "single",
            {"options": [option("a", True)]},
            [(("options",), "The minimum number of items is 2")],
        ),
        (
            "several",
            {"options": [option("Yes ", True), option("no"), option("  yes")]},
            [(("options", 2, "text"), "This says the same as a line above.")],
        ),
        (
            "order",
            {"items": ["one"]},
            [(("items",), "The minimum number of items is 2")],
        ),
        (
            "order",
            {"items": ["one", "two", "One"]},
            [(("items", 2), "This says the same as a line above.")],
        ),
        (
            "match",
            {"pairs": [pair("cat", "meow"), pair("dog", "Meow")]},
            [(("pairs", 1, "right"), "This says the same as a line above.")],
        ),
        (
            "match",
            {"pairs": [pair("cat", "meow")]},
            [(("pairs",), "The minimum number of items is 2")],
        ),
        (
            "true_false",
            {"reason": ""},
            [(("reason",), "This field is required.")],
        ),
        ("true_false", {"text": " "}, [(("text",), "This field is required.")]),
    ],
)
def test_question_without_a_clear_answer_is_refused_at_its_field(kind, changes, told):
    with pytest.raises(ValidationError) as refused:
        clean(kind, **changes)

    assert words_of(refused.value) == told


def test_draft_of_a_question_may_be_unfinished():
    block = StreamBlock(QUESTION_BLOCKS)
    stream = block.to_python([{"type": "single", "value": {"text": "Which?"}}])

    block.defer_required_validation()
    try:
        cleaned = block.clean(stream)
    finally:
        block.restore_deferred_validation()

    assert [str(each.value["text"]) for each in cleaned] == ["Which?"]


def test_search_is_given_nothing_of_a_question():
    field = TopicPage._meta.get_field("questions")
    raw = [
        {"type": "single", "value": {"text": PLANTED, "options": [option(PLANTED)]}},
        {"type": "true_false", "value": {"text": PLANTED, "reason": PLANTED}},
        {"type": "order", "value": {"items": [PLANTED, PLANTED]}},
        {"type": "match", "value": {"pairs": [pair(PLANTED, PLANTED)]}},
    ]

    assert field.get_searchable_content(field.to_python(raw)) == []


@pytest.mark.parametrize("kind", WHOLE)
def test_editor_sees_a_preview_of_each_kind(kind):
    block = BLOCKS[kind]
    value = block.get_preview_value()

    assert block.is_previewable
    assert block.get_description()
    assert value["text"] in block.render(value)
    assert block.clean(value)["reason"] == value["reason"]


@pytest.mark.parametrize(
    ("kind", "lines"), [("single", "options"), ("order", "items"), ("match", "pairs")]
)
def test_new_question_begins_with_the_lines_it_needs(kind, lines):
    assert len(BLOCKS[kind].get_default()[lines]) == 2
