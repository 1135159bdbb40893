import subprocess
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from threading import Thread

import pikepdf
import pypdf
import pytest
import time_machine
from asn1crypto import keys as asn1_keys
from asn1crypto import tsp
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from django.db import transaction
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.timestamps.dummy_client import DummyTimeStamper
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from certificates import keyfiles, keys
from certificates.render import Design, render
from certificates.seal import CannotSeal, Fault, findings, named_in, seal, serial_of

pytestmark = pytest.mark.django_db
VERIFY_URL = "https://qualifications.example.com/c/8K3Q-Z7MX-P4TD-H"


@pytest.fixture(scope="module")
def plain(module_claim):
    return render(module_claim, Design(), VERIFY_URL)


@pytest.fixture(scope="module")
def sealed(plain, django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), transaction.atomic():
        pdf = seal(plain)
        transaction.set_rollback(True)
    return pdf


def faults(pdf):
    return [finding.fault for finding in findings(pdf)]


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def stored(tmp_path, pdf):
    path = tmp_path / "certificate.pdf"
    path.write_bytes(pdf)
    return path


def validated(pdf, *, roots=None, tsa=()):
    """What pyHanko says of the one seal, told to trust these roots alone."""
    (signature,) = PdfFileReader(BytesIO(pdf)).embedded_regular_signatures
    trusted = [
        asn1.Certificate.load(root.public_bytes(serialization.Encoding.DER))
        for root in (keys.seal_roots() if roots is None else roots)
    ]
    return validate_pdf_signature(
        signature,
        ValidationContext(trust_roots=trusted, allow_fetching=False),
        ValidationContext(trust_roots=list(tsa), allow_fetching=False),
    )


def test_seal_stands_for_pyhanko_which_trusts_our_authority_alone(sealed):
    status = validated(sealed)

    assert status.bottom_line
    assert status.coverage.name == "ENTIRE_FILE"
    assert status.docmdp_ok
    assert status.summary() == "INTACT:TRUSTED,UNTOUCHED"


def test_seal_of_an_authority_that_is_not_ours_is_not_trusted(sealed, monkeypatch):
    other = x509.load_pem_x509_certificates(
        keyfiles.new_authority()["certificates.pem"]
    )

    assert not validated(sealed, roots=other).trusted


def test_pdfsig_finds_the_seal_valid_and_the_whole_document_signed(sealed, tmp_path):
    said = output_of("pdfsig", stored(tmp_path, sealed))

    assert "Signature Field Name: Seal" in said
    assert "Signature Type: ETSI.CAdES.detached" in said
    assert "Signature is Valid." in said
    assert "Total document signed" in said
    assert "Not total document signed" not in said


def test_qpdf_finds_nothing_to_mend(sealed, tmp_path):
    said = output_of("qpdf", "--check", stored(tmp_path, sealed))

    assert "No syntax or stream encoding errors" in said
    assert "WARNING" not in said


def test_seal_fills_the_field_that_is_there_and_certifies_no_changes(sealed):
    reader = PdfFileReader(BytesIO(sealed))
    (signature,) = reader.embedded_regular_signatures

    fields = [each.get_object() for each in reader.root["/AcroForm"]["/Fields"]]
    assert [field["/T"] for field in fields] == ["Seal"]
    assert signature.sig_object["/SubFilter"] == "/ETSI.CAdES.detached"
    assert signature.docmdp_level.name == "NO_CHANGES"
    with pytest.raises(CannotSeal):
        seal(pypdf_without_field())


def pypdf_without_field():
    writer = pypdf.PdfWriter()
    writer.add_blank_page(100, 100)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def test_seal_is_dated(plain):
    at = datetime(2026, 11, 12, 15, 4, 5, tzinfo=UTC)
    with time_machine.travel(at, tick=False):
        sealed = seal(plain)

    (signature,) = PdfFileReader(BytesIO(sealed)).embedded_regular_signatures
    assert signature.self_reported_timestamp == at


def test_a_sealed_file_has_nothing_wrong(sealed):
    assert findings(sealed) == []
    assert serial_of(sealed) == "8K3QZ7MXP4TDH"


def test_any_flipped_byte_is_found(sealed):
    """Here and there, and in what the seal consists of, which no signature covers."""
    room = sealed.rindex(b"/Contents <") + len("/Contents <")
    hidden = []
    for place in {
        *range(0, len(sealed), 1997),
        *range(sealed.rindex(b"/ByteRange"), room, 13),
        *range(room, room + 100, 5),
        *range(room + 2000, room + 3200, 97),
    }:
        broken = bytearray(sealed)
        broken[place] ^= 1
        found = faults(bytes(broken))
        if not found:
            hidden.append(place)

    assert hidden == []


def test_a_flipped_byte_is_told_as_a_change(sealed):
    for place in (2_000, 20_000, sealed.rindex(b"startxref")):
        broken = bytearray(sealed)
        broken[place] ^= 1
        assert faults(bytes(broken)) == [Fault.CHANGED]


def test_a_flipped_byte_is_found_by_pdfsig_too(sealed, tmp_path):
    broken = bytearray(sealed)
    broken[20_000] ^= 1

    assert not validated(bytes(broken)).intact
    assert "Digest Mismatch" in output_of("pdfsig", stored(tmp_path, bytes(broken)))


def test_an_appended_revision_is_told_apart(sealed, tmp_path):
    writer = IncrementalPdfFileWriter(BytesIO(sealed))
    writer.root["/Lang"] = writer.root["/Lang"]
    writer.update_root()
    out = BytesIO()
    writer.write(out)
    appended = out.getvalue()

    assert appended.startswith(sealed)
    assert faults(appended) == [Fault.ADDED_TO]
    assert faults(sealed + b"\n") == [Fault.ADDED_TO]
    assert "Not total document signed" in output_of(
        "pdfsig", stored(tmp_path, appended)
    )


def test_changed_and_added_to_are_both_told(sealed):
    broken = bytearray(sealed + b"\n")
    broken[20_000] ^= 1

    assert faults(bytes(broken)) == [Fault.CHANGED, Fault.ADDED_TO]


@pytest.mark.parametrize("left", [100, 0.99, 0.95, 0.9, 0.5, 0.01, 9, -1, -100])
def test_a_file_cut_short_is_told_apart(sealed, left):
    end = int(left * len(sealed)) if isinstance(left, float) else left

    assert faults(sealed[:end]) == [Fault.CUT]


def test_no_made_up_seal_stops_the_looking(sealed):
    """Numbers without end, and seals without number."""
    endless = b"/ByteRange [0 %b 5 5]" % (b"9" * 10_000)
    many = b"/ByteRange [0 10 20 900000]" * 10_000

    assert faults(b"%PDF-1.7\n" + endless + b"\n%%EOF") == [Fault.NOT_SEALED]
    assert faults(b"%PDF-1.7\n" + many + bytes(10**6) + b"\n%%EOF") == [
        Fault.SAVED_ANEW
    ]


def test_each_serial_that_a_file_carries_is_read(sealed):
    serial = "8K3QZ7MXP4TDH"

    assert named_in(sealed) == {"identifier": serial, "link": serial}
    other = sealed.replace(
        serial.encode().hex().encode(), b"SAMP1E000000N".hex().encode()
    )
    assert named_in(other) == {"identifier": "SAMP1E000000N", "link": serial}
    assert named_in(b"%PDF-1.7") == {}


def by_qpdf(pdf, tmp_path, *options):
    path = stored(tmp_path, pdf)
    output_of("qpdf", *options, path, tmp_path / "out.pdf")
    return (tmp_path / "out.pdf").read_bytes()


def by_pypdf(pdf, tmp_path):
    out = BytesIO()
    pypdf.PdfWriter(clone_from=BytesIO(pdf)).write(out)
    return out.getvalue()


def by_pikepdf(pdf, tmp_path):
    out = BytesIO()
    with pikepdf.open(BytesIO(pdf)) as opened:
        opened.save(out)
    return out.getvalue()


@pytest.mark.parametrize(
    "save",
    [
        by_qpdf,
        lambda pdf, path: by_qpdf(pdf, path, "--object-streams=generate"),
        lambda pdf, path: by_qpdf(pdf, path, "--linearize"),
        lambda pdf, path: by_qpdf(pdf, path, "--qdf"),
        by_pypdf,
        by_pikepdf,
    ],
    ids=["qpdf", "qpdf-streams", "qpdf-linear", "qpdf-qdf", "pypdf", "pikepdf"],
)
def test_a_file_saved_anew_is_told_apart(sealed, tmp_path, save):
    assert faults(save(sealed, tmp_path)) == [Fault.SAVED_ANEW]


def test_what_never_was_sealed_is_told_apart(plain):
    assert faults(pypdf_without_field()) == [Fault.NOT_SEALED]
    assert faults(plain) == [Fault.SAVED_ANEW]  # ours, but the seal is not there
    assert faults(b"Dear reader") == [Fault.UNREADABLE]
    assert faults(b"%PDF-1.7\nnothing%%EOF") == [Fault.NOT_SEALED]
    assert faults(b"") == [Fault.UNREADABLE]


def test_a_seal_of_somebody_elses_is_told_apart(plain, settings, tmp_path):
    """Even one that says it is ours: its names are as ours are."""
    own = settings.DATA_DIR
    settings.DATA_DIR = tmp_path
    with transaction.atomic():
        foreign = seal(plain)
        transaction.set_rollback(True)
    settings.DATA_DIR = own

    assert faults(foreign) == [Fault.UNKNOWN_KEY]


def test_a_seal_that_names_our_certificate_without_our_key_is_found(
    plain, settings, tmp_path
):
    """The real certificate with another's signature under it."""
    own = keyfiles.keys_folder()
    settings.DATA_DIR = tmp_path
    keys.seal_key()
    theirs = keyfiles.keys_folder() / "seal-1" / "certificates.pem"
    theirs.write_bytes((own / "seal-1" / "certificates.pem").read_bytes())

    assert faults(seal(plain)) == [Fault.CHANGED]


def test_each_finding_is_said_in_words(sealed):
    (finding,) = findings(sealed + b"x")

    assert finding.text == "Something was added to the file after it was sealed."


def test_a_seal_outlives_its_certificate(sealed):
    with time_machine.travel(datetime(2050, 1, 1, tzinfo=UTC), tick=False):
        assert findings(sealed) == []


def test_no_seal_is_put_on_after_its_certificates_end(plain):
    end = keys.seal_key().certificate.not_valid_after_utc
    with (
        time_machine.travel(end, tick=False),
        pytest.raises(CannotSeal, match=r"ended on .* `manage.py seal rotate seal`"),
    ):
        seal(plain)


# --- A time that others vouch for --------------------------------------------------


@pytest.fixture
def time_authority():
    """A time-stamp authority's key and certificate, made for the test."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test time")])
    at = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(at - timedelta(days=1))
        .not_valid_after(at + timedelta(days=1))
        .add_extension(keyfiles.usage(digital_signature=True), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True
        )
        .sign(key, hashes.SHA256())
    )
    return (
        asn1.Certificate.load(certificate.public_bytes(serialization.Encoding.DER)),
        asn1_keys.PrivateKeyInfo.load(
            key.private_bytes(
                serialization.Encoding.DER,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        ),
    )


@pytest.fixture
def time_server(time_authority, settings):
    """A server that gives trusted time; `answer` may be set to spoil it."""
    stamper = DummyTimeStamper(*time_authority)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            question = self.rfile.read(int(self.headers["Content-Length"]))
            asked = tsp.TimeStampReq.load(question)
            status, kind, body = server.answer or (
                200,
                "application/timestamp-reply",
                stamper.request_tsa_response(asked).dump(),
            )
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.answer = None
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        settings.TSA_URL = f"http://127.0.0.1:{server.server_port}/tsr"
        yield server
        server.shutdown()


def test_a_trusted_time_is_in_the_seal_where_a_server_is_set(
    plain, time_server, time_authority, tmp_path
):
    sealed = seal(plain)

    status = validated(sealed, tsa=[time_authority[0]])
    assert status.bottom_line
    assert status.timestamp_validity.trusted
    assert findings(sealed) == []
    assert "Total document signed" in output_of("pdfsig", stored(tmp_path, sealed))


@pytest.mark.parametrize(
    "answer",
    [
        (500, "text/plain", b"sorry"),
        (200, "text/html", b"<p>Sign in"),
        (200, "application/timestamp-reply", b"garbage"),
        (200, "application/timestamp-reply", b""),
    ],
)
def test_no_seal_is_put_on_while_the_time_server_fails(plain, time_server, answer):
    time_server.answer = answer

    with pytest.raises(CannotSeal, match=r"^The time server \(TSA_URL\) gives no"):
        seal(plain)


def test_no_seal_is_put_on_while_no_time_server_answers(plain, settings):
    settings.TSA_URL = "http://127.0.0.1:9/"

    with pytest.raises(CannotSeal, match="NewConnectionError"):
        seal(plain)
