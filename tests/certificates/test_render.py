import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest
from django.conf import settings
from weasyprint.urls import FatalURLFetchingError

from certificates import fonts
from certificates.render import (
    QR_ADDRESS,
    STYLES,
    Attached,
    CannotRender,
    Design,
    page,
    qr_code,
    render,
    renderer_of,
    set_name,
)
from certificates.renderer import OwnDrawings

MARKS = "\u202a\u202b\u202c\f"  # what pdftotext writes around a line's direction
VERIFY_URL = "https://qualifications.example.com/c/8K3Q-Z7MX-P4TD-H"
DATA = Attached(
    "credential.json", b'{"name": "Mara"}', "What it says", "application/ld+json"
)


@pytest.fixture
def pdf(claim, tmp_path):
    path = tmp_path / "certificate.pdf"
    path.write_bytes(render(claim, Design(), VERIFY_URL, attachments=[DATA]))
    return path


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_the_same_claim_gives_the_same_bytes_in_another_process(claim):
    program = (
        "import django, json, sys; django.setup();"
        "from certificates.render import Design, render;"
        "claim, url = json.load(sys.stdin);"
        "sys.stdout.buffer.write(render(claim, Design(), url))"
    )

    elsewhere = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps([claim, VERIFY_URL]).encode(),
        capture_output=True,
        check=True,
        cwd=settings.BASE_DIR,
        env=os.environ | {"PYTHONHASHSEED": "7"},
    ).stdout

    assert render(claim, Design(), VERIFY_URL) == elsewhere


def test_another_certificate_before_changes_nothing(claim):
    """A renderer that has just begun and one that has worked: the same bytes."""
    work = {
        "html": page(claim, VERIFY_URL),
        "identifier": "one",
        "at": datetime(2026, 11, 12, tzinfo=UTC),
        "drawings": {QR_ADDRESS: qr_code(VERIFY_URL)},
        "attachments": [DATA],
    }
    other = {
        "html": page(claim | {"name": "Ἀλέξανδρος"}, VERIFY_URL),
        "drawings": {QR_ADDRESS: qr_code(VERIFY_URL + "1")},
    }
    fresh, used = (renderer_of(STYLES.read_text()) for _ in range(2))

    used.render(**(work | other))

    first = fresh.render(**work)
    assert used.render(**work) == first
    assert fresh.render(**work) == first


def test_pdf_is_one_sound_tagged_page_in_a4_landscape(pdf):
    facts = dict(re.findall(r"(?m)^([^:]+):\s+(.*)$", output_of("pdfinfo", pdf)))

    assert facts["Title"] == "Mara Lindqvist: User Support"
    assert facts["Pages"] == "1"
    assert facts["Tagged"] == "yes"
    assert facts["Page size"].endswith("(A4)")
    assert facts["JavaScript"] == "no"
    claimed = re.findall(
        r'pdfaid:(part|conformance)="(\w)"', output_of("pdfinfo", "-meta", pdf)
    )
    assert claimed == [("part", "3"), ("conformance", "A")]
    assert "No syntax or stream encoding errors" in output_of("qpdf", "--check", pdf)


def test_pdf_holds_the_data_as_it_was_given(pdf):
    listed = output_of("pdfdetach", "-list", pdf)
    kept = pdf.with_suffix(".json")

    output_of("pdfdetach", "-save", "1", "-o", kept, pdf)

    assert "1 embedded files\n1: credential.json" in listed
    assert kept.read_bytes() == DATA.content
    facts = json.loads(output_of("qpdf", "--json", "--json-key=attachments", pdf))
    stream, *_same = facts["attachments"]["credential.json"]["streams"].values()
    assert stream["mimetype"] == "application/ld+json"
    assert stream["creationdate"] == stream["modificationdate"]
    assert stream["creationdate"].startswith("2026-11-12T15:04:05")


def test_pdf_waits_for_its_seal_in_a_field_of_its_own(pdf):
    facts = json.loads(output_of("qpdf", "--json", "--json-key=acroform", pdf))

    (field,) = facts["acroform"]["fields"]
    assert field["fullname"] == "Seal"
    assert field["fieldtype"] == "/Sig"
    assert field["value"] is None
    assert field["annotation"]["annotationflags"] == 132


def test_pdf_claims_to_be_accessible_in_terms_of_an_archive(pdf):
    meta = output_of("pdfinfo", "-meta", pdf)

    ElementTree.fromstring(meta)
    assert 'pdfuaid:part="1"' in meta
    assert meta.count("<rdf:RDF") == 1


def test_pdf_says_what_the_claim_says(pdf):
    text = " ".join(output_of("pdftotext", "-layout", pdf, "-").split())

    for words in (
        "Mara Lindqvist",
        "Northwind Learning",
        "User Support",
        "Reseller Support & Qualification Policy, 1.3 User Support",
        "Using Resolve",
        "10 Nov 2026",
        "12 November 2026",
        "Does not expire",
        "8K3Q-Z7MX-P4TD-H",
        "qualifications.example.com/c/8K3Q-Z7MX-P4TD-H",
    ):
        assert words in text


def test_qr_code_leads_to_the_verify_page(pdf):
    picture = pdf.with_suffix("")
    output_of("pdftoppm", "-r", "72", "-png", "-singlefile", pdf, picture)

    read = output_of("zbarimg", "--quiet", "--raw", picture.with_suffix(".png"))

    assert read.strip() == VERIFY_URL


def test_all_fonts_are_ours_and_embedded(pdf):
    lines = [line.split() for line in output_of("pdffonts", pdf).splitlines()[2:]]

    names = {line[0].partition("+")[2] for line in lines}

    assert names == {
        "Certificate-Sans",
        "Certificate-Sans-Semi-Bold",
        "Certificate-Serif-Italic",
        "Certificate-Serif-Semi-Bold",
    }
    assert all(line[-5:-2] == ["yes", "yes", "yes"] for line in lines)


NAMES = {  # and what is read from the page besides its ends
    "latin": "Wilhelmina Featherstonehaugh",
    "greek": "Γιώργος Παπαδόπουλος",
    "cyrillic": "Константин Їжакевич",
    "vietnamese": "Nguyễn Thị Ánh Tuyết",
    "yoruba": "Jo Ḍẹ́ọlá Ọ̀ṣun",
    "arabic": "محمد عبد الرحمن",
    "persian": "پرویز بهرامی",
    "hebrew": "יצחק רוזנברג",
    "devanagari": "श्रीकृष्ण क्षत्रिय त्रिवेदी",
    "japanese": "高橋 由美子",
    "korean": "김민준",
    "mixed": "Anna 李 Schmidt",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_names_are_set_in_our_fonts_and_read_as_they_were_written(
    claim, tmp_path, name
):
    path = tmp_path / "certificate.pdf"

    path.write_bytes(render(claim | {"name": name}, Design(), VERIFY_URL))

    lines = [line.split() for line in output_of("pdffonts", path).splitlines()[2:]]
    assert all("+Certificate-" in line[0] for line in lines)
    assert all(line[-5:-2] == ["yes", "yes", "yes"] for line in lines)
    text = output_of("pdftotext", path, "-")
    assert name in [line.strip(MARKS) for line in text.splitlines()]
    assert "has completed every topic and is qualified in" in text  # not spoilt by it
    assert "Reseller Support & Qualification Policy, 1.3 User Support" in text


@pytest.mark.parametrize(
    ("name", "direction"), [("محمد", "rtl"), ("Mara", "ltr"), ("\u202e Mara", "ltr")]
)
def test_a_name_keeps_its_direction_to_itself(claim, name, direction):
    html = page(claim | {"name": name}, VERIFY_URL)

    assert f'<p><bdi dir="{direction}">{name}</bdi></p>' in html


def test_a_letter_without_glyph_is_refused(claim):
    with pytest.raises(CannotRender, match="glyph"):
        render(claim | {"name": "สมชาย Anna"}, Design(), VERIFY_URL)


def test_marks_and_markup_in_names_are_text(claim, tmp_path):
    name = '<script>x</script> & <img src=file:///etc/passwd> "Zoë"'
    path = tmp_path / "certificate.pdf"

    path.write_bytes(render(claim | {"name": name}, Design(), VERIFY_URL))

    text = " ".join(output_of("pdftotext", "-layout", path, "-").split())
    assert "<script>x</script> & <img src=file:///etc/passwd>" in text


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "http://127.0.0.1/",
        "data:image/png;base64,AA",
        "certificate:",
    ],
)
def test_nothing_is_loaded_but_our_own_drawings(url):
    with pytest.raises(FatalURLFetchingError):
        OwnDrawings({"certificate:qr.svg": "<svg/>"}).fetch(url)


@pytest.mark.parametrize("letters", [1, 20, 40, 60, 120])
@pytest.mark.parametrize(
    "words", ["Wilhelmina Featherstonehaugh ", "WWWWWWWWWW", "श्री "]
)
def test_any_name_fits_the_page(words, letters):
    name = (words * 40)[:letters].strip()

    set_ = set_name(name)

    assert "".join(set_.lines).replace(" ", "") == name.replace(" ", "")
    for line in set_.lines:
        assert fonts.width(fonts.SERIF, line) * set_.size * 25.4 / 72 <= 222


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("Mara Lindqvist", 1),
        ("Maximiliane-Alexandrina von Hohenstein-Schwarzenberg zu Limburg", 2),
        ("Wilhelmina Featherstonehaugh " * 4, 2),
        ("W" * 120, 3),
    ],
)
def test_a_name_takes_as_few_lines_as_it_can(claim, name, lines):
    assert len(set_name(name.strip()).lines) == lines

    render(claim | {"name": name.strip()}, Design(), VERIFY_URL)  # one page


def test_a_name_is_set_in_one_face():
    assert not set_name("Mara Lindqvist").is_sans
    assert set_name("Ἀλέξανδρος Smith").is_sans


@pytest.mark.parametrize("topics", [1, 4, 8, 9, 18])
def test_topics_fit_one_page(claim, topics):
    one = {"title": "Support Response Times & Useful Resources"}
    claim["topics"] = [one | {"completed_on": "2026-11-10"}] * topics

    assert render(claim, Design(), VERIFY_URL).startswith(b"%PDF-1.7")


def test_a_date_of_expiry_is_printed(claim):
    html = page(claim | {"valid_until": "2028-11-12"}, VERIFY_URL)

    assert "12 November 2028" in html
    assert "Does not expire" not in html
