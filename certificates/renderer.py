"""WeasyPrint, loaded once: import this where something is rendered, only."""

import logging
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from zlib import compress

import segno
from pydyf import PDF, Array, Stream
from weasyprint import CSS, HTML
from weasyprint.css import ColorProfile
from weasyprint.document import Document
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

from certificates import fonts, ornament
from certificates.render import CannotRender, Design

logging.getLogger("weasyprint.progress").setLevel(logging.WARNING)  # 7 lines a page

VARIANT = "pdf/a-3a"
QR_ADDRESS = "certificate:qr.svg"
STYLES = Path(__file__).parent / "pdf" / "certificate.css"


class OwnDrawings(URLFetcher):
    """Gives the drawings made here, under `certificate:…`, and refuses all else."""

    def __init__(self, drawings: dict[str, str]) -> None:
        super().__init__(allowed_protocols=(), fail_on_errors=True)
        self.drawings = drawings

    def fetch(
        self, url: str, headers: dict[str, str] | None = None
    ) -> URLFetcherResponse:
        try:
            body = self.drawings[url]
        except KeyError:
            raise FatalURLFetchingError(f"refused: {url}") from None
        return URLFetcherResponse(url, body, {"Content-Type": "image/svg+xml"})


class Srgb(ColorProfile):
    """What PDF/A's colours refer to: the profile that WeasyPrint brings, as it is.

    WeasyPrint would write it anew with each document, the second time in other bytes.
    """

    content = (files("weasyprint.pdf") / "sRGB2014.icc").read_bytes()

    def __init__(self) -> None:
        super().__init__(
            BytesIO(self.content),
            "sRGB2014.icc",
            "relative-colorimetric",
            (["r"], ["g"], ["b"]),
        )


class Renderer:
    """The fonts, the style sheet and the engraving of one design."""

    def __init__(self, design: Design) -> None:
        self.engraving = compress(ornament.background(design.ink, design.accent))
        self.fonts = FontConfiguration()
        self.colours = Srgb()
        self.css = CSS(
            string=f":root {{ --ink: {design.ink}; --accent: {design.accent} }}\n"
            f"{STYLES.read_text()}",
            font_config=self.fonts,
            url_fetcher=OwnDrawings({}),
        )

    def render(self, html: str, verify_url: str, *, identifier: str) -> bytes:
        """Make the PDF; raises CannotRender (see `certificates.render.render`)."""
        drawings = {QR_ADDRESS: qr_code(verify_url)}
        document = HTML(string=html, url_fetcher=OwnDrawings(drawings)).render(
            font_config=self.fonts,
            stylesheets=[self.css],
            color_profiles={"srgb": self.colours},
            pdf_variant=VARIANT,
        )
        if len(document.pages) != 1:
            raise CannotRender("it does not fit on one page")
        pdf: bytes = document.write_pdf(
            finisher=self.finish,
            pdf_variant=VARIANT,
            output_intent="given above",  # else it opens a profile and never closes it
            pdf_identifier=identifier.encode(),
        )
        return pdf

    def finish(self, document: Document, pdf: PDF) -> None:
        """Lay the engraving under the page, and see that every letter is there."""
        ours = {face.family for face in fonts.FACES}
        if strange := {font.family for font in document.fonts.values()} - ours:
            raise CannotRender(f"it would use {', '.join(sorted(strange))}")
        if any(font.missing for font in document.fonts.values()):
            raise CannotRender("a letter has no glyph")
        under = Stream([self.engraving], {"Filter": "/FlateDecode"})
        pdf.add_object(under)
        first_page = pdf.objects[pdf.pages["Kids"][0]]
        first_page["Contents"] = Array([under.reference, first_page["Contents"]])


def qr_code(text: str) -> str:
    """A QR code as SVG, with the quiet zone that readers ask for."""
    code = segno.make(text, error="m", micro=False)
    file = BytesIO()
    code.save(file, kind="svg", border=4, scale=4, xmldecl=False)
    return file.getvalue().decode()
