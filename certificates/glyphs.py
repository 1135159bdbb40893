"""Which text a glyph stands for, as its font tells it."""

from __future__ import annotations

from typing import Any

from fontTools.ttLib import TTFont

_SINGLE, _LIGATURE, _EXTENSION = 1, 4, 7  # kinds of substitution in a font


def texts_of_glyphs(font: TTFont) -> dict[int, str]:
    """The text of each glyph by its number: a letter's, its forms', its ligatures'."""
    texts: dict[str, str] = {}
    for code, glyph in sorted(font.getBestCmap().items()):
        texts.setdefault(glyph, chr(code))
    if "GSUB" in font and len(texts) < 10_000:  # East Asian letters have no forms
        _add_forms(texts, font["GSUB"].table)
    return {font.getGlyphID(glyph): text for glyph, text in texts.items()}


def _add_forms(texts: dict[str, str], rules: Any) -> None:
    """Add what the known glyphs turn into, until nothing new comes of it."""
    pairs = list(_substitutions(rules))
    known = -1
    while known != len(texts):
        known = len(texts)
        for parts, form in pairs:
            if form not in texts and all(part in texts for part in parts):
                texts[form] = "".join(texts[part] for part in parts)


def _substitutions(rules: Any) -> Any:
    """Each rule of one glyph for one or several: what it replaces, and by what."""
    for lookup in rules.LookupList.Lookup:
        for table in lookup.SubTable:
            kind = lookup.LookupType
            if kind == _EXTENSION:
                kind, table = table.ExtensionLookupType, table.ExtSubTable
            if kind == _SINGLE:
                for glyph, form in table.mapping.items():
                    yield (glyph,), form
            elif kind == _LIGATURE:
                for first, ligatures in table.ligatures.items():
                    for ligature in ligatures:
                        yield (first, *ligature.Component), ligature.LigGlyph
