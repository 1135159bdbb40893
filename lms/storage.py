"""Files in a bucket that all machines share, as Django's storages are asked for them.

Nothing there is public: what a page shows of it goes through our own door, as from a
folder. Where the server is away, `s3.AwayError` says so.
"""

from __future__ import annotations

import mimetypes
from datetime import datetime
from functools import cached_property
from io import SEEK_CUR, SEEK_END, SEEK_SET, BufferedReader, BytesIO, RawIOBase
from posixpath import normpath
from typing import Any
from urllib.parse import quote

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage
from django.utils.deconstruct import deconstructible

from lms.s3 import Bucket, Place

PIECE = 2**20  # bytes that are asked for at once


class Stored(RawIOBase):
    """A stored file, read in pieces as they are wanted: a film's player seeks in it."""

    def __init__(self, bucket: Bucket, key: str, first: bytes, size: int) -> None:
        self.bucket, self.key, self.first, self.size = bucket, key, first, size
        self.at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.at

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        self.at = offset + {SEEK_SET: 0, SEEK_CUR: self.at, SEEK_END: self.size}[whence]
        return self.at

    def readinto(self, buffer: Any) -> int:
        content = self.first[self.at : self.at + len(buffer)]
        if not content and self.at < self.size:
            content, _size = self.bucket.read(self.key, self.at, len(buffer))
        buffer[: len(content)] = content
        self.at += len(content)
        return len(content)

    def readall(self) -> bytes:
        return b"".join(iter(lambda: self.read(PIECE) or b"", b""))


@deconstructible
class BucketStorage(Storage):
    """The files of one prefix of a bucket; `base_url` None: at no address."""

    def __init__(
        self, place: Place, prefix: str = "", base_url: str | None = None
    ) -> None:
        self.place, self.prefix, self.base_url = place, prefix, base_url

    @cached_property
    def bucket(self) -> Bucket:
        return Bucket(self.place)

    def _key(self, name: str) -> str:
        clean = normpath(name.replace("\\", "/")).lstrip("/")
        if clean == ".." or clean.startswith("../"):
            raise SuspiciousFileOperation(f"{name!r} lies outside the storage.")
        return self.prefix + ("" if clean == "." else clean)

    def _open(self, name: str, mode: str = "rb") -> File[bytes]:
        if mode != "rb":
            raise ValueError("A file in the storage is read, or saved anew.")
        key = self._key(name)
        first, size = self.bucket.read(key, 0, PIECE)
        if len(first) == size:
            return File(BytesIO(first), name)
        return File(BufferedReader(Stored(self.bucket, key, first, size), PIECE), name)

    def _save(self, name: str, content: File[Any]) -> str:
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        file: Any = content
        if "b" not in getattr(content, "mode", "b") or isinstance(content, ContentFile):
            read = content.read()
            file = ContentFile(read.encode() if isinstance(read, str) else read)
        self.bucket.put(self._key(name), file, kind)
        return name

    def delete(self, name: str) -> None:
        if not name:
            raise ValueError("A file's name is needed to take it away.")
        self.bucket.delete(self._key(name))

    def exists(self, name: str) -> bool:
        try:
            self.bucket.find(self._key(name))
        except FileNotFoundError:
            return False
        return True

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        prefix = self._key(path)
        if prefix and not prefix.endswith("/"):
            prefix += "/"
        folders: list[str] = []
        files: list[str] = []
        for key, is_prefix in self.bucket.list(prefix):
            name = key.removeprefix(prefix).rstrip("/")
            if name:
                (folders if is_prefix else files).append(name)
        return folders, files

    def size(self, name: str) -> int:
        return self.bucket.find(self._key(name)).size

    def get_modified_time(self, name: str) -> datetime:
        return self.bucket.find(self._key(name)).modified_at

    def url(self, name: str | None) -> str:
        if self.base_url is None or name is None:
            raise ValueError("This file is not accessible via a URL.")
        return f"{self.base_url}{quote(name)}"
