"""The key folder, `DATA_DIR/keys`: how keys lie in it, are made and are read.

Each generation is a folder of its own (`seal-1`, `badge-1`, …) with `key.pem` and its
public part: `public.pem` of a badge key, `certificates.pem` of a seal and of the
authority that vouches for it (its own first, the root last). The highest number is in
use; earlier seals and badge keys have lost `key.pem`, and stay to verify by.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from django.conf import settings
from django.utils.timezone import now
from django.utils.translation import gettext as _

from certificates.claims import ISSUER

AUTHORITY, SEAL, BADGE = "authority", "seal", "badge"
SEAL_LIFE = timedelta(days=3653)
_AUTHORITY_LIFE = 3 * SEAL_LIFE
_SKEW = timedelta(days=1)  # a reader's clock may be behind ours


class KeyTrouble(Exception):
    """A key cannot be used: the text says why, for staff."""


def keys_folder() -> Path:
    return Path(settings.DATA_DIR) / "keys"


def current(kind: str, new: Callable[[], dict[str, bytes]]) -> Path:
    """The folder of the generation in use; the first is made here."""
    if there := generations(kind):
        return there[-1]
    return keep(kind, 1, new())


def generations(kind: str) -> list[Path]:
    """The folders of a kind, the oldest first. Raises KeyTrouble."""
    folder = keys_folder()
    try:
        there = list(folder.iterdir()) if folder.exists() else []
    except OSError as error:
        raise _unreadable(folder, error) from None
    numbers = {
        int(name[1]): path
        for path in there
        if (name := re.fullmatch(rf"{kind}-(\d+)", path.name))
    }
    return [numbers[number] for number in sorted(numbers)]


@contextmanager
def alone() -> Iterator[None]:
    """Let nobody else put a new key in its place meanwhile. Raises KeyTrouble."""
    try:
        keys_folder().mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(keys_folder() / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise _unwritable(error) from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def keep_next(kind: str, files: dict[str, bytes]) -> Path:
    """Put a further generation in its place: it is in use from here on."""
    last = [int(path.name.partition("-")[2]) for path in generations(kind)[-1:]]
    return keep(kind, sum(last) + 1, files)


def keep(kind: str, number: int, files: dict[str, bytes]) -> Path:
    """Put a generation into its place at once, for us alone to read.

    If another process was quicker, theirs stays. Raises KeyTrouble.
    """
    folder = keys_folder() / f"{kind}-{number}"
    try:
        keys_folder().mkdir(mode=0o700, parents=True, exist_ok=True)
        making = Path(tempfile.mkdtemp(prefix=".making-", dir=keys_folder()))
        try:
            for name, content in files.items():
                _write(making / name, content)
            _rename(making, folder)
        finally:
            shutil.rmtree(making, ignore_errors=True)
    except OSError as error:
        raise _unwritable(error) from None
    return folder


def _unwritable(error: OSError) -> KeyTrouble:
    return KeyTrouble(
        _("The key folder cannot be written: %(reason)s.") % {"reason": error.strerror}
    )


def _write(file: Path, content: bytes) -> None:
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(handle)


def _rename(making: Path, folder: Path) -> None:
    try:
        making.rename(folder)
    except OSError:
        if not folder.is_dir():  # not because another was quicker
            raise


def holds(folder: Path, files: dict[str, bytes]) -> bool:
    """Whether a generation is this one. Raises KeyTrouble."""
    return all(
        (folder / name).exists() and _read(folder / name) == content
        for name, content in files.items()
    )


def drop_private_key(folder: Path) -> None:
    """Forget the private part of what is retired; its public part stays."""
    (folder / "key.pem").unlink(missing_ok=True)


def new_badge() -> dict[str, bytes]:
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return {"key.pem": _private_pem(key), "public.pem": public}


def new_authority() -> dict[str, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Certificate Authority")
    own = (
        _certificate(name, name, key.public_key(), _AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return {"key.pem": _private_pem(key), "certificates.pem": pem([own])}


def new_seal() -> dict[str, bytes]:
    """A seal under our own authority, which is made first if there is none."""
    folder = current(AUTHORITY, new_authority)
    if certificates(folder)[0].not_valid_after_utc < now() + SEAL_LIFE:
        folder = keep_next(AUTHORITY, new_authority())
    authority, authority_key = certificates(folder)[0], private_key(folder)
    if not isinstance(authority_key, ec.EllipticCurvePrivateKey):
        raise KeyTrouble(_("The authority's key is not one for elliptic curves."))
    key = ec.generate_private_key(ec.SECP256R1())
    vouching = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    own = (
        _certificate(_name("Seal"), authority.subject, key.public_key(), SEAL_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            usage(digital_signature=True, content_commitment=True), critical=True
        )
        .add_extension(
            x509.ExtendedKeyUsage(
                [
                    x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36"),  # documents: RFC 9336
                    ExtendedKeyUsageOID.EMAIL_PROTECTION,  # older readers ask for it
                ]
            ),
            critical=False,
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
                vouching.value
            ),
            critical=False,
        )
        .sign(authority_key, hashes.SHA256())
    )
    return files_of_seal(key, [own, authority])


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    life: timedelta,
) -> x509.CertificateBuilder:
    at = now()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - _SKEW)
        .not_valid_after(at + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
    )


def _name(what: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ISSUER),
            x509.NameAttribute(
                NameOID.COMMON_NAME, f"{settings.WAGTAIL_SITE_NAME} {what}"
            ),
        ]
    )


def usage(**allowed: bool) -> x509.KeyUsage:
    every = (
        *("digital_signature", "content_commitment", "key_encipherment"),
        *("data_encipherment", "key_agreement", "key_cert_sign", "crl_sign"),
        *("encipher_only", "decipher_only"),
    )
    return x509.KeyUsage(**{name: allowed.get(name, False) for name in every})


def private_key(folder: Path) -> PrivateKeyTypes:
    file = folder / "key.pem"
    try:
        return serialization.load_pem_private_key(_read(file), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _unreadable(file, error) from None


def certificates(folder: Path) -> list[x509.Certificate]:
    file = folder / "certificates.pem"
    try:
        return x509.load_pem_x509_certificates(_read(file))
    except ValueError as error:
        raise _unreadable(file, error) from None


def public_pem(folder: Path) -> bytes:
    """The public part as it lies there, once it is seen to be one. Raises KeyTrouble."""
    if folder.name.startswith(BADGE):
        return _read(folder / "public.pem")
    return pem(certificates(folder))


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise _unreadable(file, error) from None


def _unreadable(path: Path, error: Exception) -> KeyTrouble:
    reason = getattr(error, "strerror", None) or _("it is damaged")
    return KeyTrouble(
        _("%(file)s in the key folder cannot be read: %(reason)s.")
        % {"file": f"{path.parent.name}/{path.name}", "reason": reason}
    )


def files_of_seal(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, chain: list[x509.Certificate]
) -> dict[str, bytes]:
    """What a generation of the seal consists of; the chain from its own to the root."""
    return {"key.pem": _private_pem(key), "certificates.pem": pem(chain)}


def common_name(certificate: x509.Certificate) -> str:
    """What to call it: its common name, or the whole of its name."""
    for each in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME):
        return str(each.value)
    return certificate.subject.rfc4514_string()


def _private_pem(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | Ed25519PrivateKey,
) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def pem(certificates: list[x509.Certificate]) -> bytes:
    return b"".join(
        each.public_bytes(serialization.Encoding.PEM) for each in certificates
    )
