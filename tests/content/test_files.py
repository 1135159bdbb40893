"""A file is told by how it begins, not by its name: what is taken, what refused."""

from contextlib import suppress
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from content import files
from content.files import KINDS, MEGABYTE, check_upload
from lms.errors import Refused
from tests.bodies import CAPTIONS, FILM, PDF, picture_in


def office(*names: str, content: bytes = b"<xml/>") -> bytes:
    archive = BytesIO()
    with ZipFile(archive, "w", ZIP_DEFLATED) as members:
        for name in names:
            members.writestr(name, content)
    return archive.getvalue()


WORD = office("[Content_Types].xml", "word/document.xml")
SLIDES = office("[Content_Types].xml", "ppt/presentation.xml")
TRUE = {
    "plan.pdf": PDF,
    "PLAN.PDF": PDF,
    "plan.docx": WORD,
    "plan.pptx": SLIDES,
    "hill.png": picture_in("PNG"),
    "hill.jpg": picture_in("JPEG"),
    "hill.jpeg": picture_in("JPEG"),
    "hill.webp": picture_in("WEBP"),
    "clock.mp4": FILM.read_bytes(),
    "clock.vtt": CAPTIONS,
    "with a mark.vtt": b"\xef\xbb\xbf" + CAPTIONS,
    "wíth ëmoji 🎬.pdf": PDF,
}
HTML = b"<!doctype html><script>alert(1)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
OTHER_KINDS = [
    *(
        "a.svg",
        "a.html",
        "a.htm",
        "a.js",
        "a.exe",
        "a.zip",
        "a.docm",
        "a.xlsx",
        "a.csv",
    ),
    *("a.txt", "a.gif", "a.heic", "a.mov", "a.webm", "a.xml", "a.swf", "a.pdf.exe"),
    *("pdf", ".pdf", "a.", "a", "a.pdf\u202egpj", "a.pdf ", "a.pdf\x00.svg"),
]
BOMB = office("[Content_Types].xml", "word/document.xml", content=b"0" * 101 * MEGABYTE)
LIARS = {
    "script.pdf": SVG,
    "page.pdf": HTML,
    "padded.pdf": b"\n\n" + PDF,
    "page.png": HTML,
    "drawing.png": SVG,
    "film.png": FILM.read_bytes(),
    "hill.png": picture_in("JPEG"),
    "hill.jpg": picture_in("PNG"),
    "hill.webp": b"RIFF\x00\x00\x00\x00WAVE",
    "empty.pdf": b"",
    "empty.docx": b"",
    "half.docx": WORD[: len(WORD) // 2],
    "slides.docx": SLIDES,
    "words.pptx": WORD,
    "archive.docx": office("readme.txt"),
    "macros.docx": office(
        "[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"
    ),
    "climbs.docx": office(
        "[Content_Types].xml", "word/document.xml", "../../etc/passwd"
    ),
    "many.docx": office(
        "[Content_Types].xml", "word/a", *(f"word/{n}" for n in range(1000))
    ),
    "bomb.docx": BOMB,
    "program.mp4": b"MZ" + b"\x00" * 100,
    "page.mp4": HTML,
    "page.vtt": HTML,
    "no cue.vtt": b"WEBVTT\n\nHello",
    "subrip.vtt": b"1\n00:00:00,000 --> 00:00:01,000\nHello",
    "latin.vtt": CAPTIONS + "ü".encode("latin-1"),
    "webvttx.vtt": b"WEBVTTX\n\n00:00.000 --> 00:05.000\nHello",
}


def check(name: str, content: bytes) -> None:
    check_upload(name, len(content), BytesIO(content))


@pytest.mark.parametrize("name", TRUE)
def test_file_that_is_what_it_says_is_taken(name):
    check(name, TRUE[name])


@pytest.mark.parametrize("name", OTHER_KINDS)
def test_other_kinds_are_refused(name):
    with pytest.raises(Refused, match="We do not take files of this kind"):
        check(name, PDF)


@pytest.mark.parametrize("name", LIARS)
def test_file_that_lies_is_refused(name):
    with pytest.raises(Refused, match="This file is not what its name says"):
        check(name, LIARS[name])


@pytest.mark.parametrize(
    ("name", "largest"), [("a.pdf", 25), ("a.mp4", 500), ("a.vtt", 2)]
)
def test_size_is_refused_beyond_what_its_kind_may_have(name, largest):
    content = {"a.pdf": PDF, "a.mp4": FILM.read_bytes(), "a.vtt": CAPTIONS}[name]

    check_upload(name, largest * MEGABYTE, BytesIO(content))
    with pytest.raises(Refused, match=f"at most {largest} MB"):
        check_upload(name, largest * MEGABYTE + 1, BytesIO(content))


def test_file_is_given_back_at_its_beginning():
    file = BytesIO(PDF)

    check_upload("plan.pdf", len(PDF), file)

    assert file.tell() == 0


def test_no_extension_stands_for_two_kinds():
    assert len(files.CONTENT_TYPES) == sum(len(kind.content_types) for kind in KINDS)


@given(
    name=st.sampled_from([name for name in TRUE if name.isascii()]),
    edits=st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=4)), max_size=4),
    length=st.integers(0, 500),
)
def test_damaged_file_is_taken_or_refused_and_never_fails(name, edits, length):
    content = TRUE[name][-length:] if length else TRUE[name]
    for at, put in edits:
        content = content[:at] + put + content[at + len(put) :]

    with suppress(Refused):
        check(name, content)
