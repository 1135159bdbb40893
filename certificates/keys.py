"""The keys: a seal for files and a key for badges, made where there are none.

They lie in `DATA_DIR/keys`, never in the database. Each generation is a folder of its
own (`seal-1`, `badge-1`, …) with `key.pem` and, for a seal and for the authority that
vouches for it, `certificates.pem` (its own first, the root last). The highest number is
in use. Earlier ones have lost `key.pem`, but for the authority's, and stay to verify by.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
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
_MULTICODEC_ED25519 = b"\xed\x01"
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


class KeyTrouble(Exception):
    """A key cannot be used: the text says why, for staff."""


class SealKey(NamedTuple):
    """A seal: its private key, its certificate, and those that vouch for it."""

    key: PrivateKeyTypes
    certificate: x509.Certificate
    chain: list[x509.Certificate]


def badge_key() -> Ed25519PrivateKey:
    """The key that signs badges now; made at its first use. Raises KeyTrouble."""
    key = _private_key(_current(BADGE, _new_badge))
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyTrouble(_("The badge key is not an Ed25519 key."))
    return key


def badge_keys() -> dict[str, Ed25519PublicKey]:
    """By its id, the public part of each key that signs or has signed badges."""
    found = {}
    for folder in _generations(BADGE):
        public = serialization.load_pem_public_key(_read(folder / "public.pem"))
        if isinstance(public, Ed25519PublicKey):
            found[key_id(public)] = public
    return found


def key_id(public: Ed25519PublicKey) -> str:
    """The key itself as a Multikey (`z6Mk…`), which is its name too."""
    return multibase(_MULTICODEC_ED25519 + public.public_bytes_raw())


def issuer_id() -> str:
    """Who signs badges: our did:web, resolved at `/.well-known/did.json`."""
    return "did:web:" + urlsplit(settings.PUBLIC_URL).netloc.replace(":", "%3A")


def verification_method(public: Ed25519PublicKey) -> str:
    """The name of a badge key in our DID document."""
    return f"{issuer_id()}#{key_id(public)}"


def multibase(data: bytes) -> str:
    """Bytes in base58btc, with the `z` that says so."""
    number, symbols = int.from_bytes(data), ""
    while number:
        number, rest = divmod(number, 58)
        symbols = _BASE58[rest] + symbols
    zeros = len(data) - len(data.lstrip(b"\0"))
    return "z" + _BASE58[0] * zeros + symbols


def seal_key() -> SealKey:
    """The seal in use; made at its first use. Raises KeyTrouble."""
    folder = _current(SEAL, _new_seal)
    own, *chain = _certificates(folder)
    return SealKey(_private_key(folder), own, chain)


def seals() -> list[list[x509.Certificate]]:
    """Each seal that is or was ours, the oldest first: its certificate, then its chain."""
    return [_certificates(folder) for folder in _generations(SEAL)]


def seal_roots() -> list[x509.Certificate]:
    """The certificates to trust when a file is verified, retired ones too."""
    return list(dict.fromkeys(chain[-1] for chain in seals()))


def keys_folder() -> Path:
    return Path(settings.DATA_DIR) / "keys"


def _current(kind: str, new: Callable[[], dict[str, bytes]]) -> Path:
    """The folder of the generation in use; the first is made here."""
    if generations := _generations(kind):
        return generations[-1]
    return _keep(kind, 1, new())


def _generations(kind: str) -> list[Path]:
    """The folders of a kind, the oldest first."""
    try:
        found = list(keys_folder().glob(f"{kind}-*"))
    except OSError as error:
        raise _unreadable(keys_folder(), error) from None
    return sorted(found, key=lambda folder: int(folder.name.partition("-")[2]))


def _keep(kind: str, number: int, files: dict[str, bytes]) -> Path:
    """Put a generation into its place at once, for us alone to read.

    If another process was quicker, theirs stays.
    """
    folder = keys_folder() / f"{kind}-{number}"
    keys_folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix=".making-", dir=keys_folder()))
    try:
        for name, content in files.items():
            with os.fdopen(
                os.open(making / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600),
                "wb",
            ) as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        try:
            making.rename(folder)
        except OSError:
            if not folder.is_dir():  # not because another was quicker
                raise
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return folder


def _new_badge() -> dict[str, bytes]:
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return {"key.pem": _private_pem(key), "public.pem": public}


def _new_authority() -> dict[str, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Certificate Authority")
    own = (
        _certificate(name, name, key.public_key(), _AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return {"key.pem": _private_pem(key), "certificates.pem": _pem([own])}


def _new_seal() -> dict[str, bytes]:
    """A seal under our own authority, which is made first if there is none."""
    folder = _current(AUTHORITY, _new_authority)
    authority, authority_key = _certificates(folder)[0], _private_key(folder)
    if not isinstance(authority_key, ec.EllipticCurvePrivateKey):
        raise KeyTrouble(_("The authority's key is not one for elliptic curves."))
    key = ec.generate_private_key(ec.SECP256R1())
    vouching = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    own = (
        _certificate(_name("Seal"), authority.subject, key.public_key(), SEAL_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            _usage(digital_signature=True, content_commitment=True), critical=True
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
    return {"key.pem": _private_pem(key), "certificates.pem": _pem([own, authority])}


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


def _usage(**allowed: bool) -> x509.KeyUsage:
    every = (
        *("digital_signature", "content_commitment", "key_encipherment"),
        *("data_encipherment", "key_agreement", "key_cert_sign", "crl_sign"),
        *("encipher_only", "decipher_only"),
    )
    return x509.KeyUsage(**{name: allowed.get(name, False) for name in every})


def _private_key(folder: Path) -> PrivateKeyTypes:
    file = folder / "key.pem"
    try:
        return serialization.load_pem_private_key(_read(file), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _unreadable(file, error) from None


def _certificates(folder: Path) -> list[x509.Certificate]:
    file = folder / "certificates.pem"
    try:
        return x509.load_pem_x509_certificates(_read(file))
    except ValueError as error:
        raise _unreadable(file, error) from None


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


def _private_pem(key: ec.EllipticCurvePrivateKey | Ed25519PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _pem(certificates: list[x509.Certificate]) -> bytes:
    return b"".join(
        each.public_bytes(serialization.Encoding.PEM) for each in certificates
    )
