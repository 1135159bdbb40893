"""A statement's one page, a sister of the certificate: the same bytes for a claim."""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import override

from certificates import fonts, ornament, serials
from certificates.claims import canonical, direction_of
from certificates.designing import design_of
from certificates.render import (
    QR_ADDRESS,
    Attached,
    CannotRender,
    Design,
    qr_code,
    renderer_of,
    set_name,
)

if TYPE_CHECKING:
    from certificates.models import DesignRevision
    from certificates.renderer import Renderer

STYLES = Path(__file__).parent / "pdf" / "statement.css"
MARK = "statement-"  # before the serial in a file's identifier: no certificate's
_FEW, _LETTERS = 5, 300  # programmes in large rows, and letters of their needs
_MOST = 16  # lines of small rows
_LINE = 56  # letters of a need in a small row's line


def render(claim: dict[str, Any], design: DesignRevision, url: str) -> bytes:
    """Set the claim as one A4 page: PDF/A-3a and PDF/UA-1, ready for the seal.

    The claim lies inside as a file. Raises CannotRender when a letter has no glyph,
    and when it has more programmes than fit.
    """
    if missing := fonts.missing_letters(_words_of(claim)):
        raise CannotRender(
            _("no font has these letters: %(letters)s")
            % {"letters": " ".join(sorted(missing))}
        )
    if sum(1 + len(each["need"]) // _LINE for each in claim["programmes"]) > _MOST:
        raise CannotRender(_("there are too many programmes for one page"))
    look = design_of(design)
    return _renderer(look.ink, look.accent, look.paper).render(
        page(claim, url, look),
        identifier=f"{MARK}{claim['serial']}",
        at=datetime.fromisoformat(claim["asked_at"]),
        drawings={
            QR_ADDRESS: qr_code(url),
            **({look.logo.address: look.logo.content} if look.logo else {}),
        },
        attachments=[
            Attached(
                "statement.json",
                canonical(claim),
                "What this statement says",
                "application/json",
            )
        ],
    )


def page(claim: dict[str, Any], url: str, look: Design | None = None) -> str:
    """The page as HTML, in the claim's language; of a design it takes the logo."""
    address = urlsplit(url)
    day = date.fromisoformat(claim["day"])
    with override(claim["language"]):
        return render_to_string(
            "certificates/pdf/statement.html",
            {
                "claim": claim,
                "look": look,
                "title": _("%(reseller)s: statement of standing")
                % {"reseller": claim["reseller"]},
                "name": set_name(claim["reseller"]),
                "direction": direction_of(claim["reseller"]),
                "day": day,
                "asked_at": datetime.fromisoformat(claim["asked_at"]),
                "programmes": [
                    {
                        **each,
                        "until": each["until"] and date.fromisoformat(each["until"]),
                    }
                    for each in claim["programmes"]
                ],
                "rows": _rows(claim),
                "serial": serials.shown(claim["serial"]),
                "url": url,
                "address": f"{address.netloc}{address.path}",
            },
        )


def _rows(claim: dict[str, Any]) -> str:
    """Which rows of the style sheet have room for it."""
    needs = [each["need"] for each in claim["programmes"]]
    is_short = sum(map(len, needs)) <= _LETTERS
    return "few" if len(needs) <= _FEW and is_short else "many"


def _words_of(claim: dict[str, Any]) -> str:
    programmes = claim["programmes"]
    titles = (f"{each['title']} {each['need']}" for each in programmes)
    return " ".join([claim["reseller"], *titles])


@lru_cache(maxsize=8)
def _renderer(ink: str, accent: str, paper: str) -> Renderer:
    return renderer_of(
        f":root {{ --ink: {ink}; --accent: {accent} }}\n{STYLES.read_text()}",
        under=ornament.background(ink, accent, paper),
    )
