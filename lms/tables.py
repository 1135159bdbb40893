"""Tables as files: what is shown, as CSV or XLSX, with nothing that computes."""

from __future__ import annotations

import csv
import re
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO, StringIO, TextIOWrapper
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING

from django.http import HttpResponse, StreamingHttpResponse

if TYPE_CHECKING:
    from openpyxl.cell import Cell
    from openpyxl.worksheet._write_only import WriteOnlyWorksheet

FORMATS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_IN_MEMORY = 256 * 1024  # bytes of a long table
_PIECE = 16 * 1024  # characters that leave together
# What begins a formula, at the start of a cell or of what a program takes for one:
# after a tab, a line's end, or the semicolon that parts cells in half of Europe.
_FORMULA = re.compile(r"(^|[;\t\r\n])([^\S\t\r\n]*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])")
# Nor control characters, nor what XML cannot hold: some programs refuse the file.
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def defused(cell: object) -> str:
    """The cell as text that no spreadsheet takes for a formula (OWASP: CSV injection)."""
    return _FORMULA.sub(r"\1'\2", _UNSEEN.sub("", str(cell)))


def table_response(
    name: str, file_type: str, header: Sequence[str], rows: Iterable[Sequence[object]]
) -> HttpResponse:
    """Answer with the table as a file `name`.csv or `name`.xlsx to download."""
    body = (as_csv if file_type == "csv" else as_xlsx)(header, rows)
    response = HttpResponse(body, content_type=FORMATS[file_type])
    response["Content-Disposition"] = f'attachment; filename="{name}.{file_type}"'
    return response


def long_table_response(
    name: str, file_type: str, header: Sequence[str], rows: Iterable[Sequence[object]]
) -> StreamingHttpResponse:
    """The same of many rows: never all of them in memory.

    A CSV leaves row by row, as they are read; an XLSX is a ZIP, made on disk first.
    """
    pieces = _csv_pieces if file_type == "csv" else _xlsx_pieces
    response = StreamingHttpResponse(
        pieces(header, rows), content_type=FORMATS[file_type]
    )
    response["Content-Disposition"] = f'attachment; filename="{name}.{file_type}"'
    return response


def _csv_pieces(
    header: Sequence[str], rows: Iterable[Sequence[object]]
) -> Iterator[bytes]:
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(map(defused, header))
    yield BOM_UTF8
    for row in rows:
        writer.writerow(map(defused, row))
        if text.tell() >= _PIECE:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()


def _xlsx_pieces(
    header: Sequence[str], rows: Iterable[Sequence[object]]
) -> Iterator[bytes]:
    with SpooledTemporaryFile(_IN_MEMORY) as file:
        _write_xlsx(file, header, rows)
        file.seek(0)
        while piece := file.read(_IN_MEMORY):
            yield piece


def as_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """The table as CSV in UTF-8, its cells defused."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(map(defused, header))
    writer.writerows(map(defused, row) for row in rows)
    return text.getvalue().encode("utf-8-sig")  # so that Excel reads the letters


class LongCsv:
    """A table as CSV like that of `as_csv`, which grows on disk and not in memory."""

    def __init__(self, header: Sequence[str]) -> None:
        self.file = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115  closed with us
        self.file.write(BOM_UTF8)
        self.text = TextIOWrapper(self.file, "utf-8", newline="")
        self.writer = csv.writer(self.text)
        self.append(header)

    def append(self, row: Sequence[object]) -> None:
        self.writer.writerow(map(defused, row))

    def pieces(self) -> Iterator[bytes]:
        """All of it, from its start; nothing can be added afterwards."""
        self.text.flush()
        self.file.seek(0)
        while piece := self.file.read(_IN_MEMORY):
            yield piece
        self.text.close()


def as_xlsx(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """The table as an XLSX file of one sheet, its cells defused, each a text."""
    body = BytesIO()
    _write_xlsx(body, header, rows)
    return body.getvalue()


def _write_xlsx(
    file: IO[bytes], header: Sequence[str], rows: Iterable[Sequence[object]]
) -> None:
    from openpyxl import Workbook  # noqa: PLC0415  a second to load, and seldom asked

    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append([_text_cell(sheet, cell) for cell in header])
    for row in rows:
        sheet.append([_text_cell(sheet, cell) for cell in row])
    book.save(file)


def _text_cell(sheet: WriteOnlyWorksheet, cell: object) -> Cell | str:
    """The defused text, marked as one: no program may take it for anything else."""
    text = defused(cell)
    if not text.startswith("'"):
        return text
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415  as above

    quoted = WriteOnlyCell(sheet, text)
    quoted.data_type = "s"
    quoted.quotePrefix = True
    return quoted
