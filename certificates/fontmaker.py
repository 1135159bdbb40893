"""Making a static font from a variable one: seldom done, slow to load."""

from importlib.resources import files
from io import BytesIO
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from fontTools.varLib.instancer import instantiateVariableFont

from certificates import fonts


def make_static(face: fonts.Face) -> bytes:
    """One static font with our letters alone; the same bytes every time.

    All that its letters become when they join is kept, by the font's own rules.
    """
    with TTFont(_source(face), recalcTimestamp=False, lazy=True) as font:
        if face.letters:
            _keep_letters(font, face.letters)
        if face.axes:
            instantiateVariableFont(font, dict(face.axes), inplace=True)
        _rename(font, face)
        file = BytesIO()
        font.save(file)
    return file.getvalue()


def _keep_letters(font: TTFont, ranges: tuple[fonts.Range, ...]) -> None:
    options = Options(layout_features=list(fonts.FEATURES), hinting=False)
    options.drop_tables += ["meta"]
    subsetter = Subsetter(options)
    subsetter.populate(
        unicodes=[code for first, last in ranges for code in range(first, last + 1)]
    )
    subsetter.subset(font)


def _source(face: fonts.Face) -> Path:
    """The font in its package: in the folder `files`, or beside the code."""
    root = Path(str(files(face.package.replace("-", "_"))))
    return next(
        path
        for path in (root / "files" / face.source, root / face.source)
        if path.exists()
    )


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
