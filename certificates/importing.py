"""A seal that was bought: read, and looked at before it is taken in.

pyHanko, which judges its chain, is loaded with this: import it where one is taken in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import (
    PrivateKeyTypes,
    PublicKeyTypes,
)
from cryptography.hazmat.primitives.serialization import pkcs12
from django.utils.formats import date_format
from django.utils.timezone import now
from django.utils.translation import gettext as _
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import PathBuildingError, ValidationError

from certificates.keyfiles import KeyTrouble, common_name, files_of_seal

SealPrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

_LEAST_RSA_BITS = 2048
_CURVES = ("secp256r1", "secp384r1", "secp521r1")
_LONGEST_CHAIN = 10


def from_pkcs12(
    data: bytes, passphrase: Callable[[], str], roots: Sequence[x509.Certificate] = ()
) -> dict[str, bytes]:
    """The files of a seal that comes as PKCS#12 (`.p12`, `.pfx`). Raises KeyTrouble."""
    words = passphrase()
    try:
        bag = pkcs12.load_pkcs12(data, words.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise KeyTrouble(
            _("This is no PKCS#12 file that can be read, or the passphrase is wrong.")
        ) from None
    own = [bag.cert] if bag.cert else []
    return _checked(
        bag.key, [each.certificate for each in [*own, *bag.additional_certs]], roots
    )


def from_pem(
    key: bytes,
    chain: bytes,
    passphrase: Callable[[], str],
    roots: Sequence[x509.Certificate] = (),
) -> dict[str, bytes]:
    """The files of a seal that comes as PEM; asks for a passphrase where one is needed.

    Raises KeyTrouble.
    """
    try:
        try:
            private = serialization.load_pem_private_key(key, None)
        except TypeError:  # it is encrypted
            words = passphrase().encode()
            private = serialization.load_pem_private_key(key, words or b"\0")
    except (ValueError, UnsupportedAlgorithm):
        raise KeyTrouble(
            _("This is no private key in PEM, or the passphrase is wrong.")
        ) from None
    return _checked(private, certificates_in(chain), roots)


def certificates_in(pem: bytes) -> list[x509.Certificate]:
    """The certificates of a PEM file, at least one. Raises KeyTrouble."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise KeyTrouble(_("There is no certificate in PEM in that file.")) from None


def _checked(
    key: PrivateKeyTypes | None,
    certificates: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
) -> dict[str, bytes]:
    """See that it can seal, now and for readers who trust the root alone."""
    private = _fit_key(key)
    public = _bytes_of(private.public_key())
    own = next((each for each in certificates if _is_of(each, public)), None)
    if own is None:
        raise KeyTrouble(_("None of the certificates belongs to the private key."))
    _require_usage(own)
    chain = _chain(own, [*certificates, *roots])
    if roots and chain[-1] not in roots:
        raise KeyTrouble(
            _("It leads to %(root)s, which is none of the roots given.")
            % {"root": common_name(chain[-1])}
        )
    for each in chain:
        _require_in_force(each)
    _require_path(chain)
    return files_of_seal(private, chain)


def _fit_key(key: PrivateKeyTypes | None) -> SealPrivateKey:
    if isinstance(key, rsa.RSAPrivateKey):
        if key.key_size < _LEAST_RSA_BITS:
            raise KeyTrouble(
                _("An RSA key of %(bits)d bits is too weak: 2048 at least.")
                % {"bits": key.key_size}
            )
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return key
    raise KeyTrouble(
        _("The private key is neither RSA nor one for P-256, P-384 or P-521.")
        if key
        else _("There is no private key in that file.")
    )


def _require_usage(own: x509.Certificate) -> None:
    """Refuse what was made for other things: sites, mail alone, or to vouch."""
    try:
        extensions = own.extensions
    except ValueError:
        raise KeyTrouble(_("The certificate cannot be read.")) from None
    try:
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        usage = None
    if usage is None or not (usage.digital_signature or usage.content_commitment):
        raise KeyTrouble(
            _("The certificate is not for signing: its key usage does not say so.")
        )
    try:
        is_authority = extensions.get_extension_for_class(
            x509.BasicConstraints
        ).value.ca
    except x509.ExtensionNotFound:
        is_authority = False
    if is_authority:
        raise KeyTrouble(_("The certificate is an authority’s, and not for sealing."))


def _chain(
    own: x509.Certificate, others: Sequence[x509.Certificate]
) -> list[x509.Certificate]:
    """The certificate and those that vouch for it, up to the root."""
    chain = [own]
    while not _vouches(chain[-1], chain[-1]):
        above = next(
            (
                each
                for each in others
                if each not in chain and _vouches(each, chain[-1])
            ),
            None,
        )
        if above is None or len(chain) == _LONGEST_CHAIN:
            raise KeyTrouble(
                _(
                    "Who vouches for %(name)s is missing: %(issuer)s. Give the "
                    "certificates up to the root, with --roots if they are in another "
                    "file."
                )
                % {
                    "name": common_name(chain[-1]),
                    "issuer": chain[-1].issuer.rfc4514_string(),
                }
            )
        chain.append(above)
    if len(chain) == 1:
        raise KeyTrouble(
            _("The certificate vouches for itself: it was not bought of an authority.")
        )
    return chain


def _vouches(above: x509.Certificate, below: x509.Certificate) -> bool:
    try:
        below.verify_directly_issued_by(above)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _require_in_force(certificate: x509.Certificate) -> None:
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now() < first:
        raise KeyTrouble(
            _("The certificate of %(name)s begins on %(day)s.")
            % {"name": common_name(certificate), "day": date_format(first, "j F Y")}
        )
    if now() >= last:
        raise KeyTrouble(
            _("The certificate of %(name)s ended on %(day)s.")
            % {"name": common_name(certificate), "day": date_format(last, "j F Y")}
        )


def _require_path(chain: Sequence[x509.Certificate]) -> None:
    """Ask pyHanko, which will be asked at each sealing, what a reader would say."""
    own, *between, root = [
        asn1.Certificate.load(each.public_bytes(serialization.Encoding.DER))
        for each in chain
    ]
    context = ValidationContext(trust_roots=[root], allow_fetching=False)
    validator = CertificateValidator(own, between, validation_context=context)
    try:
        asyncio.run(validator.async_validate_path())
    except (ValidationError, PathBuildingError) as error:
        raise KeyTrouble(
            _("A reader would not trust it: %(reason)s") % {"reason": error}
        ) from None


def _is_of(certificate: x509.Certificate, public: bytes) -> bool:
    try:
        return _bytes_of(certificate.public_key()) == public
    except (ValueError, UnsupportedAlgorithm):
        return False


def _bytes_of(public: PublicKeyTypes) -> bytes:
    return public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
