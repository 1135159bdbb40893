"""The accent colour: readable on white when it is saved."""

from __future__ import annotations

import re

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

LEAST_CONTRAST = 4.5  # WCAG 2.2, 1.4.3: text on a ground


def contrast_on_white(colour: str) -> float:
    """The contrast of "#rrggbb" with white, as WCAG 2.2 counts it: 1 to 21."""
    return contrast(colour, "#ffffff")


def contrast(colour: str, other: str) -> float:
    """The contrast of two colours "#rrggbb" as WCAG 2.2 counts it: 1 to 21."""
    darker, lighter = sorted((_luminance(colour), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def is_colour(text: str) -> bool:
    """Whether it is "#rrggbb"."""
    return re.fullmatch(r"#[0-9a-fA-F]{6}", text) is not None


def _luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def validate_accent(colour: str) -> None:
    """Refuse what is no colour, or too pale to be read on white."""
    if not is_colour(colour):
        raise ValidationError(_("Give the colour as #rrggbb, such as #0b6078."))
    if contrast_on_white(colour) < LEAST_CONTRAST:
        raise ValidationError(
            _("This colour is too pale to be read: take a darker one.")
        )
