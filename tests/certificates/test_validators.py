"""What programs that are not ours say of a file as it is issued."""

import json
import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pikepdf
import pytest
import segno
from asn1crypto import pem
from asn1crypto import x509 as asn1
from django.db import transaction
from django.test import Client
from django.urls import reverse
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from certificates import serials
from certificates.auditing import make as make_pack
from certificates.claims import direction_of, verify_url
from certificates.making import make
from certificates.models import AuditPack, Certificate, Statement
from certificates.preparing import prepare
from certificates.render import CannotRender, Design, qr_code, render
from certificates.samples import sample
from certificates.statements import ask
from certificates.statements import make as make_statement
from tests.certificates.conftest import a_claim
from tests.certificates.pictures import full_design
from tests.factories import (
    AuditPackFactory,
    CertificateFactory,
    EditionFactory,
    EnrolmentFactory,
    MemberFactory,
    TeamFactory,
    TeamMembershipFactory,
    UserFactory,
)

pytestmark = [pytest.mark.django_db, pytest.mark.files]

# A rule of pdfua 0.1.3, on empty headings, which stops with an error of the tool's own:
# it asks an array of content for `is_integer`, and pikepdf takes that for a key.
CRASHES = "UA-14-001"
# outloud takes headers for shreds where they are more than the data: in a table of two
# by two, with a head above and at the side, they are five to four.
TAKEN_FOR_SHREDS = "TBL-010"
NAMES = {
    "latin": "Wilhelmina Featherstonehaugh",
    "vietnamese": "Nguyễn Thị Ánh Tuyết",
    "greek": "Γιώργος Παπαδόπουλος",
    "cyrillic": "Константин Їжакевич",
    "arabic": "محمد عبد الرحمن",
    "hebrew": "יצחק רוזנברג",
    "devanagari": "श्रीकृष्ण क्षत्रिय त्रिवेदी",
    "japanese": "高橋 由美子",
    "chinese": "李 明",
    "korean": "김민준",
    "long": "Maximiliane-Alexandrina von Hohenstein-Schwarzenberg zu Limburg",
}


def output_of(*command, code=0, env=None):
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def files(folder, django_db_setup, django_db_blocker):
    """All that we seal: a certificate as the worker made it, others in ten scripts, a
    sample, a statement, and the cover of a pack for an audit.

    The sample has a logo, a signature and tinted paper.
    """
    with django_db_blocker.unblock(), transaction.atomic():
        certificate = CertificateFactory()
        assert prepare(certificate.pk)
        with Certificate.objects.get(pk=certificate.pk).pdf.open() as file:
            made = {"issued": file.read(), "sample": sample(full_design())}
        for script, name in NAMES.items():
            claim = a_claim() | {"name": name, "direction": direction_of(name)}
            made[script] = make(claim, Design(), verify_url(claim["serial"]))
        made["statement"] = a_statement()
        made["audit"] = an_audits_cover()
        (folder / "seal.pem").write_bytes(Client().get(reverse("seal_roots")).content)
        transaction.set_rollback(True)
    for name, pdf in made.items():
        (folder / f"{name}.pdf").write_bytes(pdf)
    return {name: folder / f"{name}.pdf" for name in made}


def a_statement():
    """Of a company with people in three programmes."""
    member = MemberFactory()
    team = TeamFactory()
    TeamMembershipFactory(member=member, team=team)
    for edition in EditionFactory.create_batch(3, audience=[team], topics=[]):
        EnrolmentFactory(member=member, edition=edition, completed=True)
    statement = ask(member.reseller, by=UserFactory(is_staff=True))
    assert make_statement(statement.pk)
    with Statement.objects.get().pdf.open() as file:
        return file.read()


def an_audits_cover():
    """What lies on top of a pack for an audit."""
    pack = AuditPackFactory()
    assert make_pack(pack.pk)
    with AuditPack.objects.get().file.open() as file, ZipFile(file) as opened:
        return opened.read("0 Read first.pdf")


@pytest.fixture(scope="module")
def authority(files, folder):
    """The published authority, by itself."""
    return folder / "seal.pem"


@pytest.fixture(scope="module")
def untagged(folder):
    """A file that every checker must find fault with."""
    with pikepdf.new() as made:
        made.add_blank_page()
        made.save(folder / "untagged.pdf")
    return folder / "untagged.pdf"


# --- For everybody to read: PDF/UA -------------------------------------------------


def test_outloud_finds_no_error_in_any_script(files, untagged):
    program = Path(sys.executable).with_name("outloud")

    said = json.loads(
        output_of(program, "--json", "-", "--quiet", *files.values(), untagged, code=1)
    )

    results = {Path(each["path"]).stem: each for each in said["results"]}
    assert results.pop("untagged")["counts"]["error"]
    assert sorted(results) == sorted(files)
    for name, result in results.items():
        assert result["error"] is None, name
        rules = {finding["rule"] for finding in result["findings"]}
        assert rules - {TAKEN_FOR_SHREDS if name == "audit" else ""} == set(), name


def test_pdfua_finds_nothing_in_any_script(files, untagged):
    program = Path(sys.executable).with_name("pdfua")

    said = output_of(
        *(program, "check", "--format", "json", *files.values(), untagged), code=3
    )

    results = {Path(each["file"]).stem: each for each in documents(said)}
    assert results.pop("untagged")["summary"]["errors"]
    assert sorted(results) == sorted(files)
    for name, result in results.items():
        assert result["findings"] == [], name
        assert [each["rule_id"] for each in result["skipped"]] == [CRASHES]
        assert "cannot get key '/is_integer'" in result["skipped"][0]["reason"]
        assert result["summary"]["rules_run"] == 11


def documents(text):
    """JSON documents one after another, as pdfua gives them for several files."""
    decoder = json.JSONDecoder()
    while text := text.lstrip():
        found, end = decoder.raw_decode(text)
        yield found
        text = text[end:]


# --- The seal, for who trusts the published authority alone ------------------------


def test_pyhanko_trusts_the_seal_by_the_published_authority_alone(files, authority):
    roots = [
        asn1.Certificate.load(der)
        for _kind, _headers, der in pem.unarmor(authority.read_bytes(), multiple=True)
    ]
    for file in files.values():
        (seal,) = PdfFileReader(BytesIO(file.read_bytes())).embedded_regular_signatures
        status = validate_pdf_signature(
            seal, ValidationContext(trust_roots=roots, allow_fetching=False)
        )
        assert status.bottom_line
        assert status.summary() == "INTACT:TRUSTED,UNTOUCHED"


def test_pdfsig_trusts_the_seal_by_the_published_authority_alone(
    files, authority, tmp_path
):
    store = f"sql:{tmp_path}"
    output_of("certutil", "-N", "-d", store, "--empty-password")
    unknown = output_of("pdfsig", "-nssdir", store, files["issued"])
    trusted = ("-n", "ours", "-t", ",C,", "-i", authority)  # for what people sign
    output_of("certutil", "-A", "-d", store, *trusted)

    said = output_of("pdfsig", "-nssdir", store, files["issued"])

    for each in (unknown, said):
        assert "Signature is Valid." in each
        assert "Total document signed" in each
        assert "Not total document signed" not in each
    assert "Certificate is Trusted." not in unknown
    assert "Certificate is Trusted." in said


def test_qpdf_finds_nothing_to_mend_in_any(files):
    for file in files.values():
        said = output_of("qpdf", "--check", file)
        assert "No syntax or stream encoding errors" in said
        assert "WARNING" not in said


# --- What is on the page -----------------------------------------------------------


def test_all_fonts_of_all_scripts_are_ours_and_embedded(files):
    for file in files.values():
        lines = [line.split() for line in output_of("pdffonts", file).splitlines()[2:]]
        assert all("+Certificate-" in line[0] for line in lines)
        assert all(line[-5:-2] == ["yes", "yes", "yes"] for line in lines)


def test_the_systems_fonts_are_out_of_sight(claim):
    """A letter that the system has and we have not is missing, not borrowed."""
    armenian = "\N{ARMENIAN CAPITAL LETTER AYB}"
    shown = f":charset={ord(armenian):x}"
    system = {key: value for key, value in os.environ.items() if key[:4] != "FONT"}
    if not output_of("fc-list", shown, "family", env=system).strip():
        pytest.skip("No font of this machine has the letter either.")

    with pytest.raises(CannotRender, match="a letter has no glyph"):
        render(claim | {"name": armenian}, Design(), verify_url(claim["serial"]))


def test_the_code_is_read_at_72_dots_per_inch_in_each_file(files, tmp_path):
    certificates = [*NAMES, "sample"]
    for name in certificates:
        file = files[name]
        output_of("pdftoppm", "-r", "72", "-png", "-singlefile", file, tmp_path / name)
    pictures = [tmp_path / f"{name}.png" for name in certificates]

    read = output_of("zbarimg", "--quiet", "--raw", *pictures).splitlines()

    own, nobodys = a_claim()["serial"], serials.SAMPLE
    assert sorted(read) == sorted(
        [verify_url(own)] * len(NAMES) + [verify_url(nobodys)]
    )


def test_the_code_of_any_serial_is_read(tmp_path):
    """The same mask for all, as it is drawn on the page."""
    urls = [verify_url(serials.new_serial()) for _number in range(30)]
    for number, url in enumerate(urls):
        code = segno.make(url, error="m", micro=False, mask=6)
        code.save(tmp_path / f"{number:02}.png", scale=2, border=4)
        assert qr_code(url).count("<path") == 1

    read = output_of("zbarimg", "--quiet", "--raw", *sorted(tmp_path.iterdir()))

    assert read.splitlines() == urls
