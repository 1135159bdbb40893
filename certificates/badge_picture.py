"""The picture of a badge: drawn here, without the holder's name, and what it carries."""

from __future__ import annotations

from datetime import date
from functools import cache, lru_cache
from importlib.metadata import distribution
from io import BytesIO
from math import cos, pi, sin
from typing import NamedTuple

from django.utils.translation import gettext as _
from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from content.branding import LEAST_CONTRAST, contrast

SIZE = 600  # pixels, both ways
_FINER = 3  # times, while it is drawn
_WHITE = "#ffffff"
_WIDEST = 372  # of a line of the title
_TITLE_SIZES = (64, 56, 48, 42, 36, 31)


class Colours(NamedTuple):
    """A medal's: its ground, its metal, and what is between them and white."""

    ink: str = "#16294f"
    accent: str = "#84682c"
    faint: str = "#2c4478"  # rings on the ink
    pale: str = "#cfd9ee"  # small words on it
    gleam: str = "#e6d6ac"  # the issuer on it
    rim: str = "#fbf7ec"

    @classmethod
    def of(cls, ink: str, accent: str) -> Colours:
        """Those that go with a certificate's two; the first design's were picked."""
        if (ink, accent) == (FIRST.ink, FIRST.accent):
            return FIRST
        return cls(
            ink,
            accent,
            faint=_mixed(ink, 0.12),
            pale=_readable(_mixed(ink, 0.84), ink),
            gleam=_readable(_mixed(accent, 0.7), ink),
            rim=_mixed(accent, 0.92),
        )


FIRST = Colours()


class Source(NamedTuple):
    """A variable font inside a package, and the weight to take of it."""

    package: str
    path: str
    weight: int


_SERIF = Source(
    "fontpkg-source-serif-4",
    "fontpkg_source_serif_4/files/SourceSerif4[opsz,wght].ttf",
    600,
)
_SANS = Source(
    "fontpkg-noto-sans", "fontpkg_noto_sans/files/NotoSans[wdth,wght].ttf", 600
)


def picture(
    title: str,
    *,
    issued_on: date,
    valid_until: date | None,
    issuer: str,
    colours: Colours = FIRST,
) -> bytes:
    """Draw the badge of a programme as PNG: the same bytes for the same words."""
    until = _("until %(year)s") % {"year": valid_until.year} if valid_until else ""
    foot = " · ".join(filter(None, [str(issued_on.year), until]))
    return _drawn(title, _("Qualified in").upper(), issuer, foot, colours)


def with_text(png: bytes, keyword: str, text: str) -> bytes:
    """The picture with a text in it, as PNG keeps international text: uncompressed."""
    kept = PngInfo()
    kept.add_itxt(keyword, text)
    file = BytesIO()
    with Image.open(BytesIO(png)) as image:
        image.save(file, "PNG", pnginfo=kept, optimize=False)
    return file.getvalue()


@lru_cache(maxsize=64)
def _drawn(title: str, above: str, issuer: str, foot: str, colours: Colours) -> bytes:
    side = SIZE * _FINER
    image = Image.new("RGBA", (side, side), (255, 255, 255, 0))
    draw = ImageDraw.Draw(image)
    _medal(draw, colours)
    face = _serif_or_sans(title)
    lines, size = _set_title(title, face)
    middle = 292 - 0.56 * size * (len(lines) - 1)
    _line(draw, above, _SANS, 21, 292 - 0.56 * size * len(lines) - 46, colours.pale, 3)
    for number, line in enumerate(lines):
        _line(draw, line, face, size, middle + 1.12 * size * number, _WHITE)
    _rule(draw, colours, 292 + 0.56 * size * len(lines) + 26)
    _line(draw, issuer, _SERIF, 30, 292 + 0.56 * size * len(lines) + 62, colours.gleam)
    _line(draw, foot, _SANS, 19, 478, colours.pale, 1)
    small = image.resize((SIZE, SIZE), Image.Resampling.LANCZOS)
    file = BytesIO()
    small.quantize(256, method=Image.Quantize.FASTOCTREE).save(file, "PNG")
    return file.getvalue()


def _medal(draw: ImageDraw.ImageDraw, colours: Colours) -> None:
    """A scalloped edge, two rings, and the certificate's engraved curves."""
    _polygon(draw, 292, 10, 36, colours.accent)
    _polygon(draw, 286, 10, 36, colours.rim)
    _disc(draw, 266, colours.accent)
    _disc(draw, 260, colours.rim)
    for strand in range(6):
        _curve(draw, colours, strand * 2 * pi / 6 / 24)
    _disc(draw, 236, colours.accent)
    _disc(draw, 231, colours.ink)
    for radius in (222, 218):
        _ring(draw, radius, colours.faint)


def _polygon(
    draw: ImageDraw.ImageDraw, radius: float, depth: float, waves: int, fill: str
) -> None:
    points = []
    for step in range(1440):
        angle = step * 2 * pi / 1440
        far = radius - depth / 2 + depth / 2 * cos(waves * angle)
        points.append(_at(far, angle))
    draw.polygon(points, fill)


def _curve(draw: ImageDraw.ImageDraw, colours: Colours, turn: float) -> None:
    points = []
    for step in range(1441):
        angle = step * 2 * pi / 1440
        points.append(_at(248 + 9 * sin(24 * (angle + turn)), angle))
    draw.line(points, colours.accent, _FINER, joint="curve")


def _at(radius: float, angle: float) -> tuple[float, float]:
    middle = SIZE / 2
    return (
        _FINER * (middle + radius * cos(angle)),
        _FINER * (middle + radius * sin(angle)),
    )


def _disc(draw: ImageDraw.ImageDraw, radius: float, fill: str) -> None:
    draw.ellipse(_box(radius), fill)


def _ring(draw: ImageDraw.ImageDraw, radius: float, colour: str) -> None:
    draw.ellipse(_box(radius), outline=colour, width=_FINER)


def _box(radius: float) -> tuple[float, float, float, float]:
    near, far = _FINER * (SIZE / 2 - radius), _FINER * (SIZE / 2 + radius)
    return near, near, far, far


def _rule(draw: ImageDraw.ImageDraw, colours: Colours, height: float) -> None:
    middle, y = SIZE * _FINER / 2, height * _FINER
    draw.line((middle - 120, y, middle + 120, y), colours.accent, 2 * _FINER)


def _readable(colour: str, ground: str) -> str:
    """The colour if it can be read on its ground, else white, which can."""
    return colour if contrast(colour, ground) >= LEAST_CONTRAST else _WHITE


def _mixed(colour: str, white: float) -> str:
    """The colour with so much white in it, from 0 to 1."""
    parts = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "#" + "".join(f"{round(each + (255 - each) * white):02x}" for each in parts)


def _line(
    draw: ImageDraw.ImageDraw,
    text: str,
    source: Source,
    size: float,
    height: float,
    colour: str,
    spread: int = 0,
) -> None:
    """Write a line around the middle, its letters that many pixels further apart."""
    font = _font(source, round(size * _FINER))
    place = (SIZE * _FINER / 2, height * _FINER)
    if not spread:
        draw.text(place, text, colour, font, anchor="mm")
        return
    widths = [font.getlength(letter) + spread * _FINER for letter in text]
    x = place[0] - (sum(widths) - spread * _FINER) / 2
    for letter, width in zip(text, widths, strict=True):
        draw.text((x, place[1]), letter, colour, font, anchor="lm")
        x += width


def _set_title(title: str, source: Source) -> tuple[list[str], int]:
    """Break it into at most four lines, as large as they fit; else cut the last."""
    words = title.split()
    for size in _TITLE_SIZES:
        lines = _broken(words, source, size)
        if lines and len(lines) <= (3 if size > 40 else 4):
            return lines, size
    size = _TITLE_SIZES[-1]
    lines = []
    for word in words:
        grown = f"{lines[-1]} {word}" if lines else word
        if lines and _width(grown, source, size) <= _WIDEST:
            lines[-1] = grown
        else:
            lines.append(_cut(word, source, size))
    return [*lines[:3], _cut(lines[3] + "…", source, size)] if lines[
        4:
    ] else lines, size


def _broken(words: list[str], source: Source, size: int) -> list[str] | None:
    lines: list[str] = []
    for word in words:
        if _width(word, source, size) > _WIDEST:
            return None
        grown = f"{lines[-1]} {word}" if lines else word
        if lines and _width(grown, source, size) <= _WIDEST:
            lines[-1] = grown
        else:
            lines.append(word)
    return lines


def _cut(word: str, source: Source, size: int) -> str:
    while len(word) > 1 and _width(word, source, size) > _WIDEST:
        word = word[:-2] + "…"
    return word


def _width(text: str, source: Source, size: int) -> float:
    return _font(source, size * _FINER).getlength(text) / _FINER


def _serif_or_sans(text: str) -> Source:
    return _SERIF if all(ord(c) in _letters(_SERIF) for c in text) else _SANS


@cache
def _letters(source: Source) -> frozenset[int]:
    with TTFont(_file(source), lazy=True) as font:
        return frozenset(font.getBestCmap())


@lru_cache(maxsize=32)
def _font(source: Source, size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.truetype(_file(source), size)
    chosen: list[float] = [
        source.weight if axis["name"] in (b"Weight", "Weight") else axis["default"] or 0
        for axis in font.get_variation_axes()
    ]
    font.set_variation_by_axes(chosen)
    return font


def _file(source: Source) -> str:
    return str(distribution(source.package).locate_file(source.path))
