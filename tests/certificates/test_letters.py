"""What is known of our fonts' letters without opening one."""

import subprocess
import sys
from pathlib import Path

import pytest

from certificates import fonts, letters

ROOT = Path(__file__).resolve().parents[2]


def test_what_is_kept_is_what_the_finished_fonts_have():
    """If this fails, a font has changed: run tools/letters.py."""
    assert letters.KEPT.read_text() == letters.as_kept(fonts.letters_to_keep())


@pytest.mark.parametrize(
    "name",
    [
        "Mara Lindqvist",
        "Ἀλέξανδρος",
        "Zoe\u0308",
        "پرویز گُل\u200cمحمدی",
        "क\u0901",
        "א\u0901",
        "ნინო Anna",
        "葛\U000e0100城",
        "สมชาย",
        "\x07🙂\u0e33",
        "",
        " \u00a0 ",
    ],
)
def test_a_name_is_told_the_same_with_the_fonts_and_without(name):
    assert letters.missing_letters(name) == fonts.missing_letters(name)


def test_a_package_that_is_not_installed_prints_nothing(monkeypatch):
    monkeypatch.setattr(
        letters, "find_spec", lambda name: None if "cjk" in name else object()
    )
    letters._installed_faces.cache_clear()

    try:
        assert letters.missing_letters("高橋 Anna") == {"高", "橋"}
    finally:
        letters._installed_faces.cache_clear()


def test_asking_opens_no_font():
    script = (
        "import sys; from certificates.letters import missing_letters as ask;"
        "print(sorted(ask('Anna ส')), 'fontTools' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )

    assert done.stdout.decode() == "['ส'] False\n"
