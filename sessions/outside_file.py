"""A calendar file as lines: of its entries those that tell time, the rest unread."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from sessions.outside_fetch import CannotRead

_LINE = re.compile(
    r'([A-Za-z0-9-]+)((?:;[A-Za-z0-9-]+=(?:"[^"]*"|[^":;])*)*):(.*)', re.DOTALL
)
_PARAM = re.compile(r';([A-Za-z0-9-]+)=((?:"[^"]*"|[^":;])*)')
_TELLS_TIME = {
    "DTSTART",
    "DTEND",
    "DURATION",
    "RRULE",
    "RDATE",
    "EXDATE",
    "RECURRENCE-ID",
    "UID",
    "SEQUENCE",
    "STATUS",
    "TRANSP",
    "X-MICROSOFT-CDO-BUSYSTATUS",
    "FREEBUSY",
}


class Line(NamedTuple):
    """One property: its parameters, names in capitals, and its value as it stands."""

    name: str
    params: dict[str, str]
    value: str


@dataclass
class Entry:
    """An event, or a list of busy times; the lines that tell time."""

    kind: str
    lines: dict[str, list[Line]] = field(default_factory=dict)

    def all(self, name: str) -> list[Line]:
        return self.lines.get(name, [])

    def line(self, name: str) -> Line | None:
        return next(iter(self.all(name)), None)

    def word(self, name: str) -> str:
        line = self.line(name)
        return line.value.strip().upper() if line else ""

    @property
    def sequence(self) -> int:
        word = self.word("SEQUENCE")
        return int(word) if re.fullmatch(r"[0-9]{1,9}", word) else 0

    @property
    def is_free(self) -> bool:
        return (
            self.word("STATUS") == "CANCELLED"
            or self.word("TRANSP") == "TRANSPARENT"
            or self.word("X-MICROSOFT-CDO-BUSYSTATUS") == "FREE"
        )


@dataclass
class File:
    """One calendar of the file."""

    zone_name: str = ""
    entries: list[Entry] = field(default_factory=list)
    zones: dict[str, list[str]] = field(default_factory=dict)


def _text(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    return data.decode("utf-8-sig", errors="replace")


def parse(data: bytes) -> list[File]:
    """Split a file; raises CannotRead when it breaks off or does not nest."""
    text = _text(data).replace("\r\n", "\n").replace("\r", "\n")
    text = text.replace("\n ", "").replace("\n\t", "")  # unfolded
    files: list[File] = []
    open_parts: list[str] = []
    entry: Entry | None = None
    zone: list[str] = []
    for raw in text.split("\n"):
        start = raw[:6].upper()
        if start == "BEGIN:":
            open_parts.append(raw[6:].strip().upper())
            if open_parts == ["VCALENDAR"]:
                files.append(File())
            elif len(open_parts) == 2 and open_parts[0] == "VCALENDAR":
                entry, zone = Entry(open_parts[1]), []
        elif raw[:4].upper() == "END:":
            if not open_parts or open_parts.pop() != raw[4:].strip().upper():
                raise CannotRead("malformed")
            if len(open_parts) == 1 and entry is not None:
                if entry.kind in ("VEVENT", "VFREEBUSY"):
                    files[-1].entries.append(entry)
                elif entry.kind == "VTIMEZONE":
                    files[-1].zones[_tzid_of(zone)] = [*zone, raw]
                entry = None
        elif entry is not None and entry.kind != "VTIMEZONE" and len(open_parts) == 2:
            _add(entry, raw)
        elif open_parts == ["VCALENDAR"] and raw[:14].upper() == "X-WR-TIMEZONE:":
            files[-1].zone_name = raw[14:].strip()
        if entry is not None and entry.kind == "VTIMEZONE":
            zone.append(raw)
    if open_parts:
        raise CannotRead("malformed")
    return files


def _add(entry: Entry, raw: str) -> None:
    name = raw.split(":", 1)[0].split(";", 1)[0].upper()
    if name in _TELLS_TIME and (match := _LINE.fullmatch(raw)):
        params = {
            key.upper(): value.strip('"') for key, value in _PARAM.findall(match[2])
        }
        entry.lines.setdefault(name, []).append(Line(name, params, match[3]))


def _tzid_of(lines: list[str]) -> str:
    for line in lines:
        if line[:4].upper() == "TZID":
            return line.partition(":")[2].strip()
    return ""
