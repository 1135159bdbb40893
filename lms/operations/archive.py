"""The one file of a backup: a tar archive of which no byte can change unseen.

In this order: `backup.json`, which says what it is of; `database.sqlite3` or
`database.dump`; `keys/…`, `media/…`, `private/…`; `SHA256SUMS`, the digest of each part
as `sha256sum -c` reads it; `WHOLE`, the digest of every byte before it. It is written
and read from front to end in constant memory, also through a pipe.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from hashlib import sha256
from tempfile import TemporaryFile
from typing import Any, BinaryIO, Self

ABOUT, SUMS, WHOLE = "backup.json", "SHA256SUMS", "WHOLE"
DATABASES = {"sqlite": "database.sqlite3", "postgresql": "database.dump"}
FOLDERS = ("keys", "media", "private")
_BLOCK = tarfile.BLOCKSIZE
_PIECE = 1024 * 1024
_LONGEST_NAME = 4096
_END = bytes(2 * _BLOCK)


class Trouble(Exception):
    """A backup cannot be made or brought back: the text says why, for who asked."""


class Damaged(Trouble):
    """The file is not as it was written."""


def is_safe(name: str) -> bool:
    """Whether a part may be called so: nothing that leads out of its folder."""
    if name in {ABOUT, SUMS, WHOLE, *DATABASES.values()}:
        return True
    top, *below = name.split("/")
    return (
        top in FOLDERS
        and bool(below)
        and not any(each in {"", ".", ".."} for each in below)
        and "\0" not in name
    )


def pieces(file: BinaryIO, size: int) -> Iterator[bytes]:
    """So many bytes of a file. Raises Damaged where it has fewer."""
    while size:
        piece = file.read(min(size, _PIECE))
        if not piece:
            raise Damaged("It ends too early.")
        size -= len(piece)
        yield piece


class Writer:
    """Writes the parts one after another; the end of its block makes it whole."""

    def __init__(self, out: BinaryIO, made_at: int) -> None:
        """`made_at`, in seconds, is the time that each part gets."""
        self._out, self._made_at = out, made_at
        self._all = sha256()
        self._sums = TemporaryFile()  # noqa: SIM115  closed at the end of the block
        self.bytes = 0
        self.parts = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, where: object) -> None:
        with self._sums:
            if error is None:
                self._finish()

    def add(self, name: str, file: BinaryIO, size: int) -> None:
        if not is_safe(name) or len(_encoded(name)) > _LONGEST_NAME:
            raise Trouble(f"{name!r} is no name under which a file can be kept.")
        self._add(name, file, size)

    def _add(self, name: str, file: BinaryIO, size: int) -> None:
        own = sha256()
        self._write(_header(name, size, self._made_at))
        for piece in pieces(file, size):
            own.update(piece)
            self._write(piece)
        self._write(bytes(-size % _BLOCK))
        self._sums.write(_sum(name, own.hexdigest()))
        self.parts += 1

    def _write(self, data: bytes) -> None:
        self._out.write(data)
        self._all.update(data)
        self.bytes += len(data)

    def _finish(self) -> None:
        """Write the digests: of each part, then of all before the last one."""
        size = self._sums.tell()
        self._sums.seek(0)
        self._write(_header(SUMS, size, self._made_at))
        for piece in pieces(self._sums, size):
            self._write(piece)
        self._write(bytes(-size % _BLOCK))
        self._write(_tail(self._all.hexdigest(), self._made_at))


class Part:
    """One part while it is read: from front to end, once."""

    def __init__(self, name: str, size: int, source: Iterator[bytes]) -> None:
        self.name, self.size, self.pieces = name, size, source


class Reader:
    """Iterates over the parts. Once that has ended, every byte was right.

    Raises Damaged as soon as one is seen to be wrong; until the end nothing of it may
    be believed.
    """

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._all = sha256()
        self._sums = sha256()
        self.bytes = 0
        self.parts = 0

    def __iter__(self) -> Iterator[Part]:
        name, size, made_at = self._next()
        if name != ABOUT:
            raise Damaged("It is no backup.")
        while name != SUMS:
            if name == WHOLE:
                raise Damaged("Its digests are missing.")
            own = sha256()
            part = Part(name, size, self._content(size, own))
            yield part
            for _piece in part.pieces:
                pass
            self._sums.update(_sum(name, own.hexdigest()))
            self.parts += 1
            name, size, _at = self._next(made_at)
        listed = sha256()
        for _piece in self._content(size, listed):
            pass
        if listed.digest() != self._sums.digest():
            raise Damaged("A part is not what its digest says.")
        tail = _tail(self._all.hexdigest(), made_at)
        if self._read(len(tail)) != tail or self._source.read(1):
            raise Damaged("It is not what its digest says.")

    def _content(self, size: int, own: Any) -> Iterator[bytes]:
        for piece in pieces(self._source, size):
            own.update(piece)
            self._note(piece)
            yield piece
        if any(padding := self._read(-size % _BLOCK)):
            raise Damaged("There is something between two parts.")
        self._note(padding)

    def _next(self, made_at: int | None = None) -> tuple[str, int, int]:
        """The name and size of the next part, and its time."""
        raw = self._read(_BLOCK)
        info = _parsed(raw)
        name = info.name
        if info.type == tarfile.GNUTYPE_LONGNAME:
            if not 0 < info.size <= _LONGEST_NAME + 1:
                raise Damaged("A name in it is too long.")
            longer = self._read(info.size + -info.size % _BLOCK)
            name = longer[: info.size - 1].decode("utf-8", "surrogateescape")
            raw += longer + (last := self._read(_BLOCK))
            info = _parsed(last)
        at = int(info.mtime) if made_at is None else made_at
        # What we would not have written ourselves is refused: links, devices, rights.
        is_ours = is_safe(name) and info.size >= 0
        if not is_ours or raw != _header(name, info.size, at):
            raise Damaged("It holds what no backup of ours does.")
        self._note(raw)
        return name, info.size, at

    def _read(self, size: int) -> bytes:
        return b"".join(pieces(self._source, size))

    def _note(self, data: bytes) -> None:
        self._all.update(data)
        self.bytes += len(data)


def _parsed(raw: bytes) -> tarfile.TarInfo:
    try:
        return tarfile.TarInfo.frombuf(raw, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        raise Damaged("It is no backup, or is damaged.") from None


def _header(name: str, size: int, made_at: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = size, made_at, 0o600
    try:
        return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
    except (ValueError, OverflowError):  # a number that fits into no header
        raise Damaged("It is no backup, or is damaged.") from None


def _tail(digest: str, made_at: int) -> bytes:
    content = f"{digest}\n".encode()
    padding = bytes(-len(content) % _BLOCK)
    return _header(WHOLE, len(content), made_at) + content + padding + _END


def _encoded(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _sum(name: str, digest: str) -> bytes:
    """A line as `sha256sum` writes it, where a name has a line's end too."""
    line = f"{digest}  ".encode()
    if not re.search(r"[\\\n\r]", name):
        return line + _encoded(name) + b"\n"
    for plain, written in (("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r")):
        name = name.replace(plain, written)
    return b"\\" + line + _encoded(name) + b"\n"
