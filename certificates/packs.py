"""Many certificates in one file: a ZIP that is sent while it is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from django.utils.translation import gettext as _

from certificates import serials
from certificates.claims import verify_url
from certificates.models import Certificate
from lms.tables import as_csv

_LONGEST = 100  # bytes of a name or title in a file's name: systems allow 255 in all
_FORBIDDEN = str.maketrans(dict.fromkeys('<>:"/\\|?*', "-"))


def file_name(certificate: Certificate) -> str:
    """The name of its file: "Programme – Name – Serial.pdf", in any script."""
    claim = certificate.public_claim
    words = [claim["programme"]["title"], claim["name"]]
    parts = [_fit_for_a_file(word) for word in words]
    return " – ".join([*parts, serials.shown(certificate.serial)]) + ".pdf"


def pack(certificates: Sequence[Certificate]) -> Iterator[bytes]:
    """Give the ZIP piece by piece: the files as stored, after an index of them.

    They are not compressed, which saves nothing with PDFs. All have a file.
    """
    window = _Window()
    with ZipFile(window, "w", ZIP_STORED) as archive:
        archive.writestr("index.csv", as_csv(*index(certificates)))
        yield window.take()
        for certificate in certificates:
            made = certificate.issued_at.timetuple()[:6]
            entry = ZipInfo(file_name(certificate), made)
            entry.external_attr = 0o644 << 16
            with certificate.pdf.open("rb") as file:
                archive.writestr(entry, file.read())
            yield window.take()
    yield window.take()


def index(certificates: Iterable[Certificate]) -> tuple[list[str], list[list[object]]]:
    """The certificates as a table: its head, and a row for each."""
    header = [
        _("Name"),
        _("Company"),
        _("Programme"),
        _("Edition"),
        _("Issued"),
        _("Valid until"),
        _("Serial"),
        _("Check it at"),
        _("File"),
        _("SHA-256 of the file"),
    ]
    return header, [_index_row(certificate) for certificate in certificates]


def _index_row(certificate: Certificate) -> list[object]:
    claim = certificate.public_claim
    return [
        claim["name"],
        claim["reseller"],
        claim["programme"]["title"],
        claim["programme"]["edition"],
        claim["issued_on"],
        claim["valid_until"] or "",
        serials.shown(certificate.serial),
        verify_url(certificate.serial),
        file_name(certificate),
        certificate.pdf_sha256,
    ]


class _Window(BytesIO):
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
