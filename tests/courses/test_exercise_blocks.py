"""An editor is told of an exercise that contradicts itself, at its field."""

import pytest
from django.core.exceptions import ValidationError
from wagtail.blocks import StreamBlock

from courses.exercise_blocks import EXERCISE_BLOCKS, Ask, mixed
from courses.models import TopicPage
from tests.factories import TopicPageFactory

BLOCKS = dict(EXERCISE_BLOCKS)
PLANTED = "zwiebelkuchen"


def category(name, *items):
    return {"name": name, "items": [{"text": each} for each in items]}


def case(text, **choices):
    listed = [
        {"text": each, "is_right": is_right, "reason": "Why."}
        for each, is_right in choices.items()
    ]
    return {"text": text, "choices": listed}


WHOLE = {
    "sort": {"categories": [category("Cat", "meow"), category("Dog", "bark")]},
    "cases": {"cases": [case("It rains", stay=True, go=False)]},
}


def clean(kind, **changes):
    block = BLOCKS[kind]
    return block.clean(block.to_python({"title": "Try"} | WHOLE[kind] | changes))


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
def test_whole_exercise_is_accepted(kind):
    assert clean(kind)["title"] == "Try"


@pytest.mark.parametrize(
    ("kind", "changes", "way", "told"),
    [
        (
            "sort",
            {"categories": [category("Cat", "meow"), category("Dog")]},
            ("categories", 1, "items"),
            "Nothing belongs here: add an item, or take the category out.",
        ),
        (
            "sort",
            {"categories": [category("Cat", "meow"), category(" cat ", "bark")]},
            ("categories", 1, "name"),
            "This says the same as a line above.",
        ),
        (
            "sort",
            {"categories": [category("Cat", "meow"), category("Dog", "bark", "Meow")]},
            ("categories", 1, "items", 1, "text"),
            "This says the same as a line above.",
        ),
        (
            "sort",
            {"categories": [category("Cat", "meow")]},
            ("categories",),
            "The minimum number of items is 2",
        ),
        (
            "sort",
            {"categories": [category("Cat", ""), category("Dog", "bark")]},
            ("categories", 0, "items", 0, "text"),
            "This field is required.",
        ),
        (
            "cases",
            {"cases": [case("It rains", stay=False, go=False)]},
            ("cases", 0, "choices"),
            "No choice is right yet: tick one.",
        ),
        (
            "cases",
            {"cases": [case("It rains", stay=True, go=True)]},
            ("cases", 0, "choices"),
            "Every choice is right: then there is nothing to decide.",
        ),
        (
            "cases",
            {"cases": [case("It rains", go=True, Go=False)]},
            ("cases", 0, "choices", 1, "text"),
            "This says the same as a line above.",
        ),
        (
            "cases",
            {"cases": [case("It rains", a=True, b=False)] * 2},
            ("cases", 1, "text"),
            "This says the same as a line above.",
        ),
        (
            "cases",
            {"cases": [case("It rains", stay=True)]},
            ("cases", 0, "choices"),
            "The minimum number of items is 2",
        ),
    ],
)
def test_editor_is_told_at_the_field(kind, changes, way, told):
    with pytest.raises(ValidationError) as caught:
        clean(kind, **changes)

    assert words_of(caught.value) == [(way, told)]


def test_draft_may_be_saved_unfinished():
    stream = StreamBlock(EXERCISE_BLOCKS)
    unfinished = {
        "sort": {"title": "", "categories": [category("Cat"), category("Cat")]},
        "cases": {"title": "", "cases": [case("It rains", stay=False)]},
    }
    raw = [{"type": kind, "value": value} for kind, value in unfinished.items()]

    kept = stream.clean_deferred(stream.to_python(raw))

    assert [each.block_type for each in kept] == ["sort", "cases"]
    for each in kept:
        assert "Exercise" in each.render()  # as the preview shows it


def test_search_is_given_nothing_of_an_exercise(db, indexed_pages):
    body = [
        ("sort", {"title": PLANTED, "categories": [category(PLANTED, PLANTED)]}),
        ("cases", {"title": PLANTED, "cases": [case(PLANTED, stay=True)]}),
    ]
    topic = TopicPageFactory(body=body)

    field = topic._meta.get_field("body")

    assert field.get_searchable_content(topic.body) == []
    assert list(TopicPage.objects.search(PLANTED)) == []


def test_items_are_mixed_the_same_for_everybody():
    asks = [Ask(key, "", (), frozenset(), {}) for key in "abcdefgh"]

    order = [each.key for each in mixed(asks)]

    assert order == [each.key for each in mixed(asks[::-1])]
    assert order != sorted(order)
    assert sorted(order) == list("abcdefgh")


@pytest.mark.parametrize("kind", WHOLE)
def test_editor_who_chooses_it_sees_how_it_looks(kind):
    block = BLOCKS[kind]

    shown = block.render(block.get_preview_value())

    assert block.is_previewable
    assert block.meta.preview_value["title"] in shown
    assert "disabled" in shown  # there is nowhere to send an answer to
