"""The fonts of a certificate: small static files made once from two packages.

WeasyPrint turns a variable font into a static one for every document, which is
three quarters of its time. So the worker makes static files at its first start:
letters first, weights second, which is much the quicker. They
lie in a folder named after the packages' versions and the recipe.
"""

import json
import tempfile
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

from django.conf import settings
from fontTools.ttLib import TTFont

from certificates import letters

Range = tuple[int, int]


class Face(NamedTuple):
    """One static file: from which font, under which name, at which axes.

    `letters` are the ranges taken from it; without any, the font is taken whole.
    """

    package: str
    source: str
    family: str
    style: str
    axes: tuple[tuple[str, float], ...]
    letters: tuple[Range, ...]

    @property
    def filename(self) -> str:
        return f"{self.family}-{self.style}{Path(self.source).suffix}".replace(" ", "")


EUROPEAN: tuple[Range, ...] = (
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
_BETWEEN = ((0x0020, 0x0020), (0x00A0, 0x00A0), (0x200C, 0x200F), (0x25CC, 0x25CC))
ARABIC = (*_BETWEEN, (0x0600, 0x06FF), (0x0750, 0x077F), (0x08A0, 0x08FF))
DEVANAGARI = (*_BETWEEN, (0x0900, 0x097F), (0xA8E0, 0xA8FF))
HEBREW = (*_BETWEEN, (0x0591, 0x05F4), (0xFB1D, 0xFB4F))


def _plain(package: str, source: str, family: str, letters: tuple[Range, ...]) -> Any:
    """A family in the two weights of plain text."""
    axes = (("wdth", 100),) if "wdth" in source else ()
    return (
        Face(package, source, family, "Regular", (("wght", 400), *axes), letters),
        Face(package, source, family, "SemiBold", (("wght", 600), *axes), letters),
    )


SANS, SANS_BOLD = _plain(
    "fontpkg-noto-sans", "NotoSans[wdth,wght].ttf", "Certificate Sans", EUROPEAN
)
SERIF = Face(
    "fontpkg-source-serif-4",
    "SourceSerif4[opsz,wght].ttf",
    "Certificate Serif",
    "SemiBold",
    (("wght", 600), ("opsz", 48)),
    EUROPEAN,
)
SERIF_ITALIC = Face(
    "fontpkg-source-serif-4",
    "SourceSerif4-Italic[opsz,wght].ttf",
    "Certificate Serif",
    "Italic",
    (("wght", 400), ("opsz", 16)),
    EUROPEAN,
)
# Chinese, Japanese and Korean: each package is 14 MB, so whoever needs them adds them.
_EAST_ASIAN = (
    Face(
        "noto-cjk-sans-jp-regular",
        "NotoSansCJKjp-Regular.otf",
        "Certificate East Asian",
        "Regular",
        (),
        (),
    ),
    Face(
        "noto-cjk-sans-jp-bold",
        "NotoSansCJKjp-Bold.otf",
        "Certificate East Asian",
        "Bold",
        (),
        (),
    ),
)
FACES: tuple[Face, ...] = (
    SERIF,
    SERIF_ITALIC,
    SANS,
    SANS_BOLD,
    *(
        Face(  # each letter one glyph, dots and all, so that it is copied as it is
            "fontpkg-ibm-plex-sans-arabic",
            f"IBMPlexSansArabic-{style}.ttf",
            "Certificate Arabic",
            style,
            (),
            ARABIC,
        )
        for style in ("Regular", "SemiBold")
    ),
    *_plain(
        "fontpkg-noto-sans-devanagari",
        "NotoSansDevanagari[wdth,wght].ttf",
        "Certificate Devanagari",
        DEVANAGARI,
    ),
    *_plain(
        "fontpkg-frank-ruhl-libre",
        "FrankRuhlLibre[wght].ttf",
        "Certificate Hebrew",
        HEBREW,
    ),
    *(face for face in _EAST_ASIAN if find_spec(face.package.replace("-", "_"))),
)
FEATURES = (
    *("ccmp", "locl", "mark", "mkmk", "kern", "liga", "calt", "lnum", "case"),
    *("init", "medi", "fina", "isol", "rlig", "rclt", "curs"),  # letters that join
    *("nukt", "akhn", "rphf", "rkrf", "blwf", "half", "vatu", "cjct", "cfar"),  # Indic
    *("pres", "abvs", "blws", "psts", "haln", "dist", "abvm", "blwm"),
)
_FONTCONFIG = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig><dir>{fonts}</dir><cachedir>{fonts}/cache</cachedir></fontconfig>
"""
_RECIPE = 2  # raise it when the making below changes


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
    """The letters which none of our finished fonts has: what is true, not what is kept.

    `letters.missing_letters` tells the same of a name that is being typed.
    """
    return letters.missing_from(text, lambda: map(_widths, FACES))


def letters_to_keep() -> list[letters.KeptFace]:
    """What `letters.json` has to say of the finished fonts."""
    return [
        letters.KeptFace(face.filename, face.package, frozenset(_widths(face)))
        for face in FACES
    ]


def _face_of(letter: str) -> Face | None:
    return next((face for face in FACES if covers(face, letter)), None)


def covers(face: Face, text: str) -> bool:
    """Whether one face alone can set the text: a name is not mixed from two."""
    return letters.covered(text, by=_widths(face))


def width(face: Face, text: str) -> float:
    """How wide the text runs in this face, in ems (kerning left out).

    What it lacks is counted in the first face that has it.
    """
    widths, total = _widths(face), 0.0
    for letter in text:
        if (code := ord(letter)) in widths:
            total += widths[code]
        elif not letters.is_unseen(letter):
            other = _face_of(letter)
            total += _widths(other)[code] if other else 1.0
    return total


@cache
def _widths(face: Face) -> dict[int, float]:
    """Of each letter that the finished font has, its advance in ems."""
    with TTFont(ensure_fonts() / face.filename, lazy=True) as font:
        advances, em = font["hmtx"].metrics, font["head"].unitsPerEm
        return {
            code: advances[glyph][0] / em for code, glyph in font.getBestCmap().items()
        }
