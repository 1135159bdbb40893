import subprocess

import pytest
from django.core.management import CommandError, call_command

from certificates.checking import SAMPLE, check
from certificates.seal import Fault, findings

pytestmark = [pytest.mark.django_db, pytest.mark.files]


@pytest.fixture
def make_sample(tmp_path, capsys):
    """Run the command; return the file, and what it printed."""
    file = tmp_path / "sample.pdf"

    def run(*arguments):
        call_command("certificate_sample", "--out", str(file), *arguments)
        return file, capsys.readouterr().out

    return run


def text_of(file):
    said = subprocess.run(
        ["pdftotext", "-raw", file, "-"], check=True, capture_output=True, text=True
    ).stdout
    return " ".join(said.split())


def test_a_sample_is_sealed_and_marked_as_one(make_sample):
    file, said = make_sample("--name", "Mara Lindqvist", "--programme", "Telepathy")

    assert [each.fault for each in findings(file.read_bytes())] == [Fault.SAMPLE]
    assert check(file.read_bytes()).outcome is SAMPLE
    text = text_of(file)
    assert "SAMPLE" in text
    assert "Mara Lindqvist" in text
    assert "Telepathy" in text
    assert said.startswith(f"{file}: a sample for Mara Lindqvist, ")


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("=HYPERLINK(0)", "=HYPERLINK(0)"),
        ("<b>Mara</b> & {{ x }}", "<b>Mara</b> & {{ x }}"),
        ("Mara \u202etsivqdniL\u202c", "Mara tsivqdniL"),
        ("  Mara\n Lindqvist ", "Mara Lindqvist"),
    ],
)
def test_odd_names_are_printed_as_text(make_sample, name, printed):
    file, said = make_sample("--name", name)

    assert printed in text_of(file)
    assert f"a sample for {printed}, " in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--name", "สมชาย"], "It cannot be set: No font has these letters: ช ม ย ส า"),
        (["--name", "W" * 500], "It cannot be set: the name is too long"),
        (["--name", " \u202e\x00 "], "The name has no letter that can be printed."),
        (["--programme", "W" * 256], "A programme’s title has 255 letters at most."),
    ],
)
def test_what_cannot_be_set_is_refused_and_nothing_written(
    make_sample, tmp_path, arguments, words
):
    with pytest.raises(CommandError) as refused:
        make_sample(*arguments)

    assert str(refused.value).startswith(words)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over_unless_told(make_sample, tmp_path):
    file = tmp_path / "sample.pdf"
    file.write_bytes(b"kept")

    with pytest.raises(CommandError, match="is there already: choose another, or add"):
        make_sample()

    assert file.read_bytes() == b"kept"
    make_sample("--force")
    assert file.read_bytes().startswith(b"%PDF-")


@pytest.mark.parametrize("out", ["missing/sample.pdf", "", "a\0b"])
def test_a_place_that_cannot_be_written_is_told(tmp_path, out):
    with pytest.raises(
        CommandError, match=r"cannot be written: .*\.$|is there already"
    ):
        call_command("certificate_sample", out=str(tmp_path / out))
