"""Each thing that a file may be, told apart in words and by its exit code."""

import json
import os
from datetime import timedelta
from io import BytesIO

import pikepdf
import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils.timezone import now
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from certificates import serials
from certificates.checking import OUTCOMES, check
from certificates.claims import verify_url
from certificates.erasing import erase_claims
from certificates.issuing import end, replace
from certificates.management.commands.certificate_verify import LARGEST
from certificates.models import Certificate, End
from certificates.preparing import prepare
from certificates.render import Design, render
from certificates.samples import sample
from certificates.seal import seal
from tests.factories import (
    CertificateFactory,
    EnrolmentFactory,
    TopicCompletionFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


def ready(**fields):
    """A certificate with its file."""
    certificate = CertificateFactory(**fields)
    assert prepare(certificate.pk)
    return Certificate.objects.get(pk=certificate.pk)


@pytest.fixture
def certificate():
    return ready()


@pytest.fixture
def pdf(certificate):
    with certificate.pdf.open() as file:
        return file.read()


@pytest.fixture
def staff():
    return UserFactory(is_staff=True)


@pytest.fixture
def verify(tmp_path, capsys):
    """Run the command over files; return its code and what it printed."""

    def run(*files, **options):
        paths = []
        for number, file in enumerate(files):
            path = file
            if isinstance(file, bytes):
                path = tmp_path / f"{number}.pdf"
                path.write_bytes(file)
            paths.append(str(path))
        code = 0
        try:
            call_command("certificate_verify", *paths, **options)
        except SystemExit as end_:
            code = end_.code
        return code, capsys.readouterr().out

    return run


# --- Genuine files, and what they are worth ----------------------------------------


def test_a_genuine_file_is_told_with_its_certificate(certificate, pdf, verify):
    code, said = verify(pdf)

    assert code == 0
    first, *more = said.splitlines()
    assert first.endswith("0.pdf: Genuine and in force")
    claim = certificate.public_claim
    assert more == [
        "  We sealed it, and it is unchanged since.",
        "  ByteKast issued it. It does not expire.",
        f"  {serials.shown(certificate.serial)}: {claim['name']}, "
        f"{claim['programme']['title']}, {claim['reseller']}",
    ]


@pytest.mark.parametrize(
    ("as_", "code", "words"),
    [
        (End.REVOKED, 6, "ByteKast revoked it on"),
        (End.WITHDRAWN, 7, "it was issued in error."),
    ],
)
def test_a_file_of_an_ended_certificate_is_told(
    certificate, pdf, verify, staff, as_, code, words
):
    end(certificate, as_, why="of a test", by=staff)

    told, said = verify(pdf)

    assert told == code
    assert words in said
    assert "of a test" not in said


def test_a_file_of_an_undone_certificate_is_told(staff, verify):
    held = ready(release_at=now() + timedelta(days=1))
    end(held, End.UNDONE, why="of a test", by=staff)

    assert verify(held.pdf.path)[0] == 7


def test_a_file_of_a_replaced_certificate_names_the_one_in_its_place(staff, verify):
    enrolment = EnrolmentFactory(completed=True)
    for asked in enrolment.edition.topics.all():
        TopicCompletionFactory(enrolment=enrolment, topic=asked.topic)
    old = ready(enrolment=enrolment)
    new = replace(old, why="of a test", by=staff)

    code, said = verify(old.pdf.path)

    assert code == 5
    assert serials.shown(new.serial) in said


def test_a_file_expires_on_its_day_and_begins_on_its_day(verify):
    first = now().date()
    last = first + timedelta(days=365)
    file = ready(
        enrolment=EnrolmentFactory(completed=True, valid_from=first, valid_until=last),
        release_at=now() - timedelta(days=3),
    ).pdf.path

    codes = []
    for day in (first - timedelta(days=1), first, last - timedelta(days=1), last):
        with time_machine.travel(f"{day}T12:00Z", tick=False):
            codes.append(verify(file)[0])

    assert codes == [3, 0, 0, 4]


def test_a_file_that_is_held_back_is_not_in_force(verify):
    held = ready(release_at=now() + timedelta(days=1))

    code, said = verify(held.pdf.path)

    assert code == 3
    assert "It is held back until" in said


def test_a_file_whose_holder_was_erased_is_still_told(certificate, pdf, verify):
    erase_claims(certificate.enrolment.member.user, by=None)

    code, said = verify(pdf)

    assert code == 0
    assert certificate.enrolment.member.user.full_name not in said


def test_a_sample_is_told(verify):
    code, said = verify(sample(Design()))

    assert code == 8
    assert "This is a sample, and proves nothing." in said


def test_what_we_sealed_but_do_not_know_is_told(claim, verify):
    claim["serial"] = serials.new_serial()
    code, said = verify(seal(render(claim, Design(), verify_url(claim["serial"]))))

    assert code == 9
    assert "it is not the file of any certificate here" in said


# --- Another's serial on a real file -----------------------------------------------


def test_a_file_of_ours_that_is_not_kept_under_its_serial_is_told(
    certificate, pdf, verify
):
    """A real seal on a real claim, but not the bytes that were issued."""
    forged = certificate.public_claim | {"name": "Nadia Haddad"}
    other = seal(render(forged, Design(), verify_url(certificate.serial)))

    code, said = verify(other)

    assert code == 10
    assert f"not the file that we keep of certificate {shown(certificate)}" in said


def test_a_file_shown_for_another_certificate_is_told(certificate, pdf, verify):
    other = shown(CertificateFactory())

    code, said = verify(pdf, serial=other.lower())

    assert code == 10
    assert f"Its identifier names {shown(certificate)}." in said
    assert f"It is shown for {other}." in said
    assert verify(pdf, serial=shown(certificate))[0] == 0


def test_a_file_under_another_certificates_name_is_told(
    certificate, pdf, verify, tmp_path
):
    other = shown(CertificateFactory())
    renamed = tmp_path / f"User Support – Mara – {other}.pdf"
    renamed.write_bytes(pdf)
    kept = tmp_path / f"User Support – Mara – {shown(certificate)}.pdf"
    kept.write_bytes(pdf)

    assert (verify(renamed)[0], verify(kept)[0]) == (10, 0)


def test_another_serial_written_into_a_real_file_is_told(certificate, pdf, verify):
    """In place, where the seal finds it; and by a program that saves the file anew."""
    other = CertificateFactory().serial
    in_place = pdf.replace(
        certificate.serial.encode().hex().encode(), other.encode().hex().encode()
    )
    assert in_place != pdf
    out = BytesIO()
    with pikepdf.open(BytesIO(pdf)) as opened:
        opened.trailer["/ID"][0] = pikepdf.String(other)
        opened.save(out)

    for forged in (in_place, out.getvalue()):
        code, said = verify(forged)
        assert code == 10
        assert f"Its identifier names {serials.shown(other)}." in said
        assert f"The link on it leads to {shown(certificate)}." in said
        assert f"The credential inside is of {shown(certificate)}." in said


def shown(certificate):
    return serials.shown(certificate.serial)


# --- Files that were tampered with -------------------------------------------------


def flipped(pdf):
    broken = bytearray(pdf)
    broken[20_000] ^= 1
    return bytes(broken)


def saved_anew(pdf):
    out = BytesIO()
    with pikepdf.open(BytesIO(pdf)) as opened:
        opened.save(out)
    return out.getvalue()


def blank(_pdf):
    out = BytesIO()
    with pikepdf.new() as made:
        made.add_blank_page()
        made.save(out)
    return out.getvalue()


@pytest.mark.files
@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        (lambda pdf: pdf + b"\n% more\n%%EOF\n", 11, "Something was added"),
        (flipped, 12, "The file was changed after it was sealed."),
        (saved_anew, 13, "some program has saved it anew"),
        (lambda pdf: pdf[:-1000], 14, "its end is missing"),
        (lambda pdf: pdf[:9000], 14, "its end is missing"),
        (blank, 16, "This file has no seal"),
        (lambda pdf: b"\x89PNG" + pdf, 17, "This is no PDF file"),
        (lambda pdf: b"", 17, "This is no PDF file"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_apart(pdf, verify, spoil, code, words):
    told, said = verify(spoil(pdf))

    assert told == code
    assert words in said


def test_a_spoilt_file_tells_of_the_certificate_that_it_names(
    certificate, pdf, verify, staff
):
    end(certificate, End.REVOKED, why="of a test", by=staff)

    _code, said = verify(flipped(pdf))

    assert (
        f"It names certificate {shown(certificate)}, which today is: Revoked." in said
    )


def test_a_seal_of_another_authority_is_told(claim, settings, tmp_path, verify):
    own = settings.DATA_DIR
    settings.DATA_DIR = tmp_path
    with transaction.atomic():
        foreign = seal(render(claim, Design(), verify_url(claim["serial"])))
        transaction.set_rollback(True)
    settings.DATA_DIR = own

    code, said = verify(foreign)

    assert code == 15
    assert "This file is sealed, but not by us." in said


# --- What cannot be read -----------------------------------------------------------


@pytest.mark.files
def test_what_cannot_be_read_is_told(tmp_path, verify):
    huge = tmp_path / "huge.pdf"
    with huge.open("wb") as file:
        file.write(b"%PDF-1.7\n")
        file.truncate(LARGEST + 1)
    os.mkfifo(tmp_path / "pipe")

    said = {
        name: verify(tmp_path / name if name else "")
        for name in ("missing.pdf", "huge.pdf", "pipe", "x" * 300, "")
    }

    assert {code for code, _said in said.values()} == {18}
    assert "It cannot be opened: No such file or directory." in said["missing.pdf"][1]
    assert "It is larger than 20 MB" in said["huge.pdf"][1]
    assert "This is not a file." in said["pipe"][1]
    assert "This is a folder." in said[""][1]


@pytest.mark.files
def test_a_file_that_may_not_be_read_is_told(tmp_path, verify):
    closed = tmp_path / "closed.pdf"
    closed.write_bytes(b"%PDF-1.7")
    closed.chmod(0)
    own = os.geteuid()
    try:
        if own == 0:  # who may read everything
            os.seteuid(65534)
        code, said = verify(closed)
    finally:
        os.seteuid(own)

    assert code == 18
    assert "It cannot be opened: Permission denied." in said


@pytest.mark.parametrize("name", ["a\0b.pdf", "a\udcff.pdf", "\x1b[31m.pdf"])
def test_a_name_that_no_file_can_have_is_told(verify, name):
    code, said = verify(name)

    assert code == 18
    assert "\x1b" not in said


# --- Several files, and programs ---------------------------------------------------


def test_several_files_are_each_told_and_the_worst_gives_the_code(pdf, verify):
    code, said = verify(pdf, flipped(pdf), pdf + b"\n")

    assert code == 12
    assert [
        line.partition(": ")[2] for line in said.splitlines() if line[0] != " "
    ] == [
        "Genuine and in force",
        "Changed after it was sealed",
        "Added to after it was sealed",
    ]


def test_json_has_the_same_shape_for_each_file(certificate, pdf, verify):
    code, said = verify(pdf, b"", "missing.pdf", json=True)

    answers = json.loads(said)
    assert code == 18
    assert {frozenset(answer) for answer in answers} == {
        frozenset({"file", "status", "code", "says", "serial", "certificate"})
    }
    assert [(answer["status"], answer["code"]) for answer in answers] == [
        ("valid", 0),
        ("no-pdf", 17),
        ("not-read", 18),
    ]
    assert answers[0]["serial"] == shown(certificate)
    assert answers[0]["certificate"]["file"]["sha256"] == certificate.pdf_sha256
    assert answers[1]["certificate"] is None


def test_a_serial_that_is_none_is_refused(pdf, verify):
    with pytest.raises(CommandError, match="a symbol is mistyped"):
        verify(pdf, serial="8K3Q")


def test_each_code_is_in_the_help_and_is_its_own(capsys):
    with pytest.raises(SystemExit):
        call_command("certificate_verify", "--help")

    said = capsys.readouterr().out
    for outcome in OUTCOMES:
        assert f"  {outcome.code:>2}  {outcome.word}\n" in said
    codes = [outcome.code for outcome in OUTCOMES]
    assert codes == sorted(set(codes))
    assert not {1, 2} & set(codes)


def test_without_a_database_it_says_so_and_not_more(pdf, verify):
    with connection.cursor() as cursor:  # undone with all else of the test
        cursor.execute("ALTER TABLE certificates_publickey RENAME TO away")

    with pytest.raises(
        CommandError, match=r"^This could not be looked into: "
    ) as failed:
        verify(pdf)

    assert failed.value.returncode == 1


# --- Any bytes ---------------------------------------------------------------------


@st.composite
def spoilt(draw, length):
    """What may befall a file: bytes changed, taken out, put in, and moved."""
    edits = []
    for _number in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, length))
        stop = start + draw(st.sampled_from([0, 0, 1, 4, 100, 10_000]))
        edits.append(
            (
                start,
                stop,
                draw(
                    st.binary(max_size=20)
                    | st.sampled_from(
                        [
                            b"/ByteRange [0 1 2 3]",
                            b"obj",
                            b"<<" * 2000,
                            b"%%EOF",
                            b"[" * 2000,
                        ]
                    )
                ),
            )
        )
    return edits


@pytest.mark.files
def test_no_spoilt_file_is_taken_for_genuine_or_stops_the_looking(pdf):
    places = [
        0,
        *(
            pdf.index(mark)
            for mark in (b"xref", b"/Root", b"obj", b"trailer")
            if mark in pdf
        ),
        pdf.rindex(b"/ByteRange"),
        pdf.rindex(b"/Contents <"),
        pdf.rindex(b"startxref"),
    ]

    @given(edits=spoilt(len(pdf)), near=st.sampled_from(places))
    @settings(max_examples=150, deadline=None, database=None)
    def look(edits, near):
        bytes_ = pdf
        for start, stop, put in edits:
            start, stop = (
                (near + start % 300, near + start % 300 + stop - start)
                if start % 2
                else (start, stop)
            )
            bytes_ = bytes_[:start] + put + bytes_[stop:]
        assert (check(bytes_).outcome.code == 0) == (bytes_ == pdf)

    look()


@pytest.mark.files
@given(st.binary(max_size=200))
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_bytes_are_told_for_what_they_are(db, tail):
    assert check(tail).outcome.key == "no-pdf" or tail.startswith(b"%PDF-")
    assert check(b"%PDF-1.7\n" + tail).outcome.code >= 13
