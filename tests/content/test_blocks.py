"""Each block: how it renders, what it refuses at its field, what is found of it."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from html import unescape
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils.html import escape
from wagtail.blocks import Block

from content.blocks import BODY_BLOCKS
from tests.bodies import document, picture

pytestmark = pytest.mark.django_db
BLOCKS: dict[str, Block] = dict(BODY_BLOCKS)


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path


def rendered(name: str, value: Any) -> str:
    block = BLOCKS[name]
    return " ".join(block.render(block.to_python(value)).split())


def refusals(name: str, value: Any) -> dict[str, str]:
    """What is said, by the field it is said at."""
    block = BLOCKS[name]
    with pytest.raises(ValidationError) as refused:
        block.clean(block.normalize(value))
    errors = getattr(refused.value, "block_errors", {})
    return {field: " ".join(error.messages) for field, error in errors.items()}


@pytest.mark.parametrize("name", BLOCKS)
def test_every_block_shows_itself_to_editors(name: str) -> None:
    block = BLOCKS[name]

    assert block.is_previewable
    assert block.get_description() or block.meta.help_text
    assert block.render(block.get_preview_value()) is not None


def test_image_has_its_words() -> None:
    value = {"image": picture().pk, "alt_text": "A hill", "decorative": False}

    assert 'alt="A hill"' in rendered("image", value)
    assert 'alt=""' in rendered("image", value | {"decorative": True})


def test_image_without_words_is_refused_at_the_field() -> None:
    value = {"image": picture(), "alt_text": "", "decorative": False}

    assert "alt text" in refusals("image", value)["alt_text"]


def test_uploaded_video_has_its_captions_on() -> None:
    film, captions = document("talk.mp4"), document("talk.vtt")

    html = rendered(
        "video", {"title": "A talk", "file": film.pk, "captions": captions.pk}
    )

    assert f'src="{film.url}"' in html
    assert 'kind="captions"' in html
    assert f'src="{captions.url}" default' in html


def test_video_elsewhere_loads_nothing() -> None:
    html = rendered("video", {"title": "A talk", "address": "https://vimeo.com/7697"})

    assert "<iframe" not in html
    assert " src=" not in html
    assert 'href="https://vimeo.com/7697"' in html
    assert "player.vimeo.com/video/7697?autoplay=1&amp;dnt=1" in html


@pytest.mark.parametrize(
    ("value", "field", "said"),
    [
        ({}, "file", "Choose a film"),
        ({"address": "https://example.com/film"}, "address", "YouTube and Vimeo only"),
        ({"address": "javascript:alert(1)"}, "address", "YouTube and Vimeo only"),
    ],
)
def test_video_is_refused_at_its_field(value: Any, field: str, said: str) -> None:
    assert said in refusals("video", {"title": "A talk", **value})[field]


def test_uploaded_video_without_captions_is_refused() -> None:
    film = document("talk.mp4")

    said = refusals("video", {"title": "A talk", "file": film})

    assert said == {
        "captions": "Choose the captions, for those who cannot hear the film."
    }


def test_video_of_the_wrong_files_is_refused() -> None:
    sheet = document("talk.pdf")
    value = {"title": "A talk", "file": sheet, "captions": sheet}

    assert refusals("video", value) == {
        "file": "This is not an MP4 film.",
        "captions": "This is not a WebVTT file (.vtt).",
    }


def test_table_reads_aloud() -> None:
    html = rendered("table", BLOCKS["table"].meta.preview_value)

    assert "<caption>How soon we answer</caption>" in html
    assert html.count('<th scope="col"') == 2
    assert html.count('<th scope="row"') == 2


def test_download_says_kind_and_size() -> None:
    html = rendered("download", {"document": document("plan.pdf").pk, "title": ""})

    assert "plan.pdf" in html
    assert "PDF, 2.0" in html


# --- Drafts, and what is gone -------------------------------------------------------------


@pytest.mark.parametrize("name", BLOCKS)
def test_empty_block_is_shown_in_a_draft(name: str) -> None:
    """A draft may lack everything; its preview opens all the same."""
    block = BLOCKS[name]

    draft = block.clean_deferred(block.get_default())

    assert block.render(draft) is not None
    assert block.render(block.to_python(block.get_prep_value(draft))) is not None


def test_draft_of_a_video_may_lack_its_captions_but_not_lie() -> None:
    block = BLOCKS["video"]
    film, sheet = document("talk.mp4"), document("talk.pdf")
    value = block.get_default() | {"title": "A talk", "file": film}

    assert block.clean_deferred(block.normalize(value))["file"] == film
    with pytest.raises(ValidationError):
        block.clean_deferred(block.normalize(value | {"file": sheet}))


def test_page_stands_when_its_files_are_gone() -> None:
    film, hill = document("talk.mp4"), picture()
    values = {
        "download": {"document": film.pk, "title": ""},
        "video": {"title": "A talk", "file": film.pk, "poster": hill.pk},
        "image": {"image": hill.pk, "alt_text": "A hill", "decorative": False},
    }
    film.delete()
    hill.delete()

    html = {name: rendered(name, value) for name, value in values.items()}

    assert (html["download"], html["image"]) == ("", "")
    assert "A talk" in html["video"]


# --- Whatever somebody types ----------------------------------------------------------

HOSTILE = {
    "markup": "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>",
    "emoji": "🎬👩🏽‍🚒",
    "right-to-left": "שלום \u202eevil\u202c عالم",
    "long": "x" * 10_000,
    "lines": "\r\n\t\u2028\ufeff\u200b",
}


def typed_everywhere(text: str) -> dict[str, Any]:
    """Each block as the database holds it, the text in each of its plain fields."""
    rich = str(escape(text))
    hill, plan = picture().pk, document("plan.pdf").pk
    return {
        "heading": text,
        "text": f"<p>{rich}</p>",
        "callout": {"tone": "warn", "title": text, "text": rich},
        "quote": {"text": text, "source": text},
        "hole": text,
        "image": {"image": hill, "alt_text": text, "decorative": False},
        "video": {
            "title": text,
            "address": "https://vimeo.com/7697",
            "poster": hill,
            "transcript": rich,
        },
        "download": {"document": plan, "title": text},
        "steps": [rich, rich],
        "table": {
            "rows": {
                "caption": text,
                "columns": [
                    {"type": kind, "heading": text}
                    for kind in ("text", "rich_text", "number")
                ],
                "rows": [{"values": [text, rich, text]}],
            },
            "has_row_names": False,
        },
        "accordion": [{"title": text, "text": rich}],
    }


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_any_text_is_shown_as_text(text: str) -> None:
    body = typed_everywhere(text)
    assert body.keys() == BLOCKS.keys()

    for name, value in body.items():
        block = BLOCKS[name]
        native = block.to_python(value)
        html = str(block.render(native))

        assert "<script" not in html, name
        assert "onerror=alert(1)>" not in html, name
        assert block.get_prep_value(native) is not None
        if name != "hole":
            assert str(escape(text)) in html, name


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_any_text_is_taken_or_refused_in_words(text: str) -> None:
    for name, value in typed_everywhere(text).items():
        block = BLOCKS[name]
        with suppress(ValidationError):
            block.clean(block.to_python(value))


# --- Rich text from a paste -------------------------------------------------------------


def pasted(*links: dict[str, Any], text: str = "Press here", **block: Any) -> str:
    """What the text block keeps of what a browser sends of a paste."""
    sent = {
        "blocks": [
            {
                "key": "a",
                "text": text,
                "type": "unstyled",
                "depth": 0,
                "inlineStyleRanges": [],
                "entityRanges": [
                    {"offset": 0, "length": 5, "key": key} for key in range(len(links))
                ],
                **block,
            }
        ],
        "entityMap": {str(key): link for key, link in enumerate(links)},
    }
    value = BLOCKS["text"].value_from_datadict({"text": json.dumps(sent)}, {}, "text")
    return str(BLOCKS["text"].render(BLOCKS["text"].clean(value)))


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " \tjava\nscript:alert(1)",
        "&#106;avascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:msgbox(1)",
    ],
)
def test_link_that_would_run_is_dropped(address: str) -> None:
    link = {"type": "LINK", "mutability": "MUTABLE", "data": {"url": address}}

    html = pasted(link)

    kept = [unescape(each) for each in re.findall('href="([^"]*)"', html)]
    assert not any(re.match(r"\s*[a-z]+\s*:", each, re.IGNORECASE) for each in kept)
    assert "Press" in html


@pytest.mark.parametrize("kind", ["EMBED", "IMAGE", "HORIZONTAL_RULE", "IFRAME", "X"])
def test_what_the_editor_does_not_offer_is_dropped(kind: str) -> None:
    data = {"url": "https://example.com/", "src": "x", "onerror": "alert(1)"}

    html = pasted({"type": kind, "mutability": "IMMUTABLE", "data": data})

    assert html.count("<") == html.count("<p") + html.count("</p")


def test_markup_in_a_paste_is_text() -> None:
    html = pasted(text="<script>alert(1)</script><b onclick=alert(1)>bold</b>")

    assert "&lt;script&gt;" in html
    assert "<b" not in html


def test_attributes_in_a_paste_are_dropped() -> None:
    link = {
        "type": "LINK",
        "mutability": "MUTABLE",
        "data": {
            "url": "https://example.com/",
            "onclick": "alert(1)",
            "style": "position:fixed",
            "target": "_blank",
        },
    }

    html = pasted(link, data={"onclick": "alert(1)", "style": "x"})

    assert '<a href="https://example.com/">Press</a>' in html
    assert "onclick" not in html
    assert "style" not in html


def test_letter_that_is_half_is_replaced() -> None:
    assert "a\ufffdb 🎬" in pasted(text="a\ud800b 🎬")


def test_null_is_refused_in_a_paste() -> None:
    with pytest.raises(ValidationError, match="Null characters"):
        pasted(text="a\0b")


def test_null_in_a_table_is_dropped() -> None:
    block = BLOCKS["table"]
    value = block.get_preview_value()
    value["rows"].caption = value["rows"].columns[0]["heading"] = "a\0b"

    rows = block.clean(value)["rows"]

    assert (rows.caption, rows.columns[0]["heading"]) == ("ab", "ab")


# --- What search finds --------------------------------------------------------------------


def test_search_finds_the_words_and_nothing_else() -> None:
    body = typed_everywhere("Teapot")
    body["heading"] = "Heading"

    found = {
        name: " ".join(block.get_searchable_content(block.to_python(body[name])))
        for name, block in BLOCKS.items()
    }

    assert found["hole"] == ""
    assert found["heading"] == "Heading"
    assert {name for name, words in found.items() if "Teapot" in words} == (
        BLOCKS.keys() - {"hole", "heading"}
    )
    assert not any("vimeo" in words for words in found.values())
    assert "Take care" not in found["callout"]
