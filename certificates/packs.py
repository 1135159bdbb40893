"""Many certificates in one file: a ZIP that is sent while it is written."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from hashlib import sha256
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from django.utils.timezone import now
from django.utils.translation import gettext as _

from certificates import serials, storing
from certificates.claims import verify_url
from certificates.models import Certificate, CertificateQuerySet
from certificates.storing import CannotStore
from certificates.verdict import state_of, valid_until
from lms.mail.times import on_day
from lms.tables import LongCsv

logger = logging.getLogger(__name__)

AT_ONCE = 100  # rows that are read from the database together
_LONGEST = 100  # bytes of a name or title in a file's name: systems allow 255 in all
_FORBIDDEN = str.maketrans(dict.fromkeys('<>:"/\\|?*', "-"))


def file_name(certificate: Certificate) -> str:
    """The name of its file: "Programme – Name – Serial.pdf", in any script."""
    claim = certificate.public_claim
    words = [claim["programme"]["title"], claim["name"]]
    parts = [_fit_for_a_file(word) for word in words]
    return " – ".join([*parts, serials.shown(certificate.serial)]) + ".pdf"


def pack(found: CertificateQuerySet) -> Iterator[bytes]:
    """Give the ZIP piece by piece: the files as stored, and an index of them.

    They are not compressed, which saves nothing with PDFs; no more than a few are in
    memory at a time. The index comes last, since it says which file was not there, and
    is kept on disk until then. What grows is ZIP's own list of its entries alone, by
    some 700 bytes for each.
    """
    window = Window()
    index = LongCsv([*_header(), _("File")])
    with ZipFile(window, "w", ZIP_STORED) as archive:
        for certificate in light(found):
            content = content_of(certificate)
            index.append([*_facts(certificate), _said(certificate, content)])
            if content is not None:
                archive.writestr(entry_of(certificate), content)
            yield window.take()
        add_long(archive, "index.csv", index)
    yield window.take()


def add_long(archive: ZipFile, name: str, table: LongCsv) -> str:
    """Add a long table, compressed; its SHA-256."""
    digest = sha256()
    entry = ZipInfo(name, now().timetuple()[:6])
    entry.compress_type = ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    with archive.open(entry, "w") as file:
        for piece in table.pieces():
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


def light(found: CertificateQuerySet) -> Iterator[Certificate]:
    """The certificates without their heavy fields, read a few at a time."""
    return found.defer("private_claim", "credential").iterator(chunk_size=AT_ONCE)


def content_of(certificate: Certificate) -> bytes | None:
    """The bytes of its file as they were stored; None where they are not there.

    Whoever reads the log is told: a lost or a changed file is a matter for staff.
    """
    try:
        with storing.told(), certificate.pdf.open("rb") as file:
            content: bytes = file.read()
    except CannotStore:
        logger.error("The file of certificate %s is not there", certificate.pk)  # noqa: TRY400  the sentence says all
        return None
    if sha256(content).hexdigest() != certificate.pdf_sha256:
        logger.error("The file of certificate %s has changed", certificate.pk)
        return None
    return content


def entry_of(certificate: Certificate, folder: str = "") -> ZipInfo:
    """The place of its file in a ZIP, dated by its issue."""
    made = certificate.issued_at.timetuple()[:6]
    entry = ZipInfo(f"{folder}{file_name(certificate)}", made)
    entry.external_attr = 0o644 << 16
    return entry


def index(certificates: Iterable[Certificate]) -> tuple[list[str], list[list[object]]]:
    """The certificates as a table: its head, and a row for each."""
    return _header(), [_facts(certificate) for certificate in certificates]


def _header() -> list[str]:
    return [
        _("Name"),
        _("Company"),
        _("Programme"),
        _("Edition"),
        _("State"),
        _("Issued"),
        _("Valid until"),
        _("Serial"),
        _("Check it at"),
        _("SHA-256 of the file"),
    ]


def _facts(certificate: Certificate) -> list[object]:
    claim = certificate.public_claim
    until = valid_until(certificate)
    return [
        claim.get("name", ""),
        claim.get("reseller", ""),
        claim["programme"]["title"] if claim else "",
        claim["programme"]["edition"] if claim else "",
        str(state_of(certificate)),
        on_day(certificate.issued_at.date()),
        on_day(until) if until else "",
        serials.shown(certificate.serial),
        verify_url(certificate.serial),
        certificate.pdf_sha256,
    ]


def _said(certificate: Certificate, content: bytes | None) -> str:
    """Its file's name, or that it could not be read."""
    if content is not None:
        return file_name(certificate)
    return _("Could not be read: please tell the training team")


class Window(BytesIO):
    """What is written of a file and not sent yet; places count from its start.

    ZipFile goes back to an entry's head after its body, never further.
    """

    sent = 0

    def tell(self) -> int:
        return self.sent + super().tell()

    def seek(self, place: int, whence: int = 0, /) -> int:
        return self.sent + super().seek(place - self.sent, whence)

    def take(self) -> bytes:
        written = self.getvalue()
        self.sent += len(written)
        super().seek(0)
        super().truncate(0)
        return written


def _fit_for_a_file(word: str) -> str:
    """Without the signs that a file system refuses, and not too long for one."""
    kept = "".join(sign for sign in word.translate(_FORBIDDEN) if sign.isprintable())
    return kept.encode()[:_LONGEST].decode(errors="ignore").strip(" .") or "-"
