"""Which files may be uploaded, and how we know that they are what they say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import IO
from zipfile import BadZipFile, ZipFile

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lms.errors import Refused

MEGABYTE = 1024 * 1024
LONGEST_ARCHIVE = 1000  # members
LARGEST_ARCHIVE = 200 * MEGABYTE  # unpacked
LARGEST_CAPTIONS = 2 * MEGABYTE


@dataclass(frozen=True)
class Kind:
    """A kind of file: its word, the extensions it goes by, how it is told."""

    word: str | Promise
    content_types: dict[str, str]  # by extension
    is_one: Callable[[IO[bytes]], bool]
    largest: int = 25 * MEGABYTE

    @property
    def refusal(self) -> str:
        """What is said of a file that goes by this kind's name and is none."""
        if self in OFFICE:
            text = _(
                "This file is not what its name says (%(kind)s), is damaged, or holds "
                "macros. Please save it anew in its own program, without macros."
            )
        else:
            text = _(
                "This file is not what its name says (%(kind)s), or it is damaged. "
                "Please save it anew in its own program."
            )
        return text % {"kind": self.word}


def _begins(*magic: bytes) -> Callable[[IO[bytes]], bool]:
    return lambda file: file.read(16).startswith(magic)


def _is_webp(file: IO[bytes]) -> bool:
    head = file.read(12)
    return head[:4] == b"RIFF" and head[8:] == b"WEBP"


def _is_mp4(file: IO[bytes]) -> bool:
    return file.read(12)[4:8] == b"ftyp"


def _is_captions(file: IO[bytes]) -> bool:
    try:
        text = file.read(LARGEST_CAPTIONS + 1).decode("utf-8-sig")
    except UnicodeDecodeError:
        return False
    first = text.splitlines()[0] if text.strip() else ""
    return first.split(" ")[0].split("\t")[0] == "WEBVTT" and "-->" in text


def _is_office(folder: str) -> Callable[[IO[bytes]], bool]:
    """Return a look into the archive; one with macros or too much in it is none."""

    def look(file: IO[bytes]) -> bool:
        try:
            members = ZipFile(file).infolist()
        except (BadZipFile, ValueError, OSError, NotImplementedError):
            return False
        names = [member.filename for member in members]
        return (
            "[Content_Types].xml" in names
            and any(name.startswith(folder) for name in names)
            and not any(name.endswith("vbaProject.bin") for name in names)
            and not any(".." in PurePath(name).parts for name in names)
            and len(members) <= LONGEST_ARCHIVE
            and sum(member.file_size for member in members) <= LARGEST_ARCHIVE
        )

    return look


_OFFICE = "application/vnd.openxmlformats-officedocument"
PDF = Kind("PDF", {"pdf": "application/pdf"}, _begins(b"%PDF-"))
PICTURES = [
    Kind("PNG", {"png": "image/png"}, _begins(b"\x89PNG\r\n\x1a\n")),
    Kind("JPEG", {"jpg": "image/jpeg", "jpeg": "image/jpeg"}, _begins(b"\xff\xd8\xff")),
    Kind("WebP", {"webp": "image/webp"}, _is_webp),
]
OFFICE = [
    Kind("Word", {"docx": f"{_OFFICE}.wordprocessingml.document"}, _is_office("word/")),
    Kind(
        "PowerPoint",
        {"pptx": f"{_OFFICE}.presentationml.presentation"},
        _is_office("ppt/"),
    ),
]
VIDEO = Kind(
    gettext_lazy("film (MP4)"), {"mp4": "video/mp4"}, _is_mp4, largest=500 * MEGABYTE
)
CAPTIONS = Kind(
    gettext_lazy("captions (WebVTT)"),
    {"vtt": "text/vtt"},
    _is_captions,
    largest=LARGEST_CAPTIONS,
)
KINDS = [PDF, *PICTURES, *OFFICE, VIDEO, CAPTIONS]
CONTENT_TYPES = {
    extension: content_type
    for kind in KINDS
    for extension, content_type in kind.content_types.items()
}


def kind_of(name: str) -> Kind | None:
    """The kind that a file's name says it is; None for those we do not take."""
    extension = PurePath(name).suffix.lower().removeprefix(".")
    return next((kind for kind in KINDS if extension in kind.content_types), None)


def check_upload(name: str, size: int, file: IO[bytes]) -> None:
    """Refuse a file of another kind, too large, or not what its name says."""
    kind = kind_of(name)
    if kind is None:
        raise Refused(
            _("We do not take files of this kind. Please upload one of: %(kinds)s.")
            % {"kinds": ", ".join(sorted(CONTENT_TYPES))}
        )
    if size > kind.largest:
        raise Refused(
            _("This file is too large: at most %(largest)s MB for this kind.")
            % {"largest": kind.largest // MEGABYTE}
        )
    file.seek(0)
    try:
        if not kind.is_one(file):
            raise Refused(kind.refusal)
    finally:
        file.seek(0)
