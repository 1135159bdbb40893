from concurrent.futures import ThreadPoolExecutor

import pytest
from fontTools.ttLib import TTFont

from certificates import fonts
from certificates.fontmaker import make_static

WEIGHTS = {"Regular": 400, "Italic": 400, "SemiBold": 600, "Bold": 700}


def test_each_face_is_static_small_and_named_as_ours():
    folder = fonts.ensure_fonts()

    made = {path.name: TTFont(path) for path in folder.glob("*.[ot]tf")}

    assert set(made) == {face.filename for face in fonts.FACES}
    for face in fonts.FACES:
        font = made[face.filename]
        assert "fvar" not in font
        assert font["name"].getDebugName(16) == face.family
        assert font["OS/2"].usWeightClass == WEIGHTS[face.style]
        assert not face.letters or (folder / face.filename).stat().st_size < 300_000


def test_making_a_face_again_gives_the_same_bytes():
    kept = fonts.ensure_fonts() / fonts.SERIF_ITALIC.filename

    assert make_static(fonts.SERIF_ITALIC) == kept.read_bytes()


def test_fonts_made_at_the_same_moment_are_made_whole(tmp_path, settings, monkeypatch):
    settings.DATA_DIR = tmp_path
    small = fonts.SERIF_ITALIC._replace(letters=((ord("A"), ord("C")),))
    monkeypatch.setattr(fonts, "FACES", (small,))

    with ThreadPoolExecutor(2) as threads:
        made = list(threads.map(lambda _: fonts.ensure_fonts(), range(2)))

    assert made[0] == made[1]
    assert [path.name for path in (tmp_path / "fonts").iterdir()] == [made[0].name]
    assert [path.name for path in made[0].iterdir()] == [fonts.SERIF_ITALIC.filename]


def test_another_package_of_fonts_asks_for_a_new_folder(monkeypatch):
    before = fonts.fonts_folder()

    monkeypatch.setattr(fonts, "FACES", fonts.FACES[:-1])

    assert fonts.fonts_folder() != before


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
        "محمد عبد الرحمن الأنصاري",
        "پرویز گُل\u200cمحمدی",
        "יִצְחָק בֶּן־דָּוִד",
        "श्रीकृष्ण क्षत्रिय त्रिवेदी",
        "高橋 由美子",
        "葛\U000e0100城",  # a variant of the letter before
        "김민준",
        "Anna 李 Schmidt",
    ],
)
def test_no_letter_is_missing_from_names_in_our_scripts(name):
    assert fonts.missing_letters(name) == set()


def test_missing_letters_are_named_one_by_one():
    assert fonts.missing_letters("Anna สม ส") == {"ส", "ม"}
    assert fonts.missing_letters("\x07🙂") == {"\x07", "🙂"}


def test_a_mark_that_the_letters_font_lacks_is_named_with_its_letter():
    assert fonts.missing_letters("א") == fonts.missing_letters("क\u0901") == set()
    assert fonts.missing_letters("א\u0901") == {"א\u0901"}


def test_serif_covers_latin_and_leaves_polytonic_greek_to_the_plain_face():
    assert fonts.covers(fonts.SERIF, "Mara Lindqvist")
    assert not fonts.covers(fonts.SERIF, "Ἀλέξανδρος")
    assert fonts.covers(fonts.SANS_BOLD, "Ἀλέξανδρος")


def test_width_adds_up_and_wide_letters_are_wider():
    assert fonts.width(fonts.SERIF, "") == 0
    assert fonts.width(fonts.SERIF, "WW") == 2 * fonts.width(fonts.SERIF, "W")
    assert fonts.width(fonts.SERIF, "W") > fonts.width(fonts.SERIF, "i")


def test_a_letter_that_the_face_lacks_is_as_wide_as_where_it_is():
    letter = "م"

    assert not fonts.covers(fonts.SERIF, letter)
    assert fonts.width(fonts.SERIF, letter) == fonts.width(fonts.FACES[4], letter) > 0
