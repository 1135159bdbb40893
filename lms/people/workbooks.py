"""Reading a sheet of an XLSX file that anybody may have made."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from datetime import date, datetime
from io import BytesIO
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile, ZipFile

from django.utils.translation import gettext as _
from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from lms.errors import Refused

MOST_UNPACKED = 20 * 1024 * 1024  # bytes, all parts together
MOST_PARTS = 1_000
MOST_COLUMNS = 30
_EMPTY_ROWS = 1_000  # that many more than the lines allowed are looked at

# What openpyxl raises on parts that are not as they should be.
_UNREADABLE = (
    BadZipFile, InvalidFileException, ParseError, zlib.error, ArithmeticError,
    AttributeError, EOFError, LookupError, NotImplementedError, OSError, RuntimeError,
    TypeError, ValueError,
)  # fmt: skip


def cells_of(content: bytes, *, most: int) -> Iterator[list[str]]:
    """The rows of the first sheet with any as text, at most a few more than `most`.

    A formula is what it came to when the file was saved; of merged cells the first
    holds the value. Raises Refused for a workbook with macros, one that unpacks to
    more than we read, and what is no workbook.
    """
    _look_inside(content)
    try:
        yield from _rows(content, most)
    except _UNREADABLE:
        raise Refused(_unreadable()) from None


def _rows(content: bytes, most: int) -> Iterator[list[str]]:
    book = load_workbook(
        BytesIO(content), read_only=True, data_only=True, keep_links=False
    )
    for sheet in book.worksheets:
        rows = sheet.iter_rows(
            max_row=most + _EMPTY_ROWS, max_col=MOST_COLUMNS, values_only=True
        )
        is_empty = True
        for row in rows:
            if any(cell is not None for cell in row):
                is_empty = False
                yield [_text(cell) for cell in row]
        if not is_empty:
            return


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)


def _look_inside(content: bytes) -> None:
    """Refuse what is dangerous to unpack, before anything is."""
    try:
        with ZipFile(BytesIO(content)) as parts:
            infos = parts.infolist()
            unpacked = sum(info.file_size for info in infos)
            if unpacked > MOST_UNPACKED or len(infos) > MOST_PARTS:
                raise Refused(
                    _(
                        "This workbook is too large when unpacked. "
                        "Copy the columns needed into a new one, or paste them."
                    )
                )
            names = [info.filename.lower() for info in infos]
            if any("vbaproject" in name or "macrosheets/" in name for name in names):
                raise Refused(_macros())
            for info in infos:
                _look_at_part(parts.read(info))  # a size that lies ends here
    except (
        BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        OSError,
        RuntimeError,
        ValueError,
    ):
        raise Refused(_unreadable()) from None


def _look_at_part(part: bytes) -> None:
    if b"macroEnabled" in part:
        raise Refused(_macros())
    is_odd = part.startswith((b"\xff\xfe", b"\xfe\xff")) and b"<\x00" in part
    if is_odd or b"<!DOCTYPE" in part or b"<!ENTITY" in part:
        raise Refused(_unreadable())


def _macros() -> str:
    return _(
        "This workbook holds macros. Save it as .xlsx, without them, and try again."
    )


def _unreadable() -> str:
    return _("This workbook cannot be read. Save it anew as .xlsx or CSV.")
