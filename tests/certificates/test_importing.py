"""A bought seal: what is taken in, what is refused, and that old files stay good."""

import io
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
import time_machine
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID
from django.core.management import CommandError, call_command
from django.urls import reverse
from pyhanko.pdf_utils.reader import PdfFileReader

from certificates import keyfiles, keys
from certificates.models import PublicKey
from certificates.render import Design, render
from certificates.seal import findings, seal

pytestmark = pytest.mark.django_db
VERIFY_URL = "https://qualifications.example.com/c/8K3Q-Z7MX-P4TD-H"
PASSPHRASE = "correct horse – Zoë"
DAY = timedelta(days=1)
NOBODYS = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Nobody")])


def p256():
    return ec.generate_private_key(ec.SECP256R1())


def certificate_of(
    name,
    key,
    issuer=None,
    *,
    is_authority=False,
    begins=-DAY,
    ends=365 * DAY,
    usage=("digital_signature", "content_commitment"),
    at=None,
):
    """A certificate; `issuer` is another with its key, or None for its own root."""
    by, by_key = issuer or (None, key)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    at = at or datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at + begins)
        .not_valid_after(at + ends)
        .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(by_key.public_key()),
            critical=False,
        )
    )
    if is_authority:
        usage = ("key_cert_sign", "crl_sign")
    if usage:
        allowed = keyfiles.usage(**dict.fromkeys(usage, True))
        builder = builder.add_extension(allowed, critical=True)
    return builder.sign(by_key, hashes.SHA256())


@pytest.fixture(scope="module")
def authority():
    """A root, and what issues seals below it, each with its key."""
    root_key, below_key = p256(), p256()
    root = certificate_of("Bought Root", root_key, is_authority=True)
    below = certificate_of(
        "Bought Issuer", below_key, (root, root_key), is_authority=True
    )
    return [(below, below_key), (root, root_key)]


@pytest.fixture(autouse=True)
def key_folder(settings, tmp_path, fonts):
    settings.DATA_DIR = tmp_path / "data"
    settings.DATA_DIR.mkdir()
    (settings.DATA_DIR / "fonts").symlink_to(fonts)
    return tmp_path / "data" / "keys"


@pytest.fixture
def fonts(settings):
    return settings.DATA_DIR / "fonts"


@pytest.fixture
def bring(tmp_path, monkeypatch):
    """Run the command over a key and certificates in files, as PEM or PKCS#12."""

    def run(key, chain, *, roots=(), as_=None, passphrase="", typed=None, file=None):
        sealed = (
            serialization.BestAvailableEncryption(passphrase.encode())
            if passphrase
            else serialization.NoEncryption()
        )
        if as_ == "pkcs12":
            own, *others = chain
            content = pkcs12.serialize_key_and_certificates(
                b"seal", key, own, others, sealed
            )
            source = ["--pkcs12", written("seal.p12", content)]
        else:
            pem = key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealed
            )
            source = ["--key", written("key.pem", pem)]
            source += ["--chain", written("chain.pem", keyfiles.pem(chain))]
        if roots:
            source += ["--roots", written("roots.pem", keyfiles.pem(list(roots)))]
        if file:
            source += ["--passphrase-file", written("words", file.encode())]
        monkeypatch.setattr("sys.stdin", io.StringIO(typed or ""))
        call_command("seal", "import", *source)

    def written(name, content):
        (tmp_path / name).write_bytes(content)
        return str(tmp_path / name)

    return run


def bought(authority, key=None, **kinds):
    """A key, and its certificate with those that vouch for it."""
    key = key or p256()
    own = certificate_of("Bought Seal", key, authority[0], **kinds)
    return key, [own, *(certificate for certificate, _key in authority)]


# --- Taken in ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "make_key",
    [
        p256,
        lambda: ec.generate_private_key(ec.SECP384R1()),
        lambda: rsa.generate_private_key(65537, 2048),
        lambda: rsa.generate_private_key(65537, 4096),
    ],
    ids=["P-256", "P-384", "RSA-2048", "RSA-4096"],
)
def test_files_are_sealed_with_a_bought_seal_from_then_on(
    bring, authority, claim, tmp_path, make_key
):
    plain = render(claim, Design(), VERIFY_URL)
    old = seal(plain)
    key, chain = bought(authority, make_key())

    bring(key, chain, as_="pkcs12", passphrase=PASSPHRASE, typed=PASSPHRASE + "\n")

    new = seal(plain)
    assert (findings(old), findings(new)) == ([], [])
    (signature,) = PdfFileReader(BytesIO(new)).embedded_regular_signatures
    assert signature.signer_cert.subject.native["common_name"] == "Bought Seal"
    path = tmp_path / "new.pdf"
    path.write_bytes(new)
    said = subprocess.run(["pdfsig", path], capture_output=True, text=True).stdout
    assert "Signature is Valid." in said
    assert "Total document signed" in said
    spoilt = bytearray(new)
    spoilt[20_000] ^= 1
    assert [each.fault for each in findings(bytes(spoilt))] == ["changed"]


@pytest.mark.parametrize("usage", ["digital_signature", "content_commitment"])
def test_a_seal_for_either_use_seals(bring, authority, claim, usage):
    bring(*bought(authority, usage=[usage]))

    assert findings(seal(render(claim, Design(), VERIFY_URL))) == []


def test_its_chain_is_put_in_order_and_its_root_may_come_apart(bring, authority):
    key, (own, below, root) = bought(authority)

    bring(key, [below, own], roots=[root])

    assert keys.seals()[-1] == [own, below, root]
    assert keys.seal_key().chain == [below, root]


def test_the_passphrase_may_come_in_a_file(bring, authority):
    key, chain = bought(authority)

    bring(key, chain, passphrase=PASSPHRASE, file=f"{PASSPHRASE}\r\nmore\n")

    assert keys.seal_key().certificate == chain[0]


def test_only_we_can_read_it_and_the_key_before_is_gone(bring, authority, key_folder):
    keys.seal_key()

    bring(*bought(authority))

    files = {
        path.name: stat.S_IMODE(path.stat().st_mode)
        for path in (key_folder / "seal-2").iterdir()
    }
    assert files == {"key.pem": 0o600, "certificates.pem": 0o600}
    assert not (key_folder / "seal-1" / "key.pem").exists()
    old, new = PublicKey.objects.all()
    assert (old.retired_at is None, new.retired_at) == (False, None)


def test_the_roots_of_both_are_published(bring, authority, client):
    own = keys.seal_key().chain[-1]

    bring(*bought(authority))

    answer = client.get(reverse("seal_roots"))
    roots = x509.load_pem_x509_certificates(answer.content)
    assert roots == [own, authority[-1][0]]
    assert b"PRIVATE" not in answer.content


def test_show_tells_whose_it_is_and_until_when(bring, authority, capsys):
    key, chain = bought(authority)
    bring(key, chain)
    capsys.readouterr()

    call_command("seal", "show")

    _place, line = capsys.readouterr().out.splitlines()
    until = f"{chain[0].not_valid_after_utc:%Y-%m-%d}"
    assert line.endswith(f"\tBought Seal, under Bought Root, until {until}")


def test_rotate_goes_back_to_our_own_authority(bring, authority, claim):
    bring(*bought(authority))
    plain = render(claim, Design(), VERIFY_URL)
    by_bought = seal(plain)

    call_command("seal", "rotate", "seal")

    assert "Authority" in keyfiles.common_name(keys.seal_key().chain[-1])
    assert (findings(by_bought), findings(seal(plain))) == ([], [])


def test_files_outlive_a_bought_seal(bring, authority, claim):
    bring(*bought(authority, ends=2 * DAY))
    sealed = seal(render(claim, Design(), VERIFY_URL))

    with time_machine.travel(datetime.now(UTC) + 800 * DAY, tick=False):
        assert findings(sealed) == []


def test_taking_it_in_again_changes_nothing(bring, authority, key_folder):
    key, chain = bought(authority)

    bring(key, chain)
    bring(key, chain)

    assert PublicKey.objects.count() == 1
    assert [path.name for path in keyfiles.generations("seal")] == ["seal-1"]


def test_taking_it_in_again_puts_back_a_lost_key(bring, authority, key_folder):
    key, chain = bought(authority)
    bring(key, chain)
    (key_folder / "seal-1" / "key.pem").unlink()

    bring(key, chain)

    assert keys.seal_key().certificate == chain[0]
    assert PublicKey.objects.get().retired_at is None


def test_taken_in_and_made_by_several_at_once_leaves_one_in_use(
    authority, run_in_processes
):
    from certificates.importing import from_pem  # noqa: PLC0415  in the process alone

    pems = []
    for _number in range(2):
        key, chain = bought(authority)
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        pems.append((pem, keyfiles.pem(chain)))

    def change(number, barrier):
        barrier.wait()
        if number < 2:
            return keys.take_in(from_pem(*pems[number], str))
        if number == 2:
            return keys.rotate("seal")
        for _ in range(30):  # as the worker does meanwhile
            own = keys.seal_key().certificate
        return keys.fingerprint("seal", keyfiles.pem([own]))

    made = run_in_processes(4, change)

    in_use = PublicKey.objects.get(retired_at=None)
    now_used = keys.seal_key().certificate
    assert in_use.fingerprint == keys.fingerprint("seal", keyfiles.pem([now_used]))
    assert set(made) <= set(PublicKey.objects.values_list("fingerprint", flat=True))
    private = [
        folder
        for folder in keyfiles.generations("seal")
        if (folder / "key.pem").exists()
    ]
    assert private == keyfiles.generations("seal")[-1:]


# --- Refused -----------------------------------------------------------------------


def refused(bring, *what, **how):
    before = list(PublicKey.objects.all())
    with pytest.raises(CommandError) as refusal:
        bring(*what, **how)
    assert list(PublicKey.objects.all()) == before
    assert not keyfiles.generations("seal")
    return str(refusal.value)


def test_a_key_of_another_certificate_is_refused(bring, authority):
    _key, chain = bought(authority)

    assert refused(bring, p256(), chain) == (
        "None of the certificates belongs to the private key."
    )


@pytest.mark.parametrize(
    ("kinds", "words"),
    [
        ({"ends": timedelta(0)}, "The certificate of Bought Seal ended on "),
        ({"begins": DAY, "ends": 2 * DAY}, "The certificate of Bought Seal begins on "),
        ({"usage": ["key_encipherment"]}, "The certificate is not for signing"),
        ({"usage": []}, "The certificate is not for signing"),
        ({"is_authority": True}, "The certificate is not for signing"),
    ],
)
def test_a_certificate_that_cannot_seal_today_is_refused(
    bring, authority, kinds, words
):
    assert refused(bring, *bought(authority, **kinds)).startswith(words)


def test_a_chain_with_a_gap_is_refused(bring, authority):
    key, (own, below, root) = bought(authority)

    words = "Who vouches for {} is missing: CN={}. Give the certificates up to the root"
    assert refused(bring, key, [own, root]).startswith(
        words.format("Bought Seal", "Bought Issuer")
    )
    assert refused(bring, key, [own, below]).startswith(
        words.format("Bought Issuer", "Bought Root")
    )


def test_a_chain_to_another_root_is_refused(bring, authority):
    key = p256()
    other = certificate_of("Other Root", key, is_authority=True)

    assert refused(bring, *bought(authority), roots=[other]) == (
        "It leads to Bought Root, which is none of the roots given."
    )


def test_what_no_authority_has_issued_is_refused(bring):
    key = p256()

    assert refused(bring, key, [certificate_of("Self", key)]).startswith(
        "The certificate vouches for itself"
    )


def test_an_issuer_that_may_not_issue_is_refused(bring, authority):
    """Every signature is right, but the one in between is no authority."""
    between_key, key = p256(), p256()
    between = certificate_of("Between", between_key, authority[1])
    own = certificate_of("Bought Seal", key, (between, between_key))

    said = refused(bring, key, [own, between, authority[1][0]])

    assert said.startswith("A reader would not trust it: ")


@pytest.mark.parametrize(
    ("make_key", "words"),
    [
        (lambda: rsa.generate_private_key(65537, 1024), "An RSA key of 1024 bits is"),
        (lambda: ec.generate_private_key(ec.SECP256K1()), "The private key is neither"),
        (ed25519.Ed25519PrivateKey.generate, "The private key is neither"),
    ],
)
def test_a_key_of_an_unfit_kind_is_refused(bring, authority, make_key, words):
    assert refused(bring, *bought(authority, make_key())).startswith(words)


@pytest.mark.parametrize("typed", ["wrong\n", "", None])
@pytest.mark.parametrize("as_", ["pkcs12", "pem"])
def test_a_wrong_passphrase_is_refused(bring, authority, as_, typed):
    said = refused(
        bring, *bought(authority), as_=as_, passphrase=PASSPHRASE, typed=typed
    )

    assert said.endswith("or the passphrase is wrong.")


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x30\x80" * 50])
def test_files_that_are_none_are_refused(tmp_path, content):
    file = tmp_path / "file"
    file.write_bytes(content)
    words = tmp_path / "words"
    words.write_bytes(b"\xff\xfe\n")

    for source in (["--pkcs12"], ["--chain", str(file), "--key"]):
        with pytest.raises(CommandError, match=r"^This is no "):
            call_command(
                *("seal", "import", *source, str(file)),
                passphrase_file=str(words),
            )


def test_files_that_are_not_there_are_refused(tmp_path):
    missing = str(tmp_path / "missing")
    huge = tmp_path / "huge"
    huge.write_bytes(bytes(2**20 + 1))

    for arguments, words in (
        (["--pkcs12", missing], "cannot be read: No such file or directory"),
        (["--pkcs12", str(tmp_path)], "cannot be read: Is a directory"),
        (["--pkcs12", str(huge)], "is too large to be a key"),
        (["--key", missing], "--key needs --chain"),
        (["--pkcs12", missing, "--chain", missing], "--chain goes with --key"),
    ):
        with pytest.raises(CommandError, match=words):
            call_command("seal", "import", *arguments)


def test_a_retired_seal_comes_back_no_more(bring, authority):
    key, chain = bought(authority)
    bring(key, chain)
    call_command("seal", "rotate", "seal")
    in_use = keys.seal_key().certificate

    with pytest.raises(CommandError, match=r"^This certificate was retired on "):
        bring(key, chain)

    assert keys.seal_key().certificate == in_use


def test_the_passphrase_is_no_argument(capsys):
    with pytest.raises(SystemExit):
        call_command("seal", "import", "--help")

    options = {
        word.strip("[].,")
        for word in capsys.readouterr().out.split()
        if "--pass" in word
    }
    assert options == {"--passphrase-file"}
