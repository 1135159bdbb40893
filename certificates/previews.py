"""The design as a page in the browser, for the editor who is changing it.

It has the certificate's own style sheet, fonts and engraving, and its pictures as they
are printed; the worker's PDF has the last word.
"""

from __future__ import annotations

import re
from base64 import b64encode
from functools import lru_cache

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import override

from certificates import fonts, ornament, serials
from certificates.claims import verify_url
from certificates.designing import design_from
from certificates.models import CertificateDesign, DesignPreview
from certificates.pictures import Picture
from certificates.render import STYLES, qr_code, words_on
from certificates.samples import NAME, claim_of_sample
from lms.errors import Refused

NAMES: dict[str, str] = {
    DesignPreview.SHORT: "Mara Lindqvist",
    DesignPreview.LONG: f"{NAME} of Hohenstein-Schwarzenberg",
    DesignPreview.ARABIC: "محمد عبد الرحمن الهاشمي",
}
_MANY = 12
_BESIDE = STYLES.with_name("preview.css")
_WEIGHTS = {"Regular": 400, "SemiBold": 600, "Bold": 700, "Italic": 400}


def preview(request: HttpRequest, edited: CertificateDesign, mode: str) -> HttpResponse:
    """The page, in the colours and with the texts and pictures of this moment."""
    if not fonts.fonts_folder().is_dir():
        return render(request, "certificates/cms/preview.html", {"why": "fonts"})
    try:
        design = design_from(edited)
    except Refused as refusal:
        return render(request, "certificates/cms/preview.html", {"refusal": refusal})
    claim = claim_of_sample(name=NAMES.get(mode, NAMES[DesignPreview.SHORT]))
    if mode == DesignPreview.LONG:
        claim["topics"] = (claim["topics"] * _MANY)[:_MANY]
    url = verify_url(serials.SAMPLE)
    sources = {
        "qr": _data("image/svg+xml", qr_code(url).encode()),
        "logo": _source(design.logo),
        "signature": _source(design.signature),
    }
    colours = (design.ink, design.accent, design.paper)
    with override(claim["language"]):
        context = words_on(claim, url, design, sources, is_sample=False)
        context["under"] = _data("image/svg+xml", ornament.svg(*colours).encode())
        context["styles"] = reverse(
            "certificates:design_styles",
            args=["-".join(colour.removeprefix("#") for colour in colours)],
        )
        return render(request, "certificates/cms/preview.html", context)


def styles_of(colours: str) -> str | None:
    """The style sheet of a preview in these colours; None if they are none."""
    if not re.fullmatch(r"([0-9a-f]{6}-){2}[0-9a-f]{6}", colours):
        return None
    ink, accent, paper = colours.split("-")
    root = f":root {{ --ink: #{ink}; --accent: #{accent}; --paper: #{paper} }}\n"
    return root + _faces() + STYLES.read_text() + _BESIDE.read_text()


def face_called(name: str) -> fonts.Face | None:
    """The face whose file has this name, without its ending."""
    return next((face for face in fonts.FACES if _stem(face) == name), None)


@lru_cache(maxsize=1)
def _faces() -> str:
    return "".join(
        f"@font-face {{ font-family: '{face.family}'; font-weight:"
        f" {_WEIGHTS[face.style]}; font-style:"
        f" {'italic' if face.style == 'Italic' else 'normal'}; src:"
        f" url('{reverse('certificates:design_font', args=[_stem(face)])}') }}\n"
        for face in fonts.FACES
    )


def _stem(face: fonts.Face) -> str:
    return face.filename.rpartition(".")[0]


def _source(picture: Picture | None) -> str | None:
    return _data("image/png", picture.content) if picture else None


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{b64encode(content).decode()}"
