"""A certificate's PDF: the same bytes for the same claim, and no letter missing."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import segno
from django.template.loader import render_to_string
from django.utils.translation import gettext, override

from certificates import fonts, ornament, serials
from certificates.claims import direction_of
from certificates.letters import clusters
from certificates.pictures import Picture

if TYPE_CHECKING:
    from certificates.renderer import Renderer

QR_ADDRESS = "certificate:qr.svg"
PICTURES = ("logo", "signature")  # of a design
STYLES = Path(__file__).parent / "pdf" / "certificate.css"
NAME_WIDTH_MM = 222.0
SIZES = (  # by number of lines, in points, each a class in the style sheet
    (1, (46, 40, 34, 28)),
    (2, (26, 22, 18)),
    (3, (16, 12)),
)
_POINT_MM = 25.4 / 72
_QR_MASK = 6  # set, not chosen by the library: its choice takes long, and may change


class CannotRender(Exception):
    """The claim cannot be set as it is: the text says why."""


@dataclass(frozen=True)
class Design:
    """What may be chosen of a certificate's looks. An empty text is the usual one.

    The usual texts are in the holder's language. `logo_text` is what the logo says,
    `has_issuer` whether the issuer's name is printed below it.
    """

    ink: str = "#16294f"
    accent: str = "#84682c"
    paper: str = "#ffffff"
    heading: str = ""
    above_name: str = ""
    below_name: str = ""
    foot: str = ""
    logo: Picture | None = None
    logo_text: str = ""
    has_issuer: bool = True
    signatory: str = ""
    signatory_role: str = ""
    signature: Picture | None = None

    @property
    def pictures(self) -> tuple[Picture, ...]:
        return tuple(filter(None, (self.logo, self.signature)))

    @property
    def words(self) -> str:
        """All that it prints in letters."""
        return " ".join(
            (
                *(self.heading, self.above_name, self.below_name, self.foot),
                *(self.signatory, self.signatory_role),
            )
        )

    def facts(self) -> dict[str, Any]:
        """The design as JSON, its pictures by their hash."""
        return {
            each.name: value.sha256 if isinstance(value, Picture) else value
            for each in fields(self)
            for value in [getattr(self, each.name)]
        }

    @classmethod
    def of_facts(
        cls,
        facts: dict[str, Any],
        pictures: Mapping[str, Picture] = MappingProxyType({}),
    ) -> Design:
        """The design of these facts; a KeyError where a picture of it is not given."""
        shown = {name: pictures[facts[name]] for name in PICTURES if facts.get(name)}
        return cls(**{**facts, **shown})


class Attached(NamedTuple):
    """A file inside the PDF, as the data that the page was made from."""

    name: str
    content: bytes
    description: str
    mime: str


class SetName(NamedTuple):
    """How a name is set: its lines, their size, and whether in the plain face."""

    lines: list[str]
    size: int
    is_sans: bool


def render(
    claim: dict[str, Any],
    design: Design,
    verify_url: str,
    *,
    attachments: Sequence[Attached] = (),
    is_sample: bool = False,
) -> bytes:
    """Set the public claim as one A4 page: PDF/A-3a and PDF/UA-1, ready for the seal.

    A sample says so across the page. The first call of a process loads WeasyPrint and
    the fonts. Not for threads. Raises CannotRender when a letter has no glyph or the
    page overflows.
    """
    renderer = _renderer(design.ink, design.accent, design.paper)
    return renderer.render(
        page(claim, verify_url, design, is_sample=is_sample),
        identifier=claim["serial"],
        at=datetime.fromisoformat(claim["issued_at"]),
        drawings={
            QR_ADDRESS: qr_code(verify_url),
            **{each.address: each.content for each in design.pictures},
        },
        attachments=attachments,
    )


def renderer_of(styles: str, *, under: bytes = b"") -> Renderer:
    """Load WeasyPrint with our fonts alone, for pages in this style sheet.

    What lies `under` them is drawn in PDF's own operators. Keep it for a process: the
    fonts and the style sheet are read once.
    """
    # Fontconfig is told of our fonts alone, before WeasyPrint asks it for any.
    os.environ["FONTCONFIG_FILE"] = str(fonts.fontconfig_file())
    from certificates.renderer import Renderer  # noqa: PLC0415  the line above first

    return Renderer(styles, under=under)


@lru_cache(maxsize=8)
def _renderer(ink: str, accent: str, paper: str) -> Renderer:
    return renderer_of(
        f":root {{ --ink: {ink}; --accent: {accent} }}\n{STYLES.read_text()}",
        under=ornament.background(ink, accent, paper),
    )


def qr_code(text: str) -> str:
    """A QR code as SVG, with the quiet zone that readers ask for."""
    code = segno.make(text, error="m", micro=False, mask=_QR_MASK)
    file = BytesIO()
    code.save(file, kind="svg", border=4, scale=4, xmldecl=False)
    return file.getvalue().decode()


def page(
    claim: dict[str, Any],
    verify_url: str,
    design: Design | None = None,
    *,
    is_sample: bool = False,
) -> str:
    """The page as HTML, in the claim's language; in the first design, if in none."""
    design = design or Design()
    sources = {
        "qr": QR_ADDRESS,
        "logo": design.logo.address if design.logo else None,
        "signature": design.signature.address if design.signature else None,
    }
    with override(claim["language"]):
        words = words_on(claim, verify_url, design, sources, is_sample=is_sample)
        return render_to_string("certificates/pdf/certificate.html", words)


def words_on(
    claim: dict[str, Any],
    verify_url: str,
    design: Design,
    sources: dict[str, str | None],
    *,
    is_sample: bool,
) -> dict[str, Any]:
    """All that stands on the page, and from where its pictures come."""
    address = urlsplit(verify_url)
    programme, topics = claim["programme"], claim["topics"]
    valid_until = claim["valid_until"]
    return {
        "claim": claim,
        "design": design,
        "sources": sources,
        "is_heading_joined": not fonts.covers(fonts.SANS_BOLD, design.heading),
        "title": gettext("%(name)s: %(programme)s")
        % {"name": claim["name"], "programme": programme["title"]},
        "name": set_name(claim["name"]),
        "direction": claim.get("direction") or direction_of(claim["name"]),
        "policy": f"{programme['policy']}, {programme['section']} {programme['title']}"
        if programme["section"]
        else programme["policy"],
        "topics": [
            topic | {"completed_on": date.fromisoformat(topic["completed_on"])}
            for topic in topics
        ],
        "title_class": _length_class(programme["title"]),
        "topics_class": "few" if len(topics) <= 8 else "many",
        "issued_on": date.fromisoformat(claim["issued_on"]),
        "valid_until": valid_until and date.fromisoformat(valid_until),
        "serial": serials.shown(claim["serial"]),
        "is_sample": is_sample,
        "verify_url": verify_url,
        "verify_address": f"{address.netloc}{address.path}",
    }


def _length_class(title: str) -> str:
    if len(title) > 85:
        return "longest"
    return "long" if len(title) > 60 else "short"


def set_name(name: str) -> SetName:
    """Set a name as large as its line allows; a long one in two lines, or in three.

    Its European letters are set in one face: the serif, or the plain one where the
    serif lacks one of them. Raises CannotRender when no size is small enough.
    """
    is_sans = not fonts.covers(
        fonts.SERIF,
        "".join(letter for letter in name if fonts.covers(fonts.SANS_BOLD, letter)),
    )
    face = fonts.SANS_BOLD if is_sans else fonts.SERIF
    for count, sizes in SIZES:
        lines = _in_lines(name, count)
        widest = max(fonts.width(face, line) for line in lines) * _POINT_MM
        for size in sizes:
            if widest * size <= NAME_WIDTH_MM:
                return SetName(lines, size, is_sans)
    raise CannotRender("the name is too long")


def _in_lines(name: str, count: int) -> list[str]:
    """The name in so many lines of much the same length, broken at spaces.

    Where it has too few, it is broken between two letters.
    """
    if count == 1:
        return [name]
    words = name.split(" ")
    glue = " "
    if len(words) < count or max(map(len, words)) > 2 * len(name) / count:
        words, glue = clusters(name), ""
    lines, left = [], len(name)
    for lines_left in range(count, 1, -1):
        line = words.pop(0)
        while len(words) >= lines_left and (
            len(line) + len(words[0]) / 2 < left / lines_left
        ):
            line += glue + words.pop(0)
        lines.append(line)
        left -= len(line)
    return [*lines, glue.join(words)]
