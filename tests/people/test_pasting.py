"""Lists of people as they are pasted and uploaded: nobody is lost, nothing guessed."""

import csv
from datetime import date
from io import BytesIO, StringIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from lms.errors import Refused
from lms.people.pasting import MAX_LINES, Line, day_of, read_file, read_text

pytestmark = pytest.mark.files

ANN, BOB = Line("ann@x.com", "Ann Lee"), Line("bob@x.com", "Bob Ray")


@pytest.mark.parametrize(
    "text",
    [
        "Ann Lee <ann@x.com>\nBob Ray <bob@x.com>",
        "Ann Lee <ann@x.com>, Bob Ray <bob@x.com>",
        "Ann Lee <ann@x.com>; Bob Ray <bob@x.com>;",
        "Lee, Ann <ann@x.com>; Ray, Bob <bob@x.com>",
        '"Lee, Ann" <ann@x.com>, "Ray, Bob" <bob@x.com>',
        "ann@x.com,Ann Lee\nbob@x.com,Bob Ray",
        "ann@x.com\tAnn Lee\nbob@x.com\tBob Ray\n",
        "Ann Lee;ann@x.com\r\nBob Ray;bob@x.com\r\n",
        "Ann;Lee;ann@x.com\rBob;Ray;bob@x.com",
        '"Ann Lee","ann@x.com"\n"Bob Ray","bob@x.com"',
        "sep=;\nann@x.com;Ann Lee\nbob@x.com;Bob Ray",
        "E-Mail;Name\nann@x.com;Ann Lee\n\n;\nbob@x.com;Bob Ray",
        "Last name\tFirst name\tPhone\tEmail address\n"
        "Lee\tAnn\t1\tann@x.com\nRay\tBob\t2\tbob@x.com",
        "Our people\n\nName,Mail\nAnn Lee,mailto:ann@x.com\nBob Ray,<bob@x.com>",
        'Name\tEmail\n"Ann\nLee"\tann@x.com\nBob Ray\tbob@x.com',
        "\ufeffAnn\u00a0Lee <ann@x.com>\nBob Ray <bob@x.com\u200b>",
    ],
)
def test_two_people_are_read_however_they_are_written(text: str) -> None:
    assert read_text(text) == [ANN, BOB]


def test_columns_of_a_header_are_told_by_their_names() -> None:
    text = (
        "Until,Team,Company,Name,Email,Here as\n"
        '31/12/2026,"Support, Analysts",North,Ann Lee,ann@x.com,Contractor'
    )

    assert read_text(text) == [
        Line(
            "ann@x.com", "Ann Lee", "Support, Analysts", "North", "Contractor",
            "31/12/2026",
        )
    ]  # fmt: skip


def test_cells_without_a_header_are_placed_by_order_and_kind() -> None:
    text = "ann@x.com;Ann Lee;Support;North;contractor;2026-12-31\nbob@x.com;;;South"

    assert read_text(text) == [
        Line("ann@x.com", "Ann Lee", "Support", "North", "contractor", "2026-12-31"),
        Line("bob@x.com", company="South"),
    ]


@pytest.mark.parametrize(
    "typed",
    [
        "ann lee@x.com",
        "Ann Lee ann@x.com",
        "ann@x.com Bcc: eve@x.com",
        "ann",
        "@",
        "a@b@c",
        "<script>alert(1)</script>",
        '=HYPERLINK("http://x")',
    ],
)
def test_what_is_no_address_stays_as_typed_to_be_mended(typed: str) -> None:
    (line,) = read_text(f"{typed}\n")

    assert line.email == typed.replace('"', "") or line.email == typed


def test_a_quote_that_nothing_closes_swallows_nobody() -> None:
    text = '"Ann Lee <ann@x.com>\n' + "Bob Ray <bob@x.com>\n" * 9

    assert read_text(text) == [ANN] + [BOB] * 9


def test_a_line_break_in_an_address_is_no_second_header() -> None:
    assert read_text('"ann@x.com\nBcc: eve@x.com"') == [
        Line("ann@x.com Bcc: eve@x.com")
    ]


def test_ten_thousand_lines_are_read_and_one_more_is_refused() -> None:
    text = "ann@x.com\tAnn Lee\tSupport\n" * MAX_LINES

    assert len(read_text(text)) == 10_000
    with pytest.raises(Refused, match="10001 lines"):
        read_text(text + "bob@x.com")


@pytest.mark.parametrize("text", ["", "\n \t\n", ";;;", "Name,Email\n", "\x00"])
def test_a_list_of_nobody_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="nobody"):
        read_text(text)


def test_a_huge_cell_is_cut_and_hurts_nobody_else() -> None:
    lines = read_text(f"{'x' * 1_000_000}@x.com\nbob@x.com,Bob Ray")

    assert (len(lines[0].email), lines[1]) == (1000, BOB)


@given(st.text(max_size=300))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        lines = read_text(text)
    except Refused:
        lines = []

    assert all("\n" not in cell for line in lines for cell in line.cells())


@given(
    st.lists(
        st.tuples(
            st.from_regex(r"[a-z]{1,8}@[a-z]{1,8}\.com", fullmatch=True),
            st.from_regex(r"[A-Z][a-z]{1,8} [A-Z][a-z\"',;]{0,8}[a-z]", fullmatch=True),
        ),
        min_size=1,
        max_size=9,
    ),
    st.sampled_from([",", ";", "\t"]),
)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_what_a_spreadsheet_writes_is_read_back(
    people: list[tuple[str, str]], delimiter: str
) -> None:
    text = StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerows([("email", "name"), *people])

    assert [(line.email, line.name) for line in read_text(text.getvalue())] == people


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-12-31", date(2026, 12, 31)),
        ("31/12/2026", date(2026, 12, 31)),
        ("1.2.2027", date(2027, 2, 1)),
        ("31 Dec 2026", date(2026, 12, 31)),
        ("31 December, 2026", date(2026, 12, 31)),
        ("12/31/2026", None),
        ("31/02/2027", None),
        ("soon", None),
        ("", None),
    ],
)
def test_days_are_read_day_before_month(text: str, day: date | None) -> None:
    assert day_of(text) == day


# --- Files --------------------------------------------------------------------------


def workbook(*rows: Any) -> Workbook:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    return book


def saved(book: Workbook) -> bytes:
    body = BytesIO()
    book.save(body)
    return body.getvalue()


def with_part(content: bytes, name: str, part: bytes) -> bytes:
    """The same archive with a part added, or another in its place."""
    body = BytesIO()
    with ZipFile(BytesIO(content)) as old, ZipFile(body, "w", ZIP_DEFLATED) as new:
        for info in old.infolist():
            if info.filename != name:
                new.writestr(info, old.read(info))
        new.writestr(name, part)
    return body.getvalue()


HEAD = ["Name", "Email", "Until"]
SHEET = saved(workbook(HEAD, ["Ann Lee", "ann@x.com", date(2026, 12, 31)]))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_csv_is_read_in_the_encodings_that_programs_write(encoding: str) -> None:
    content = "Name;Email\nJosé Núñez;jose@x.com".encode(encoding)

    assert read_file(content) == [Line("jose@x.com", "José Núñez")]


def test_xlsx_is_read_with_days_and_numbers_as_text() -> None:
    book = workbook(
        HEAD, ["Ann Lee", "ann@x.com", date(2026, 12, 31)], [], [7.0, "bob@x.com"]
    )

    assert read_file(saved(book)) == [
        Line("ann@x.com", "Ann Lee", until="2026-12-31"),
        Line("bob@x.com", "7"),
    ]


def test_a_sheet_that_is_empty_is_passed_over() -> None:
    book = workbook()
    book.create_sheet().append(["Ann Lee", "ann@x.com"])

    assert read_file(saved(book)) == [ANN]


def test_a_formula_is_what_it_came_to_and_never_computed() -> None:
    book = workbook(HEAD, ["=1+1", "ann@x.com"], ["Bob Ray", '=CONCAT("b","@x.com")'])

    assert read_file(saved(book)) == [Line("ann@x.com"), Line(name="Bob Ray")]


def test_of_merged_cells_the_first_holds_the_value() -> None:
    book = workbook(
        ["Our people", None, None], HEAD, ["Ann Lee", "ann@x.com"], [None, "bob@x.com"]
    )
    book.active.merge_cells("A1:C1")
    book.active.merge_cells("A3:A4")

    assert read_file(saved(book)) == [ANN, Line("bob@x.com")]


def test_a_workbook_with_macros_is_refused_by_what_is_in_it() -> None:
    macros = with_part(SHEET, "xl/vbaProject.bin", b"Sub AutoOpen()")

    with pytest.raises(Refused, match="macros"):
        read_file(macros)


def test_a_workbook_that_calls_itself_macro_enabled_is_refused() -> None:
    with ZipFile(BytesIO(SHEET)) as parts:
        types = parts.read("[Content_Types].xml")
    plain = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main"
    assert plain in types
    macro = types.replace(plain, b"application/vnd.ms-excel.sheet.macroEnabled.main")

    with pytest.raises(Refused, match="macros"):
        read_file(with_part(SHEET, "[Content_Types].xml", macro))


def test_a_zip_bomb_is_refused_before_it_is_unpacked(monkeypatch: Any) -> None:
    bomb = with_part(SHEET, "xl/media/a.bin", b"\x00" * 21 * 1024 * 1024)
    read: list[str] = []
    monkeypatch.setattr(ZipFile, "read", lambda self, info: read.append(info))

    assert len(bomb) < 100_000
    with pytest.raises(Refused, match="too large when unpacked"):
        read_file(bomb)
    assert read == []


def test_a_sheet_far_wider_and_longer_than_its_people_is_read_to_its_end() -> None:
    book = workbook(HEAD, ["Ann Lee", "ann@x.com"])
    book.active["XFD1048576"] = "far away"

    assert read_file(saved(book)) == [ANN]


def test_too_many_rows_are_refused_and_not_read_to_the_end() -> None:
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    for _row in range(MAX_LINES + 1):
        sheet.append(["ann@x.com"])

    with pytest.raises(Refused, match="10001 lines"):
        read_file(saved(book))


def test_a_workbook_with_a_document_type_is_refused() -> None:
    laughs = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "ha">]><sst>&b;</sst>'

    with pytest.raises(Refused, match="cannot be read"):
        read_file(with_part(SHEET, "xl/sharedStrings.xml", laughs))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04 and nothing else", "cannot be read"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Excel format"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "no CSV and no XLSX"),
        (b"%PDF-1.7\n\x00\x01", "no CSV and no XLSX"),
        (b"", "nobody"),
        (b"\xff\xfea", "no CSV and no XLSX"),
        (SHEET[: len(SHEET) // 2], "cannot be read"),
        (with_part(SHEET, "xl/workbook.xml", b"<x/>"), "nobody|cannot be read"),
        (with_part(SHEET, "xl/worksheets/sheet1.xml", b"<"), "cannot be read"),
    ],
)
def test_what_is_no_list_is_refused_in_words(content: bytes, words: str) -> None:
    with pytest.raises(Refused, match=words):
        read_file(content)


@given(st.integers(0, len(SHEET) - 1), st.integers(0, 255))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_a_workbook_with_a_broken_byte_is_read_or_refused(at: int, byte: int) -> None:
    broken = SHEET[:at] + bytes([byte]) + SHEET[at + 1 :]

    try:
        lines = read_file(broken)
    except Refused:
        lines = []

    assert len(lines) <= 2
