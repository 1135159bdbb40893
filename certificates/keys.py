"""The keys: a seal for files and a key for badges, made where there never were any.

The private parts lie in the key folder alone (`certificates.keyfiles`). Their public
parts are in the database too, for ever: by them old files stay verifiable, and a key
folder that was emptied or is another machine's is noticed, never filled anew.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from django.conf import settings
from django.db import transaction
from django.utils.formats import date_format
from django.utils.timezone import now
from django.utils.translation import gettext as _

from certificates import keyfiles
from certificates.keyfiles import BADGE, SEAL, KeyTrouble
from certificates.models import PublicKey

_MULTICODEC_ED25519 = b"\xed\x01"
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


class SealKey(NamedTuple):
    """A seal: its private key, its certificate, and those that vouch for it."""

    key: PrivateKeyTypes
    certificate: x509.Certificate
    chain: list[x509.Certificate]


# --- Badges ----------------------------------------------------------------------------


def badge_key() -> Ed25519PrivateKey:
    """The key that signs badges now; made at its first use. Raises KeyTrouble.

    One query.
    """
    _folder, key = _opened(BADGE, keyfiles.new_badge)
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyTrouble(_("The badge key is not an Ed25519 key."))
    return key


def badge_keys() -> dict[str, Ed25519PublicKey]:
    """By its id, the public part of each key that signs or has signed badges."""
    found = {}
    for pem in _all_pems(BADGE):
        public = serialization.load_pem_public_key(pem)
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


# --- The seal --------------------------------------------------------------------------


def seal_key() -> SealKey:
    """The seal in use; made at its first use. Raises KeyTrouble. One query."""
    folder, key = _opened(SEAL, keyfiles.new_seal)
    own, *chain = keyfiles.certificates(folder)
    return SealKey(key, own, chain)


def seals() -> list[list[x509.Certificate]]:
    """Each seal that is or was ours, the oldest first: its certificate, then its chain."""
    return [x509.load_pem_x509_certificates(pem) for pem in _all_pems(SEAL)]


def seal_roots() -> list[x509.Certificate]:
    """The certificates to trust when a file is verified, retired ones too."""
    return list(dict.fromkeys(chain[-1] for chain in seals()))


# --- Both ------------------------------------------------------------------------------


def fingerprint(kind: str, pem: bytes) -> str:
    """What a public part is known by: the key id of a badge, a seal's SHA-256."""
    if kind == SEAL:
        return x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256()).hex()
    public = serialization.load_pem_public_key(pem)
    if not isinstance(public, Ed25519PublicKey):
        raise KeyTrouble(_("The badge key is not an Ed25519 key."))
    return key_id(public)


def rotate(kind: str) -> str:
    """Make a new key and retire those before; returns what the new one is known by.

    What the earlier ones signed stays verifiable, while their private parts go, also
    where they were lost. Raises KeyTrouble.
    """
    new = {SEAL: keyfiles.new_seal, BADGE: keyfiles.new_badge}[kind]
    with keyfiles.alone():
        return _succeed(kind, new())


def take_in(seal: dict[str, bytes]) -> str:
    """Put a bought seal (see `certificates.importing`) in the place of the one before.

    As `rotate`. Repeating is safe, and puts one back that was lost. Raises KeyTrouble.
    """
    known_as = fingerprint(SEAL, seal["certificates.pem"])
    with keyfiles.alone():
        known = PublicKey.objects.filter(fingerprint=known_as).first()
        if known and known.retired_at:
            raise KeyTrouble(
                _(
                    "This certificate was retired on %(day)s, and comes back no more: "
                    "ask for another, which may be for the same key."
                )
                % {"day": date_format(known.retired_at, "j F Y")}
            )
        in_use = keyfiles.generations(SEAL)[-1:]
        if in_use and keyfiles.holds(in_use[0], seal):
            return known_as
        return _succeed(SEAL, seal)


def _succeed(kind: str, files: dict[str, bytes]) -> str:
    """Put a new key in use, and retire those before."""
    folder = keyfiles.keep_next(kind, files)
    while not keyfiles.holds(folder, files):  # the worker was quicker, with its first
        folder = keyfiles.keep_next(kind, files)
    earlier = [each for each in keyfiles.generations(kind) if each != folder]
    pem = keyfiles.public_pem(folder)
    with transaction.atomic():
        made, _is_new = PublicKey.objects.get_or_create(  # the worker may be quicker
            fingerprint=fingerprint(kind, pem),
            defaults={"kind": kind, "pem": pem.decode()},
        )
        others = PublicKey.objects.filter(kind=kind, retired_at=None)
        others.exclude(pk=made.pk).update(retired_at=now())
    for each in earlier:
        keyfiles.drop_private_key(each)
    return made.fingerprint


def authorities_pem() -> bytes:
    """The roots of all our seals, for those who verify a file. Raises KeyTrouble."""
    return keyfiles.pem(seal_roots())


def _opened(
    kind: str, new: Callable[[], dict[str, bytes]]
) -> tuple[Path, PrivateKeyTypes]:
    """The folder of the key in use, and the key: it may have a successor meanwhile."""
    while True:
        before = keyfiles.generations(kind)
        try:
            folder = _in_use(kind, new)
            return folder, keyfiles.private_key(folder)
        except KeyTrouble:
            if keyfiles.generations(kind) == before:
                raise


def _in_use(kind: str, new: Callable[[], dict[str, bytes]]) -> Path:
    """The folder of the key in use, which the database knows from here on."""
    generations = keyfiles.generations(kind)
    if not generations:
        last = PublicKey.objects.filter(kind=kind).order_by("made_at").last()
        # A folder comes before its row: another process may have made both by now.
        generations = keyfiles.generations(kind)
        if last and not generations:
            raise _lost(last)
    if not generations:
        generations = [keyfiles.keep(kind, 1, new())]
    folder = generations[-1]
    pem = keyfiles.public_pem(folder)
    known, _is_new = PublicKey.objects.get_or_create(
        fingerprint=fingerprint(kind, pem),
        defaults={"kind": kind, "pem": pem.decode()},
    )
    if known.retired_at:
        raise KeyTrouble(
            _(
                "%(folder)s in the key folder was retired on %(day)s, and a later one is "
                "not there: put it back from its backup."
            )
            % {"folder": folder.name, "day": date_format(known.retired_at, "j F Y")}
        )
    return folder


def _lost(last: PublicKey) -> KeyTrouble:
    """There was a key, so none is made: it is lost, or is somewhere else."""
    return KeyTrouble(
        _(
            "The key folder is without the %(kind)s key of %(day)s: put it back from "
            "its backup, or make another: `manage.py seal rotate %(kind)s`."
        )
        % {"kind": last.kind, "day": date_format(last.made_at, "j F Y")}
    )


def _all_pems(kind: str) -> list[bytes]:
    """Each public part: those the database knows, and those of the folder."""
    rows = PublicKey.objects.filter(kind=kind).order_by("made_at", "pk")
    known = [pem.encode() for pem in rows.values_list("pem", flat=True)]
    here = [keyfiles.public_pem(folder) for folder in keyfiles.generations(kind)]
    return list(dict.fromkeys([*known, *here]))
