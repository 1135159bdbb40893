"""Tables as files that no spreadsheet program computes anything in."""

import csv
import io

import pytest
from openpyxl import load_workbook

from lms.tables import LongCsv, as_csv, as_xlsx

FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "  =1+1",
    "\x01=1+1",
    "a;=1+1",
    "a\n@x",
    '=HYPERLINK("https://example.com","x")',
    "\uff1d1+1",
]
PLAIN = ["", "Anna Berg", "a=b", "Zoë – Łukasik", "1-2", "user@example.com", "高橋"]


def csv_cells(value):
    text = as_csv(["Name"], [[value]]).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text)))[1]


def test_long_table_is_the_same_file(monkeypatch):
    monkeypatch.setattr("lms.tables._IN_MEMORY", 64)  # bytes: most of it on disk
    rows = [[value, "高橋"] for value in [*FORMULAS, *PLAIN]]
    long = LongCsv(["Name", "=Other"])

    for row in rows:
        long.append(row)

    assert b"".join(long.pieces()) == as_csv(["Name", "=Other"], rows)


def xlsx_cell(value):
    return load_workbook(io.BytesIO(as_xlsx(["Name"], [[value]]))).active["A2"]


@pytest.mark.parametrize("value", FORMULAS)
def test_no_cell_begins_a_formula(value):
    (cell,) = csv_cells(value)

    parts = cell.replace("\r", "\n").replace(";", "\n").replace("\t", "\n").split("\n")
    assert "'" in cell
    assert not [part for part in parts if part.lstrip()[:1] in {*"=+-@\uff1d"} - {""}]


@pytest.mark.parametrize("value", FORMULAS)
def test_sheet_holds_texts_alone(value):
    cell = xlsx_cell(value)

    assert cell.data_type == "s"
    assert cell.quotePrefix == cell.value.startswith("'")
    assert cell.value[0] not in "=+-@"
    assert cell.value.endswith(value[-1])


@pytest.mark.parametrize("value", PLAIN)
def test_plain_text_stays_as_it_is(value):
    assert csv_cells(value) == ([value] if value else [""])
    assert (xlsx_cell(value).value or "") == value


@pytest.mark.parametrize(
    "value", ["a\x00b", "a\x1fb", "a\x7fb", "a\ufffeb", "a\uffffb", "a\ud800b"]
)
def test_what_cannot_be_seen_is_left_out(value):
    assert csv_cells(value) == ["ab"]
    assert xlsx_cell(value).value == "ab"
