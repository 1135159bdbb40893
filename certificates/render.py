"""A certificate's PDF: the same bytes for the same claim, and no letter missing."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from django.template.loader import render_to_string
from django.utils.translation import gettext, override

from certificates import fonts, serials

if TYPE_CHECKING:
    from certificates.renderer import Renderer

NAME_WIDTH_MM = 222.0
ONE_LINE = (46, 40, 34, 28)  # in points, each a class in the style sheet
TWO_LINES = (26, 22, 16)
_POINT_MM = 25.4 / 72


class CannotRender(Exception):
    """The claim cannot be set as it is: the text says why."""


@dataclass(frozen=True)
class Design:
    """What may be chosen of a certificate's looks: two colours, dark on white."""

    ink: str = "#16294f"
    accent: str = "#84682c"

    def facts(self) -> dict[str, Any]:
        """The design as JSON."""
        return asdict(self)

    @classmethod
    def of_facts(cls, facts: dict[str, Any]) -> Design:
        return cls(**facts)


class SetName(NamedTuple):
    """How a name is set: its lines, their size, and whether in the plain face."""

    lines: list[str]
    size: int
    is_sans: bool


def render(claim: dict[str, Any], design: Design, verify_url: str) -> bytes:
    """Set the public claim as one A4 page: PDF/A-3a, tagged.

    The first call of a process loads WeasyPrint and the fonts. Not for threads.
    Raises CannotRender when a letter has no glyph or the page overflows.
    """
    return _renderer(design).render(
        page(claim, verify_url), verify_url, identifier=claim["serial"]
    )


@cache
def _renderer(design: Design) -> Renderer:
    # Fontconfig is told of our fonts alone, before WeasyPrint asks it for any.
    os.environ["FONTCONFIG_FILE"] = str(fonts.fontconfig_file())
    from certificates.renderer import Renderer  # noqa: PLC0415  the line above first

    return Renderer(design)


def page(claim: dict[str, Any], verify_url: str) -> str:
    """The page as HTML, in the claim's language."""
    address = urlsplit(verify_url)
    programme, topics = claim["programme"], claim["topics"]
    valid_until = claim["valid_until"]
    with override(claim["language"]):
        return render_to_string(
            "certificates/pdf/certificate.html",
            {
                "claim": claim,
                "title": gettext("%(name)s: %(programme)s")
                % {"name": claim["name"], "programme": programme["title"]},
                "name": set_name(claim["name"]),
                "policy": f"{programme['policy']}, {programme['section']} "
                f"{programme['title']}"
                if programme["section"]
                else programme["policy"],
                "topics": [
                    topic | {"completed_on": date.fromisoformat(topic["completed_on"])}
                    for topic in topics
                ],
                "title_class": "long" if len(programme["title"]) > 60 else "short",
                "topics_class": "few" if len(topics) <= 8 else "many",
                "issued_on": date.fromisoformat(claim["issued_on"]),
                "valid_until": valid_until and date.fromisoformat(valid_until),
                "serial": serials.shown(claim["serial"]),
                "verify_url": verify_url,
                "verify_address": f"{address.netloc}{address.path}",
            },
        )


def set_name(name: str) -> SetName:
    """Set a name as large as its line allows; a long one in two lines.

    It is set in one face: the serif, or the plain one where the serif lacks a letter.
    """
    is_sans = not fonts.covers(fonts.SERIF, name)
    face = fonts.SANS_BOLD if is_sans else fonts.SERIF
    for lines, sizes in (([name], ONE_LINE), (_in_two(name), TWO_LINES)):
        widest = max(fonts.width(face, line) for line in lines) * _POINT_MM
        for size in sizes:
            if widest * size <= NAME_WIDTH_MM:
                return SetName(lines, size, is_sans)
    return SetName(_in_two(name), TWO_LINES[-1], is_sans)


def _in_two(name: str) -> list[str]:
    """The name broken at the space nearest its middle, if it has one."""
    spaces = [at for at, letter in enumerate(name) if letter == " "]
    if not spaces:
        return [name]
    middle = min(spaces, key=lambda at: abs(at - len(name) / 2))
    return [name[:middle], name[middle + 1 :]]
