"""Reading a list of people, as pasted or uploaded: text or bytes in, lines out.

Nothing here asks the database, and nothing decides whether a line is right: what
cannot be placed stays in the line, to be seen and mended.
"""

from __future__ import annotations

import csv
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import date, datetime
from typing import Any

from django.utils.translation import gettext as _

from lms.errors import Refused
from lms.people.names import one_line
from lms.people.workbooks import cells_of

MAX_LINES = 10_000
LONGEST_CELL = 1_000  # characters; the longest of ours takes 254
_HEADER_WITHIN = 10  # records: some lists begin with a title
_JOINED = 5  # physical lines that one quoted cell may take
_SAMPLE = 200  # records, to tell by what sign the cells are parted

COLUMNS = {
    "email": "email|e-mail|mail|email address|e-mail address|mail address|address",
    "name": "name|full name|full_name|fullname|display name|person",
    "given": "first name|firstname|first_name|given name|forename",
    "family": "last name|lastname|last_name|surname|family name",
    "teams": "team|teams|group|groups|department",
    "company": "company|subsidiary|reseller|organisation|organization|branch",
    "engagement": "engagement|here as|belongs there as|belongs as|type|contract",
    "until": "until|until_on|planned end|end|ends|end date|ends on",
}
_COLUMN = {word: name for name, words in COLUMNS.items() for word in words.split("|")}
ENGAGEMENTS = [
    "employee",
    "contractor",
    "consultant",
    "reseller",
    "temporary",
    "temporary worker",
    "temp",
    "other",
    "other worker",
]
_MAIL = re.compile(r"[^\s@<>\"(),;:]+@[^\s@<>\"(),;:]+")
_NAMED = re.compile(r"(?P<name>[^<>]*)<\s*(?:mailto:)?(?P<mail>[^<>\s]*@[^<>\s]*)\s*>")
_SEPARATOR = re.compile(r"\"?sep=.\"?", re.IGNORECASE)  # Excel's word to itself
_DAY_FORMATS = (
    "%Y-%m-%d", "%Y/%m/%d", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%d %b %Y", "%d %B %Y",
    "%Y-%m-%d %H:%M:%S",
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One person of the list, each cell as it was typed; empty: the default."""

    email: str = ""
    name: str = ""
    teams: str = ""
    company: str = ""
    engagement: str = ""
    until: str = ""

    def cells(self) -> list[str]:
        return list(asdict(self).values())


FIELDS = tuple(field.name for field in fields(Line))


def read_text(text: str) -> list[Line]:
    """The people of a pasted text. Raises Refused when there are none, or too many."""
    lines = _lines_of(list(_records_of(text)))
    if not lines:
        raise Refused(_("There is nobody in this list. Paste one address per line."))
    require_not_too_many(lines)
    return lines


def require_not_too_many(lines: Sequence[Line]) -> None:
    """Refuse more than anybody reads through, or we do."""
    if len(lines) > MAX_LINES:
        raise Refused(
            _("These are %(count)d lines. Send at most %(most)d at a time.")
            % {"count": len(lines), "most": MAX_LINES}
        )


def read_file(content: bytes) -> list[Line]:
    """The people of a CSV or XLSX file, told apart by what is in it.

    Raises Refused when it is neither, or as `read_text` does.
    """
    if content.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        records = list(cells_of(content, most=MAX_LINES))
        return read_text(_as_tabs(records))
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise Refused(
            _(
                "This workbook is in the old Excel format, or locked by a password. "
                "Save it as .xlsx or CSV without one."
            )
        )
    return read_text(_decoded(content))


def day_of(text: str) -> date | None:
    """The day that is written there, day before month; None when it is none."""
    text = text.strip().replace(",", "")
    for form in _DAY_FORMATS:
        try:
            return datetime.strptime(text, form).date()  # noqa: DTZ007  a bare day
        except ValueError:
            continue
    return None


def _decoded(content: bytes) -> str:
    if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        encodings = ["utf-16"]
    elif content.startswith(BOM_UTF8):
        encodings = ["utf-8-sig"]
    else:
        encodings = ["utf-8", "cp1252"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise Refused(_("This file is no CSV and no XLSX. Save it as one of them."))


def _as_tabs(records: Iterable[Sequence[str]]) -> str:
    """Cells of a workbook as a spreadsheet puts them on the clipboard."""
    quoted = (
        "\t".join('"' + one_line(cell).replace('"', '""') + '"' for cell in record)
        for record in records
    )
    return "\n".join(quoted)


# --- Text to records --------------------------------------------------------------


def _records_of(text: str) -> Iterator[list[str]]:
    """The cells of each line that holds any."""
    whole = list(_whole_lines(text))
    delimiter = _delimiter_of(whole[:_SAMPLE])
    for line in whole:
        if any(cells := _split(line, delimiter)):
            yield cells


def _whole_lines(text: str) -> Iterator[str]:
    """Lines, those that a quoted cell runs through joined to one.

    A quote that nothing closes within a few lines is only a sign: it swallows nobody.
    """
    lines = text.replace("\x00", "").splitlines()
    at = 1 if lines and _SEPARATOR.fullmatch(lines[0].strip("\ufeff \t")) else 0
    while at < len(lines):
        line = lines[at]
        if not line.count('"') % 2:
            at += 1
            yield line
            continue
        joined = line
        for more in range(1, _JOINED):
            if at + more >= len(lines):
                break
            joined += " " + lines[at + more]
            if not joined.count('"') % 2:
                at += more + 1
                yield joined
                break
        else:
            more = 0
        if joined.count('"') % 2:
            at += 1
            yield line.replace('"', "")


def _delimiter_of(lines: Sequence[str]) -> str:
    """The sign that parts cells so that most of those with an @ are an address."""

    def worth(delimiter: str) -> tuple[int, int]:
        cells = [cell for line in lines for cell in _split(line, delimiter)]
        clean = sum("@" in cell and _address_in(cell) is not None for cell in cells)
        return clean, sum(delimiter in line for line in lines)

    return max(("\t", ";", ","), key=worth)


def _split(line: str, delimiter: str) -> list[str]:
    try:
        record = next(
            csv.reader([line], delimiter=delimiter, skipinitialspace=True), []
        )
    except csv.Error:  # a cell longer than any reader takes
        record = line[: LONGEST_CELL * 20].replace('"', "").split(delimiter)
    return [_tidy(cell) for cell in record]


def _tidy(cell: str) -> str:
    if cell.isascii() and cell.isprintable():  # nearly all: twenty times quicker
        return " ".join(cell.split())[:LONGEST_CELL]
    return one_line(cell)[:LONGEST_CELL]


# --- Records to lines -------------------------------------------------------------


def _lines_of(records: list[list[str]]) -> list[Line]:
    for at, record in enumerate(records[:_HEADER_WITHIN]):
        if any("@" in cell for cell in record):
            break
        if columns := _columns_of(record):
            below = records[at + 1 :]
            return [line for row in below for line in _by_header(row, columns)]
    return [line for record in records for line in _by_sight(record)]


def _columns_of(record: Sequence[str]) -> dict[str, int]:
    """Where each column stands; nothing when the record is no header with addresses."""
    found: dict[str, int] = {}
    for at, cell in enumerate(record):
        name = _COLUMN.get(cell.casefold().rstrip(":*"))
        if name:
            found.setdefault(name, at)
    return found if "email" in found else {}


def _by_header(row: Sequence[str], columns: dict[str, int]) -> Iterator[Line]:
    cells = {name: row[at] if at < len(row) else "" for name, at in columns.items()}
    given, family = cells.pop("given", ""), cells.pop("family", "")
    line = Line(**cells)
    found = _address_in(line.email)
    name = line.name or f"{given} {family}".strip() or (found[0] if found else "")
    line = replace(line, name=name, email=found[1] if found else line.email)
    if any(line.cells()):
        yield line


def _by_sight(record: list[str]) -> Iterator[Line]:
    """The people of a record without a header: one, or as many as it has addresses.

    What stands before an address is the name. What comes after it is name, teams,
    company, engagement and until in this order; a day, or a word of the Scope, is
    known by itself.
    """
    found = [_address_in(cell) if "@" in cell else None for cell in record]
    count = sum(each is not None for each in found)
    if count == 0:
        yield Line(email=" ".join(cell for cell in record if cell))
        return
    if count > 1:
        yield from _many_in_one(record, found)
        return
    at = next(i for i, each in enumerate(found) if each)
    name, email = found[at] or ("", "")
    before = [cell for cell in record[:at] if cell]
    yield _placed(_name_of(name, before), email, record[at + 1 :])


def _many_in_one(
    record: list[str], found: list[tuple[str, str] | None]
) -> Iterator[Line]:
    """As the field *To* of a mail: Ann <ann@…>, bob@…, Lee, Kim <kim@…>."""
    before: list[str] = []
    for cell, each in zip(record, found, strict=True):
        if each is None:
            before += [cell] if cell else []
            continue
        yield Line(email=each[1], name=_name_of(each[0], before))
        before = []
    if before:  # of nobody: shown, so that it is not lost
        yield Line(email=" ".join(before))


def _name_of(own: str, before: list[str]) -> str:
    """A name that the address brings goes before the family name before it."""
    if own and len(before) == 1:
        return f"{own} {before[0]}"
    return own or " ".join(before)


def _placed(name: str, email: str, after: list[str]) -> Line:
    places = [] if name else ["name"]
    places += ["teams", "company"]
    cells = {"email": email, "name": name, "engagement": "", "until": ""}
    unplaced: list[str] = []
    for cell in after:
        if not cell:
            places = places[1:]
        elif not cells["until"] and day_of(cell):
            cells["until"] = cell
        elif not cells["engagement"] and cell.casefold() in ENGAGEMENTS:
            cells["engagement"] = cell
        elif places:
            cells[places[0]] = cell
            places = places[1:]
        else:
            unplaced.append(cell)
    if unplaced:  # shown where it is asked about
        cells["until"] = " ".join([cells["until"], *unplaced]).strip()
    return Line(**cells)


def _address_in(cell: str) -> tuple[str, str] | None:
    """The name and the address of a cell that holds one and nothing else.

    `Ann ann@x.com` is none: it may be an address with a space in it.
    """
    text = cell.strip(" ;,'\"")
    if named := _NAMED.fullmatch(text):
        return _in_order(named["name"]), named["mail"]
    text = text.removeprefix("mailto:").removeprefix("<").removesuffix(">")
    return ("", text) if _MAIL.fullmatch(text) else None


def _in_order(name: str) -> str:
    """A name as one says it, where the family name stood first: Lee, Ann."""
    name = name.strip()
    if name[:1] in ("'", '"') and name[:1] == name[-1:]:
        name = name[1:-1].strip()
    family, comma, given = name.partition(",")
    return f"{given.strip()} {family}" if comma and "," not in given else name


def line_of(cells: dict[str, Any]) -> Line:
    """A line from what a form or a row of ours holds."""
    return Line(**{name: _tidy(str(cells.get(name) or "")) for name in FIELDS})
