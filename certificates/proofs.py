"""Data Integrity proofs (`eddsa-rdfc-2022`) on JSON-LD documents, without a network.

The contexts come with the package openbadgeslib, of which nothing else is used: its
data files are read, it is never imported. Each is held to a hash written here.
"""

from __future__ import annotations

import json
import re
from functools import cache
from hashlib import sha256
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from certificates.keys import badge_key, multibase, verification_method

CREDENTIALS_V2 = "https://www.w3.org/ns/credentials/v2"
OPEN_BADGES_V3 = "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"
CRYPTOSUITE = "eddsa-rdfc-2022"

_CONTEXTS = {
    CREDENTIALS_V2: (
        "openbadgeslib/ob3/contexts/credentials-v2.json",
        "59955ced6697d61e03f2b2556febe5308ab16842846f5b586d7f1f7adec92734",
    ),
    OPEN_BADGES_V3: (
        "openbadgeslib/ob3/contexts/ob-v3p0-context-3.0.3.json",
        "3d34f4d4ef1bce691106e63798beb5e7b862ba841423f5ee1e53ab7ddf3bca84",
    ),
}

# PyLD writes these as they are, RDFC-1.0 wants them escaped: nobody could verify it.
_CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")


class CannotSign(Exception):
    """The document has something that the signature would not cover."""


def signed(document: dict[str, Any], *, created: str) -> dict[str, Any]:
    """The document with our proof: the same bytes for the same document and key.

    `created` is an instant in UTC as XML Schema writes it. Raises CannotSign for a
    property that no context knows or a control character, and `keyfiles.KeyTrouble`.
    """
    key = badge_key()
    proof = {
        "type": "DataIntegrityProof",
        "cryptosuite": CRYPTOSUITE,
        "created": created,
        "verificationMethod": verification_method(key.public_key()),
        "proofPurpose": "assertionMethod",
    }
    options = {"@context": document["@context"], **proof}
    signature = key.sign(_hashed(options) + _hashed(document))
    return {**document, "proof": {**proof, "proofValue": multibase(signature)}}


def _hashed(document: dict[str, Any]) -> bytes:
    """The hash of the document's canonical form (RDFC-1.0)."""
    from pyld import jsonld  # noqa: PLC0415  takes half a second, and few need it

    options = {"documentLoader": load}
    expanded = jsonld.expand(document, options, on_property_dropped=_refuse)
    canonical: str = jsonld.normalize(
        expanded,
        {**options, "algorithm": "URDNA2015", "format": "application/n-quads"},
    )
    if found := _CONTROLS.search(canonical):
        raise CannotSign(f"a control character: {found[0]!a}")
    return sha256(canonical.encode()).digest()


def load(url: str, options: object = None) -> dict[str, Any]:
    """Give a context that we hold; refuse every other address."""
    if url not in _CONTEXTS:
        raise CannotSign(f"refused: {url}")
    return {
        "contentType": "application/ld+json",
        "contextUrl": None,
        "documentUrl": url,
        "document": _context(url),
    }


@cache
def _context(url: str) -> dict[str, Any]:
    path, digest = _CONTEXTS[url]
    text = Path(str(distribution("openbadgeslib").locate_file(path))).read_bytes()
    if sha256(text).hexdigest() != digest:
        raise CannotSign(f"{url} is not the document that was published there")
    context: dict[str, Any] = json.loads(text)
    return context


def _refuse(term: str | None) -> None:
    raise CannotSign(f"no context knows {term}")
