"""What is wrong with a file that somebody brings: asked of its seal, byte by byte.

First the bytes alone, so that a file which no PDF reader opens is told apart too. What
seems whole then has pyHanko's word as well.
"""

from __future__ import annotations

import re
import zlib
from contextlib import suppress
from hashlib import sha256
from io import BytesIO
from itertools import islice
from typing import Any, NamedTuple

from asn1crypto import cms
from asn1crypto import x509 as asn1
from asn1crypto.parser import peek
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

from certificates import keys, serials
from certificates.seal import FIELD, Fault, Finding

TEXTS = {
    Fault.UNREADABLE: _("This is no PDF file, or it is damaged beyond reading."),
    Fault.NOT_SEALED: _("This file has no seal: it is not one of ours."),
    Fault.CUT: _("The file is not whole: its end is missing. Fetch it once more."),
    Fault.SAVED_ANEW: _(
        "The seal no longer fits the file: some program has saved it anew. Ask for the "
        "original."
    ),
    Fault.UNKNOWN_KEY: _("This file is sealed, but not by us."),
    Fault.CHANGED: _("The file was changed after it was sealed."),
    Fault.ADDED_TO: _("Something was added to the file after it was sealed."),
    Fault.SAMPLE: _("This is a sample, and proves nothing."),
}
_RANGES = re.compile(
    rb"/ByteRange\s*\[\s*" + rb"\s+".join([rb"(\d{1,10})"] * 4) + rb"\s*\]"
)
_MOST_MARKS = 20  # looked at: ours has one
_SERIAL_IN_ADDRESS = re.compile(r"/c/([0-9A-Z-]{13,16})(?![0-9A-Z])")
_BAD_INPUT = (  # what readers raise at bytes that somebody has made up
    *(PdfError, SignatureValidationError, ValueError, TypeError, LookupError),
    *(AttributeError, AssertionError, ArithmeticError, RecursionError, zlib.error),
)
_FOR_SIGNING = KeyUsageConstraints(key_usage={"digital_signature", "non_repudiation"})
_SHA256 = {"algorithm": "sha256", "parameters": None}
_FRAME = (  # of each signature of ours: no signature covers its own frame
    *("v1", "v1", {"content_type": "data", "content": None}),
    *([_SHA256], _SHA256, None),
)


Seal = list[x509.Certificate]


class Mark(NamedTuple):
    """A seal as it stands in the bytes: what it covers, up to where, and its words.

    Tidy is one in whose room, which no signature covers, is the signature alone.
    """

    covered: bytes
    end: int
    is_in_place: bool
    words: Words | None
    is_tidy: bool


class Words(NamedTuple):
    """What a signature says: whose it is, of which bytes, and who vouches for it."""

    issuer: bytes
    serial_number: int
    digest: bytes
    certificates: frozenset[bytes]
    is_framed_as_ours: bool


def examine(pdf: bytes) -> list[Finding]:
    """See `certificates.seal.findings`."""
    return [Finding(fault, TEXTS[fault]) for fault in _faults(pdf)]


def serial_in(pdf: bytes) -> str | None:
    """The file's own identifier, which is the serial where it is a certificate."""
    try:
        identifier = PdfFileReader(BytesIO(pdf), strict=False).trailer["/ID"][0]
        serial = identifier.original_bytes.decode("ascii")
    except _BAD_INPUT:
        return None
    return serial if serials.is_valid(serial) else None


def serials_in(pdf: bytes) -> dict[str, str]:
    """See `certificates.seal.named_in`."""
    found = {"identifier": serial_in(pdf) or ""}
    root: Any = {}
    with suppress(*_BAD_INPUT):  # it is damaged: what can be found is found
        root = PdfFileReader(BytesIO(pdf), strict=False).root
    for where, addresses in (("link", _links(root)), ("credential", _attached(root))):
        match = _SERIAL_IN_ADDRESS.search(addresses)
        found[where] = serials.normalise(match[1]) if match else ""
    return {
        where: serial for where, serial in found.items() if serials.is_valid(serial)
    }


def _links(root: Any) -> str:
    """The addresses to which the first page leads."""
    try:
        notes = root["/Pages"]["/Kids"][0]["/Annots"]
        actions = [note.get_object().get("/A") for note in notes]
        return " ".join(str(action["/URI"]) for action in actions if action)
    except _BAD_INPUT:
        return ""


def _attached(root: Any) -> str:
    """What is attached first: of a certificate its credential."""
    try:
        _name, file, *_others = root["/Names"]["/EmbeddedFiles"]["/Names"]
        data: bytes = file.get_object()["/EF"]["/F"].data
        return data.decode("utf-8")
    except _BAD_INPUT:
        return ""


def _faults(pdf: bytes) -> list[Fault]:
    if not pdf.startswith(b"%PDF-"):
        return [Fault.UNREADABLE]
    marks = [_mark(pdf, match) for match in islice(_RANGES.finditer(pdf), _MOST_MARKS)]
    for mark in marks:
        if seal := _our_seal(mark):
            return _faults_of(pdf, mark, seal)
    in_place = [mark for mark in marks if mark.is_in_place]
    if any(mark.words for mark in in_place):
        return [Fault.UNKNOWN_KEY]
    if in_place:
        return [Fault.CHANGED]
    if _is_cut(pdf):
        return [Fault.CUT]
    return [Fault.SAVED_ANEW if marks or _was_ours(pdf) else Fault.NOT_SEALED]


def _faults_of(pdf: bytes, mark: Mark, seal: Seal) -> list[Fault]:
    faults = []
    if mark.end > len(pdf):
        faults.append(Fault.CUT)
    elif not (_covers(mark, seal) and _is_valid(pdf[: mark.end], seal[0])):
        faults.append(Fault.CHANGED)
    if mark.end < len(pdf):
        faults.append(Fault.ADDED_TO)
    if serial_in(pdf) == serials.SAMPLE:
        faults.append(Fault.SAMPLE)
    return faults


def _is_cut(pdf: bytes) -> bool:
    """Whether it stops before its end: each revision ends in the same five letters."""
    end = pdf.rfind(b"%%EOF")
    return end < 0 or b" obj" in pdf[end:]


def _mark(pdf: bytes, match: re.Match[bytes]) -> Mark:
    first, length, second, rest = (int(number) for number in match.groups())
    gap = pdf[first + length : second]
    words, is_tidy = None, False
    try:
        room = bytes.fromhex(gap[1:-1].decode("ascii"))
        words = _words_of(room)
        is_tidy = gap[1:-1].isupper() and not any(room[peek(room) :])
    except _BAD_INPUT:
        pass  # it was damaged
    return Mark(
        covered=pdf[first : first + length] + pdf[second : second + rest],
        end=second + rest,
        is_in_place=first == 0 and gap[:1] == b"<" and gap[-1:] == b">",
        words=words,
        is_tidy=is_tidy,
    )


def _words_of(room: bytes) -> Words:
    """Read it all at once: what is damaged shows only where it is read."""
    signature = cms.ContentInfo.load(room)["content"]
    (signer,) = signature["signer_infos"]
    (digest,) = (
        attribute["values"][0].native
        for attribute in signer["signed_attrs"]
        if attribute["type"].native == "message_digest"
    )
    frame = (
        *(signature["version"].native, signer["version"].native),
        *(
            signature["encap_content_info"].native,
            signature["digest_algorithms"].native,
        ),
        signer["digest_algorithm"].native,
        signer["signature_algorithm"]["parameters"].native,
    )
    named = signer["sid"].chosen
    return Words(
        named["issuer"].dump(),
        named["serial_number"].native,
        digest,
        frozenset(each.chosen.dump() for each in signature["certificates"]),
        frame == _FRAME,
    )


def _our_seal(mark: Mark) -> Seal | None:
    """Which of our seals it names, whether or not it is by that."""
    if mark.words is None or not mark.is_in_place:
        return None
    for seal in keys.seals():
        own = seal[0]
        if (own.issuer.public_bytes(), own.serial_number) == mark.words[:2]:
            return seal
    return None


def _covers(mark: Mark, seal: Seal) -> bool:
    """Whether the bytes are those that were sealed, and those beside it are as made."""
    return (
        mark.words is not None
        and mark.words.digest == sha256(mark.covered).digest()
        and mark.words.certificates == {_der(each) for each in seal}
        and mark.words.is_framed_as_ours
        and mark.is_tidy
    )


def _is_valid(pdf: bytes, seal: x509.Certificate) -> bool:
    """What pyHanko says of a whole file, trusting our authorities alone."""
    at = min(max(now(), seal.not_valid_before_utc), seal.not_valid_after_utc)
    trusted = [asn1.Certificate.load(_der(root)) for root in keys.seal_roots()]
    try:
        (signature,) = PdfFileReader(BytesIO(pdf)).embedded_regular_signatures
        status = validate_pdf_signature(
            signature,
            ValidationContext(trust_roots=trusted, moment=at, allow_fetching=False),
            key_usage_settings=_FOR_SIGNING,
            skip_diff=True,
        )
    except _BAD_INPUT:
        return False
    return bool(
        status.intact
        and status.valid
        and status.trusted
        and status.docmdp_ok
        and status.coverage == SignatureCoverageLevel.ENTIRE_FILE
        and signature.field_name == FIELD
        and signature.signer_cert.dump() == _der(seal)
    )


def _was_ours(pdf: bytes) -> bool:
    """Whether a file without a seal has the field for it still, or a serial."""
    try:
        form = PdfFileReader(BytesIO(pdf), strict=False).root["/AcroForm"]
        names = [field.get_object()["/T"] for field in form["/Fields"]]
    except _BAD_INPUT:
        names = []
    return FIELD in names or serial_in(pdf) is not None


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)
