"""Each block: how it renders, what it refuses at its field, what is found of it."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
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
