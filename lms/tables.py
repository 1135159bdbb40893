"""Tables as files: what is shown, as CSV or XLSX, with nothing that computes."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO, StringIO

from django.http import HttpResponse
from openpyxl import Workbook

FORMATS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def defused(cell: object) -> str:
    """The cell as text that no spreadsheet takes for a formula (OWASP: CSV injection)."""
    text = str(cell)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def table_response(
    name: str, file_type: str, header: Sequence[str], rows: Iterable[Sequence[object]]
) -> HttpResponse:
    """Answer with the table as a file `name`.csv or `name`.xlsx to download."""
    body = (as_csv if file_type == "csv" else as_xlsx)(header, rows)
    response = HttpResponse(body, content_type=FORMATS[file_type])
    response["Content-Disposition"] = f'attachment; filename="{name}.{file_type}"'
    return response


def as_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """The table as CSV in UTF-8, its cells defused."""
    text = StringIO()
    csv.writer(text).writerows(_cells(header, rows))
    return text.getvalue().encode("utf-8-sig")  # so that Excel reads the letters


def as_xlsx(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """The table as an XLSX file of one sheet, its cells defused."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in _cells(header, rows):
        sheet.append(row)
    body = BytesIO()
    book.save(body)
    return body.getvalue()


def _cells(
    header: Sequence[str], rows: Iterable[Sequence[object]]
) -> Iterator[list[str]]:
    yield list(header)
    for row in rows:
        yield [defused(cell) for cell in row]
