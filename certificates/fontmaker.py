"""Making a static font from a variable one: seldom done, slow to load."""

from io import BytesIO
from pathlib import Path

import fontpkg_noto_sans
import fontpkg_source_serif_4
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from fontTools.varLib.instancer import instantiateVariableFont

from certificates import fonts

_PACKAGES = {
    "fontpkg-noto-sans": fontpkg_noto_sans,
    "fontpkg-source-serif-4": fontpkg_source_serif_4,
}


def make_static(face: fonts.Face) -> bytes:
    """One static font with our letters alone; the same bytes every time."""
    source = Path(_PACKAGES[face.package].ROOT) / "files" / face.source
    font = TTFont(source, recalcTimestamp=False)
    options = Options(layout_features=list(fonts.FEATURES), hinting=False)
    subsetter = Subsetter(options)
    subsetter.populate(
        unicodes=[
            code for first, last in fonts.LETTERS for code in range(first, last + 1)
        ]
    )
    subsetter.subset(font)
    font = instantiateVariableFont(font, dict(face.axes), inplace=True)
    _rename(font, face)
    file = BytesIO()
    font.save(file)
    return file.getvalue()


def _rename(font: TTFont, face: fonts.Face) -> None:
    """Give it a name of its own, so that no installed font is taken for it."""
    names = font["name"]
    copyright_line, licence = names.getDebugName(0), names.getDebugName(13)
    names.names = []
    for name_id, text in (
        (0, copyright_line),
        (1, f"{face.family} {face.style}"),
        (2, "Regular"),
        (4, f"{face.family} {face.style}"),
        (6, f"{face.family}-{face.style}".replace(" ", "")),
        (13, licence),
        (16, face.family),
        (17, face.style),
    ):
        if text:
            names.setName(text, name_id, 3, 1, 0x409)
