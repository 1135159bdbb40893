import pytest
from fontTools.ttLib import TTFont

from certificates import fonts
from certificates.glyphs import texts_of_glyphs


@pytest.mark.parametrize(
    ("filename", "text"),
    [
        ("CertificateSans-Regular.ttf", "e"),
        ("CertificateSans-Regular.ttf", "\u0323"),  # the dot below alone
        ("CertificateSerif-Italic.ttf", "fi"),  # one glyph for two letters
        ("CertificateArabic-Regular.ttf", "لا"),
        ("CertificateDevanagari-Regular.ttf", "क्ष"),
    ],
)
def test_a_font_tells_what_its_glyphs_stand_for(filename, text):
    with TTFont(fonts.ensure_fonts() / filename) as font:
        texts = texts_of_glyphs(font)

    assert text in texts.values()


def test_each_form_of_a_letter_stands_for_the_letter():
    with TTFont(fonts.ensure_fonts() / "CertificateArabic-Regular.ttf") as font:
        texts = list(texts_of_glyphs(font).values())

    assert texts.count("\N{ARABIC LETTER HEH}") >= 4  # alone, first, between, last
