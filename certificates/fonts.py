"""The fonts of a certificate: small static files made once from two packages.

WeasyPrint turns a variable font into a static one for every document, which is
three quarters of its time. So the worker makes static files at its first start:
letters first, weights second, which is much the quicker. They
lie in a folder named after the packages' versions and the recipe.
"""

import json
import tempfile
import unicodedata
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

from django.conf import settings
from fontTools.ttLib import TTFont


class Face(NamedTuple):
    """One static file: from which variable font, under which name, at which axes."""

    package: str
    source: str
    family: str
    style: str
    axes: tuple[tuple[str, float], ...]

    @property
    def filename(self) -> str:
        return f"{self.family}-{self.style}.ttf".replace(" ", "")


FACES = (
    Face(
        "fontpkg-noto-sans",
        "NotoSans[wdth,wght].ttf",
        "Certificate Sans",
        "Regular",
        (("wght", 400), ("wdth", 100)),
    ),
    Face(
        "fontpkg-noto-sans",
        "NotoSans[wdth,wght].ttf",
        "Certificate Sans",
        "SemiBold",
        (("wght", 600), ("wdth", 100)),
    ),
    Face(
        "fontpkg-source-serif-4",
        "SourceSerif4[opsz,wght].ttf",
        "Certificate Serif",
        "SemiBold",
        (("wght", 600), ("opsz", 48)),
    ),
    Face(
        "fontpkg-source-serif-4",
        "SourceSerif4-Italic[opsz,wght].ttf",
        "Certificate Serif",
        "Italic",
        (("wght", 400), ("opsz", 16)),
    ),
)
SANS, SANS_BOLD, SERIF, SERIF_ITALIC = FACES

LETTERS = (
    (0x0020, 0x007E),  # Latin
    (0x00A0, 0x024F),  # Latin-1, Extended-A and -B
    (0x0250, 0x036F),  # phonetic letters, modifiers, combining marks
    (0x0370, 0x03FF),  # Greek
    (0x0400, 0x052F),  # Cyrillic
    (0x1E00, 0x1FFF),  # Vietnamese and further Latin, polytonic Greek
    (0x2000, 0x206F),  # punctuation
    (0x20A0, 0x20CF),  # currencies
    (0x2116, 0x2122),  # № to ™
)
FEATURES = ("ccmp", "locl", "mark", "mkmk", "kern", "liga", "calt", "lnum", "case")
_FONTCONFIG = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig><dir>{fonts}</dir><cachedir>{fonts}/cache</cachedir></fontconfig>
"""
_RECIPE = 1  # raise it when the making below changes


def ensure_fonts() -> Path:
    """The folder of the finished fonts; makes them if need be (about 15 seconds).

    Safe in several processes at once: each makes its own folder, the first to
    rename it into place wins.
    """
    folder = fonts_folder()
    if folder.is_dir():
        return folder

    from certificates.fontmaker import make_static  # noqa: PLC0415  half a second

    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as workshop:
        made = Path(workshop) / "made"
        made.mkdir()
        for face in FACES:
            (made / face.filename).write_bytes(make_static(face))
        try:
            made.rename(folder)
        except OSError:
            if not folder.is_dir():  # not because another process was quicker
                raise
    return folder


def fonts_folder() -> Path:
    """Where the finished fonts of these packages and this recipe lie."""
    packages = sorted({face.package for face in FACES})
    recipe = [
        _RECIPE,
        FACES,
        LETTERS,
        FEATURES,
        [(package, version(package)) for package in [*packages, "fonttools"]],
    ]
    digest = sha256(json.dumps(recipe).encode()).hexdigest()
    return Path(settings.DATA_DIR) / "fonts" / digest[:16]


def fontconfig_file() -> Path:
    """A configuration that shows fontconfig our fonts and none of the system's."""
    folder = ensure_fonts().resolve()
    text = _FONTCONFIG.format(fonts=escape(str(folder)))
    file = folder.with_suffix(".conf")
    if not file.exists() or file.read_text() != text:
        with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False) as new:
            new.write(text)
        Path(new.name).replace(file)
    return file


def missing_letters(text: str) -> set[str]:
    """The letters which none of our fonts has, so that nothing with boxes is issued.

    Spaces count as present, and so do signs that are never drawn (joiners,
    direction marks).
    """
    return {
        letter
        for letter in unicodedata.normalize("NFC", text)
        if ord(letter) not in _letters_of_all()
        and not letter.isspace()
        and unicodedata.category(letter) != "Cf"
    }


def covers(face: Face, text: str) -> bool:
    """Whether one face alone can set the text: a name is not mixed from two."""
    letters = _widths(face)
    return all(ord(letter) in letters for letter in text)


def width(face: Face, text: str) -> float:
    """How wide the text runs in this face, in ems (kerning left out)."""
    widths = _widths(face)
    return sum(widths.get(ord(letter), 1.0) for letter in text)


@cache
def _letters_of_all() -> frozenset[int]:
    return frozenset(code for face in FACES for code in _widths(face))


@cache
def _widths(face: Face) -> dict[int, float]:
    """Of each letter that the finished font has, its advance in ems."""
    with TTFont(ensure_fonts() / face.filename) as font:
        advances, em = font["hmtx"].metrics, font["head"].unitsPerEm
        return {
            code: advances[glyph][0] / em for code, glyph in font.getBestCmap().items()
        }
