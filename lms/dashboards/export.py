"""Tables as files: what is shown, as CSV or XLSX, with nothing that computes."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from io import BytesIO, StringIO

from django.http import HttpResponse
from openpyxl import Workbook

from lms.tables import defused

FORMATS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def table_response(
    name: str, file_type: str, header: Sequence[str], rows: Iterable[Sequence[object]]
) -> HttpResponse:
    """Answer with the table as a file `name`.csv or `name`.xlsx to download."""
    table = [list(header), *([defused(cell) for cell in row] for row in rows)]
    body = _as_csv(table) if file_type == "csv" else _as_xlsx(table)
    response = HttpResponse(body, content_type=FORMATS[file_type])
    response["Content-Disposition"] = f'attachment; filename="{name}.{file_type}"'
    return response


def _as_csv(table: Iterable[Sequence[str]]) -> bytes:
    text = StringIO()
    csv.writer(text).writerows(table)
    return text.getvalue().encode("utf-8-sig")  # so that Excel reads the letters


def _as_xlsx(table: Iterable[Sequence[str]]) -> bytes:
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in table:
        sheet.append(list(row))
    body = BytesIO()
    book.save(body)
    return body.getvalue()
