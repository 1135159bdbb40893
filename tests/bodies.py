"""A body that holds every block, and the files that it shows."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile
from PIL import Image as Picture
from PIL import ImageDraw
from wagtail.documents.models import Document
from wagtail.images.models import Image

FILM = Path(__file__).parent / "content" / "files" / "film.mp4"
CAPTIONS = b"WEBVTT\n\n00:00.000 --> 00:05.000\nA clock counts up to six seconds.\n"
PDF = b"%PDF-1.7\n" + b"x" * 2039


def document(name: str, content: bytes = PDF, title: str = "") -> Document:
    """A document as an upload leaves it: with its size and its hash."""
    row = Document(title=title or name, file=ContentFile(content, name))
    row.save()
    row.get_file_size()
    row.get_file_hash()
    return row


def film() -> Document:
    return document("clock.mp4", FILM.read_bytes(), "A clock")


def picture_in(form: str, size: tuple[int, int] = (160, 80)) -> bytes:
    """A drawing of a hill, as the bytes of a file."""
    wide, high = size
    drawing = Picture.new("RGB", size, "#d8e9ee")
    pen = ImageDraw.Draw(drawing)
    pen.ellipse((wide * 0.7, high * 0.15, wide * 0.7 + high / 4, high * 0.4), "#f1c072")
    slope = [(0, high * 0.9), (wide * 0.3, high * 0.4), (wide, high), (0, high)]
    pen.polygon(slope, "#0b6078")
    content = BytesIO()
    drawing.save(content, form)
    return content.getvalue()


def picture(size: tuple[int, int] = (160, 80)) -> Image:
    file = ContentFile(picture_in("PNG", size), "hill.png")
    return Image.objects.create(title="A hill", file=file)


def every_block() -> list[tuple[str, Any]]:
    """One of each block of `content.blocks.BODY_BLOCKS`; some in two ways."""
    hill = picture((1600, 800))
    hill.contextual_alt_text, hill.decorative = "A hill, and the sun above it", False
    caption = document("clock.vtt", CAPTIONS)
    film_fields = {
        "file": None,
        "captions": None,
        "address": "",
        "poster": None,
        "transcript": "",
    }
    return [
        ("heading", "Before the first call"),
        (
            "text",
            "<p>Say <b>what happened</b> before you say why. Then ask one question, "
            'and wait: <a href="https://example.com/">an example</a>.</p>'
            "<h3>What helps</h3><ul><li>A time</li><li>A name</li></ul>",
        ),
        *(
            ("callout", {"tone": tone, "title": title, "text": f"<p>{text}</p>"})
            for tone, title, text in [
                ("info", "Good to know", "Every ticket has <b>one</b> owner."),
                ("good", "", "Write down what you promised."),
                ("warn", "Take care", "Close what others must not see."),
            ]
        ),
        ("quote", {"text": "Topics are covered in calls.", "source": "Policy 1"}),
        ("hole", "Fill in: who may open the archive."),
        ("image", hill),
        (
            "video",
            film_fields
            | {
                "title": "A clock counts up",
                "file": film(),
                "captions": caption,
                "transcript": "<p>A clock counts up to six seconds.</p>",
            },
        ),
        (
            "video",
            film_fields
            | {
                "title": "A handover in two minutes",
                "address": "https://vimeo.com/76979871",
            },
        ),
        (
            "video",
            film_fields
            | {
                "title": "Words that calm",
                "address": "https://youtu.be/aaaaaaaaaaa",
                "poster": hill,
            },
        ),
        (
            "download",
            {"document": document("handover.pdf", title="Checklist"), "title": ""},
        ),
        (
            "steps",
            [
                "<p>Read the ticket to the end.</p>",
                "<p>Say back <b>what you understood</b>, and ask whether that is it. "
                "If not, begin again with what you missed.</p>",
                "<p>Agree on the next step.</p><p>And on when.</p>",
            ],
        ),
        (
            "table",
            {
                "rows": {
                    "caption": "How soon we answer",
                    "columns": [
                        {"type": "text", "heading": "What happened"},
                        {"type": "rich_text", "heading": "Who takes it"},
                        {"type": "number", "heading": "Answer within"},
                    ],
                    "rows": [
                        {
                            "values": [
                                "Nobody can work",
                                '<p><a href="https://example.com/">The lead</a></p>',
                                "1 hour",
                            ]
                        },
                        {"values": ["One is held up", "<p>Anybody</p>", "8 hours"]},
                    ],
                },
                "has_row_names": True,
            },
        ),
        (
            "accordion",
            [
                {
                    "title": "What if nobody answers?",
                    "text": "<p>Write once more, then ask your lead.</p>",
                },
                {"title": "What if it is urgent?", "text": "<p>Call.</p>"},
            ],
        ),
    ]
