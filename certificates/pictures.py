"""A logo or a signature, made ready to be printed: small, in sRGB, without its ground.

What is printed on paper has no white of its own. So the white of a picture without
transparency is taken away, as if it were drawn in ink: no box stands around it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import reduce
from hashlib import sha256
from io import BytesIO
from typing import IO

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from PIL import Image, ImageChops, ImageCms, ImageFile, ImageMath, ImageOps

from lms.errors import Refused

LARGEST_FILE = 5 * 1024 * 1024
MOST_PIXELS = 25_000_000
LEAST_WIDTH = 200
LOGO_BOX = (1000, 204)  # 84 × 17 mm on the page, at 300 dots an inch
SIGNATURE_BOX = (600, 192)  # 50 × 16 mm

_FAINTEST = 12  # of 255: what a scanner makes of white paper
_NOT_A_PICTURE: str | Promise = gettext_lazy(
    "This file is no PNG or JPEG picture, or it is damaged. Please save it anew."
)


@dataclass(frozen=True)
class Picture:
    """A picture as it is printed: PNG bytes, known by their hash."""

    sha256: str
    content: bytes = field(repr=False)

    @property
    def address(self) -> str:
        """What a page calls it."""
        return f"certificate:{self.sha256}.png"

    @classmethod
    def of(cls, content: bytes) -> Picture:
        return cls(sha256(content).hexdigest(), content)


def printable(file: IO[bytes], box: tuple[int, int]) -> Picture:
    """The picture in a file, at most as large as the box, in pixels.

    The same file gives the same bytes. Raises Refused for what is no PNG or JPEG by
    its content, is too large, too small, or blank.
    """
    image = _opened(file)
    if image.width < LEAST_WIDTH:
        raise Refused(
            _("This picture is too small to be printed: at least %(least)d dots wide.")
            % {"least": LEAST_WIDTH}
        )
    try:
        with _whole_files_alone():
            inked = _without_ground(_in_srgb(image, box))
    except (OSError, ValueError, SyntaxError, ImageCms.PyCMSError):
        raise Refused(str(_NOT_A_PICTURE)) from None
    drawn = inked.getchannel("A").point(lambda dot: 255 if dot >= _FAINTEST else 0)
    edges = drawn.getbbox()
    if edges is None:
        raise Refused(_("Nothing can be seen on this picture: it is blank."))
    trimmed = inked.crop(edges)
    made = BytesIO()
    trimmed.save(made, "PNG", optimize=True)
    return Picture.of(made.getvalue())


@contextmanager
def _whole_files_alone() -> Iterator[None]:
    """WeasyPrint lets Pillow read files that were cut short, in the whole process."""
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def _opened(file: IO[bytes]) -> Image.Image:
    file.seek(0, 2)
    if file.tell() > LARGEST_FILE:
        raise Refused(
            _("This file is too large: at most %(largest)d MB.")
            % {"largest": LARGEST_FILE // 1024 // 1024}
        )
    file.seek(0)
    try:
        with warnings.catch_warnings(action="ignore"):
            image = Image.open(file, formats=("PNG", "JPEG"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise Refused(str(_NOT_A_PICTURE)) from None
    if image.width * image.height > MOST_PIXELS:
        raise Refused(
            _("This picture is too large: at most %(most)d million dots.")
            % {"most": MOST_PIXELS // 1_000_000}
        )
    return image


def _in_srgb(image: Image.Image, box: tuple[int, int]) -> Image.Image:
    """The picture upright, in the box, its colours as the page's profile has them."""
    if image.format == "JPEG":
        image.draft(None, (box[0] * 2, box[1] * 2))  # decoded no finer than needed
    profile = image.info.get("icc_profile")
    upright: Image.Image = ImageOps.exif_transpose(image)
    has_alpha = "A" in upright.getbands() or "transparency" in upright.info
    if profile and not has_alpha and upright.mode in ("RGB", "CMYK"):
        turn = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            upright.mode,
            "RGB",
        )
        upright = turn.apply(upright)
    if upright.mode.startswith("I"):  # 16 bits of grey
        upright = upright.point(lambda dot: dot / 257).convert("L")
    rgba = upright.convert("RGBA")
    rgba.thumbnail(box, Image.Resampling.LANCZOS, reducing_gap=None)
    return rgba


def _without_ground(image: Image.Image) -> Image.Image:
    """Take away the white of a picture that has no transparency of its own.

    What is left, laid on white, is the picture as it was.
    """
    if image.getchannel("A").getextrema() != (255, 255):
        return image
    *colours, _opaque = image.split()
    ink = ImageChops.invert(reduce(ImageChops.darker, colours))
    ink = ink.point(lambda dot: dot if dot >= _FAINTEST else 0)
    purer = [_purer(colour, ink) for colour in colours]
    return Image.merge("RGBA", [*purer, ink])


def _purer(colour: Image.Image, ink: Image.Image) -> Image.Image:
    """One channel of the ink's colour, where there is ink; white elsewhere."""
    taken = ImageMath.lambda_eval(
        lambda words: words["convert"](
            words["max"](
                255 - (255 - words["colour"]) * 255 / words["max"](words["ink"], 1), 0
            ),
            "L",
        ),
        colour=colour,
        ink=ink,
    )
    taken = ImageOps.posterize(taken, 5)  # what nobody sees takes half of the file
    return Image.composite(taken, Image.new("L", ink.size, 255), ink.point(_is_some))


def _is_some(dot: int) -> int:
    return 255 if dot else 0
