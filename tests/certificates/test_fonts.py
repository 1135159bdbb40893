from concurrent.futures import ThreadPoolExecutor

import pytest
from fontTools.ttLib import TTFont

from certificates import fonts
from certificates.fontmaker import make_static


def test_each_face_is_static_small_and_named_as_ours():
    folder = fonts.ensure_fonts()

    made = {path.name: TTFont(path) for path in folder.glob("*.ttf")}

    assert set(made) == {face.filename for face in fonts.FACES}
    for face in fonts.FACES:
        font = made[face.filename]
        assert "fvar" not in font
        assert font["name"].getDebugName(16) == face.family
        assert font["OS/2"].usWeightClass == dict(face.axes)["wght"]
        assert (folder / face.filename).stat().st_size < 300_000


def test_making_a_face_again_gives_the_same_bytes():
    kept = fonts.ensure_fonts() / fonts.SERIF_ITALIC.filename

    assert make_static(fonts.SERIF_ITALIC) == kept.read_bytes()


def test_fonts_made_at_the_same_moment_are_made_whole(tmp_path, settings, monkeypatch):
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(fonts, "FACES", (fonts.SERIF_ITALIC,))
    monkeypatch.setattr(fonts, "LETTERS", ((ord("A"), ord("C")),))

    with ThreadPoolExecutor(2) as threads:
        made = list(threads.map(lambda _: fonts.ensure_fonts(), range(2)))

    assert made[0] == made[1]
    assert [path.name for path in (tmp_path / "fonts").iterdir()] == [made[0].name]
    assert [path.name for path in made[0].iterdir()] == [fonts.SERIF_ITALIC.filename]


@pytest.mark.parametrize(
    "name",
    [
        "Mara Lindqvist",
        "Zażółć Gęślą Jaźń",
        "Nguyễn Thị Ánh Tuyết",
        "Γιώργος Παπαδόπουλος",
        "Константин Їжакевич",
        "Jo Ḍẹ́ọlá",
        "Siân O’Brien-Smith",
        "Zoe\u0308",  # a letter and its mark, as macOS types them
        "Ana\u200dMaría\u00a0Ruiz",
    ],
)
def test_no_letter_is_missing_from_names_in_our_scripts(name):
    assert fonts.missing_letters(name) == set()


def test_missing_letters_are_named_one_by_one():
    assert fonts.missing_letters("Anna 高橋 高") == {"高", "橋"}
    assert fonts.missing_letters("\x07🙂") == {"\x07", "🙂"}


def test_serif_covers_latin_and_leaves_polytonic_greek_to_the_plain_face():
    assert fonts.covers(fonts.SERIF, "Mara Lindqvist")
    assert not fonts.covers(fonts.SERIF, "Ἀλέξανδρος")
    assert fonts.covers(fonts.SANS_BOLD, "Ἀλέξανδρος")


def test_width_adds_up_and_wide_letters_are_wider():
    assert fonts.width(fonts.SERIF, "") == 0
    assert fonts.width(fonts.SERIF, "WW") == 2 * fonts.width(fonts.SERIF, "W")
    assert fonts.width(fonts.SERIF, "W") > fonts.width(fonts.SERIF, "i")
