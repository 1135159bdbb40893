"""WeasyPrint, loaded once: import this where something is rendered, only."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from importlib.resources import files
from io import BytesIO
from types import MappingProxyType
from typing import Any
from unicodedata import bidirectional
from zlib import compress

import pydyf
import weasyprint.pdf
from fontTools.ttLib import TTFont
from pydyf import PDF, Array, String
from weasyprint import CSS, HTML
from weasyprint.css import ColorProfile
from weasyprint.document import Document
from weasyprint.images import RasterImage, SVGImage
from weasyprint.pdf.stream import Stream
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

from certificates import finishing, fonts
from certificates.glyphs import texts_of_glyphs
from certificates.render import Attached, CannotRender

logging.getLogger("weasyprint.progress").setLevel(logging.WARNING)  # 7 lines a page

VARIANT = "pdf/a-3a"


class OwnDrawings(URLFetcher):
    """Gives the drawings made here, under `certificate:…`, and refuses all else."""

    def __init__(self, drawings: Mapping[str, str | bytes]) -> None:
        super().__init__(allowed_protocols=(), fail_on_errors=True)
        self.drawings = drawings

    def fetch(
        self, url: str, headers: dict[str, str] | None = None
    ) -> URLFetcherResponse:
        try:
            body = self.drawings[url]
        except KeyError:
            raise FatalURLFetchingError(f"refused: {url}") from None
        kind = "image/png" if isinstance(body, bytes) else "image/svg+xml"
        return URLFetcherResponse(url, body, {"Content-Type": kind})


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


class SpokenStream(Stream):
    """What is drawn on a page, and beside each text that it is spoken and copied as.

    Where glyphs are no plain row of letters (they join, or stand before the letter
    they follow; or the letters are set apart), the text says itself what it is. What
    runs from right to left says so in the tags alone: programs that copy it from the
    page would turn it around once more.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.spoken: dict[int, str] = {}

    @contextmanager
    def marked(self, box: Any, tag: str) -> Iterator[None]:
        with super().marked(box, tag):
            text = "" if self._tags is None else getattr(box, "text", "")
            if not text.isascii() or (text and box.style["letter_spacing"] != "normal"):
                mark = self.stream[-2]
                self.spoken[mark["MCID"]] = text
                if not any(bidirectional(letter) in ("R", "AL") for letter in text):
                    mark["ActualText"] = String(text)
            yield

    def add_font(self, pango_font: Any) -> Any:
        font, size = super().add_font(pango_font)
        if not isinstance(font.to_unicode, GlyphTexts):
            font.to_unicode = GlyphTexts(font)
        return font, size


class GlyphTexts(dict[int, str]):
    """Which text each glyph on the page stands for: what its own font says.

    WeasyPrint takes the text where it meets the glyph first: a letter together with
    its marks, or nothing for a second glyph. What the font does not say either is a
    part of the glyph before it.
    """

    def __init__(self, font: Any) -> None:
        super().__init__()
        self.known = _known_texts(font.hash, font.file_content)

    def __setitem__(self, glyph: int, text: str) -> None:
        super().__setitem__(glyph, self.known.get(glyph) or text or "\u200d")


_KNOWN: dict[str, dict[int, str]] = {}


def _known_texts(name: str, content: bytes) -> dict[int, str]:
    if name not in _KNOWN:
        with TTFont(BytesIO(content), lazy=True) as font:
            _KNOWN[name] = texts_of_glyphs(font)
    return _KNOWN[name]


class KeptPictures(dict[str, Any]):
    """The pictures of designs, read once for a process; all else is not kept.

    Encoding them takes as long as half of a page.
    """

    def __setitem__(self, address: str, made: Any) -> None:
        if isinstance(made, RasterImage):
            made.get_x_object = _once(made.get_x_object)
        elif isinstance(made, SVGImage):
            return
        super().__setitem__(address, made)


def _once(encode: Callable[[bool, float], pydyf.Stream]) -> Any:
    """The encoded picture as a new object each time, for the document it goes into."""

    @cache
    def encoded(interpolate: bool, ratio: float) -> tuple[Any, dict[str, Any], Any]:
        made = encode(interpolate, ratio)
        extra = dict(made.extra)
        return made.stream, extra, extra.pop("SMask", None)

    def x_object(interpolate: bool, ratio: float) -> pydyf.Stream:
        content, extra, mask = encoded(interpolate, ratio)
        new = pydyf.Stream(content, extra)
        if mask is not None:
            new.extra["SMask"] = pydyf.Stream(mask.stream, mask.extra)
        return new

    return x_object


weasyprint.pdf.Stream = SpokenStream


class Renderer:
    """A style sheet with our fonts, read once; makes tagged pages ready for a seal.

    What it makes claims PDF/A-3a and PDF/UA-1, and the same HTML gives the same bytes.
    """

    def __init__(self, styles: str, *, under: bytes = b"") -> None:
        self.under = compress(under)
        self.pictures = KeptPictures()
        self.fonts = FontConfiguration()
        self.colours = Srgb()
        self.css = CSS(
            string=styles, font_config=self.fonts, url_fetcher=OwnDrawings({})
        )

    def render(
        self,
        html: str,
        *,
        identifier: str,
        at: datetime,
        drawings: Mapping[str, str | bytes] = MappingProxyType({}),
        attachments: Sequence[Attached] = (),
        pages: int = 1,
    ) -> bytes:
        """Make the PDF, with an empty signature field named Seal on its first page.

        `html` needs a language, a title and the dates `dcterms.created` and
        `dcterms.modified`; `at` dates what is attached. Raises CannotRender when a
        letter has no glyph, or it does not fit into so many pages.
        """
        document = HTML(string=html, url_fetcher=OwnDrawings(drawings)).render(
            font_config=self.fonts,
            stylesheets=[self.css],
            color_profiles={"srgb": self.colours},
            pdf_variant=VARIANT,
            cache=self.pictures,
        )
        if len(document.pages) > pages:
            raise CannotRender("it does not fit on one page")

        def finish(document: Document, pdf: PDF) -> None:
            _require_own_letters(document)
            finishing.speak(pdf)
            finishing.head_tables(pdf)
            self._lay_under(pdf)
            finishing.claim_accessible(pdf)
            finishing.attach(pdf, attachments, at)
            finishing.add_signature_field(pdf)

        made: bytes = document.write_pdf(
            finisher=finish,
            pdf_variant=VARIANT,
            output_intent="given above",  # else it opens a profile and never closes it
            pdf_identifier=identifier.encode(),
        )
        return made

    def _lay_under(self, pdf: PDF) -> None:
        """Lay the engraving under each page."""
        under = pydyf.Stream([self.under], {"Filter": "/FlateDecode"})
        pdf.add_object(under)
        for number in pdf.pages["Kids"][::3]:
            page = pdf.objects[number]
            page["Contents"] = Array([under.reference, page["Contents"]])


def _require_own_letters(document: Document) -> None:
    """See that every letter is there, in a font of ours."""
    ours = {face.family for face in fonts.FACES}
    if strange := {font.family for font in document.fonts.values()} - ours:
        raise CannotRender(f"it would use {', '.join(sorted(strange))}")
    if any(font.missing for font in document.fonts.values()):
        raise CannotRender("a letter has no glyph")
