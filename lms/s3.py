"""A bucket of a server that speaks S3: as much of it as storing files takes.

Requests are signed with AWS Signature Version 4, the body's digest with them. Keys are
addressed below the bucket's name, as every server of the kind understands.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from errno import EACCES, EIO
from os import SEEK_END
from typing import IO, Any
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.etree import ElementTree

import urllib3

_EMPTY = hashlib.sha256(b"").hexdigest()
_UNSAFE = "-_.~"
_NO_SUCH_PART = 416


class AwayError(OSError):
    """The server did not answer, or refused; the text says how, without a key."""


@dataclass(frozen=True)
class Place:
    """Where a bucket is, and who we are there: what S3_URL says."""

    endpoint: str
    bucket: str
    key: str = field(repr=False)
    secret: str = field(repr=False)
    region: str = "us-east-1"


def read_place(text: str) -> Place:
    """Read https://KEY:SECRET@host/bucket?region=…; ValueError where it is none."""
    parts = urlsplit(text)
    bucket = parts.path.strip("/")
    region = parse_qs(parts.query).get("region", ["us-east-1"])[0]
    has_all = parts.hostname and parts.username and parts.password and bucket
    if parts.scheme not in ("http", "https") or not has_all or "/" in bucket:
        raise ValueError("not an address of a bucket")
    return Place(
        f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}",
        bucket,
        unquote(str(parts.username)),
        unquote(str(parts.password)),
        region,
    )


@dataclass(frozen=True)
class Found:
    """What is known of one file without reading it."""

    size: int
    modified_at: datetime


class Bucket:
    """The files of a bucket, by key."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._pool: tuple[int, urllib3.PoolManager] | None = None

    @property
    def pool(self) -> urllib3.PoolManager:
        """Connections of this process: those of a parent are not to be shared."""
        if self._pool is None or self._pool[0] != os.getpid():
            retries = urllib3.Retry(
                2,
                backoff_factor=0.2,
                status_forcelist=(500, 502, 503, 504),
                allowed_methods=None,  # each may be repeated: a key holds one file
                raise_on_status=False,
            )
            timeout = urllib3.Timeout(connect=3, read=30)
            manager = urllib3.PoolManager(maxsize=8, timeout=timeout, retries=retries)
            self._pool = os.getpid(), manager
        return self._pool[1]

    def put(self, key: str, file: IO[bytes], kind: str = "") -> None:
        """Store a file whole, from its beginning, in the place of any other."""
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
        size = file.seek(0, SEEK_END)  # what was digested in memory has not moved
        file.seek(0)
        headers = {"Content-Length": str(size)}
        if kind:
            headers["Content-Type"] = kind
        answer = self._ask("PUT", key, headers=headers, body=file, digest=digest)
        answer.release_conn()

    def read(self, key: str, start: int, most: int) -> tuple[bytes, int]:
        """Read so many bytes of what is stored, from `start` on; and tell all its size.

        FileNotFoundError where nothing is.
        """
        part = {"Range": f"bytes={start}-{start + most - 1}"}
        answer = self._ask("GET", key, headers=part, is_empty_well=True)
        try:
            if answer.status == _NO_SUCH_PART:  # it is empty, or ends before
                answer.drain_conn()
                return b"", start
            content = bytes(answer.read())
        except urllib3.exceptions.HTTPError as error:
            raise AwayError(EIO, _words("stopped in the middle", error)) from error
        finally:
            answer.release_conn()
        return content, int(answer.headers["Content-Range"].rpartition("/")[2])

    def find(self, key: str) -> Found:
        answer = self._ask("HEAD", key)
        answer.release_conn()
        return Found(
            int(answer.headers["Content-Length"]),
            parsedate_to_datetime(answer.headers["Last-Modified"]),
        )

    def delete(self, key: str) -> None:
        """Take a file away; nothing where there is none."""
        self._ask("DELETE", key, is_missing_well=True).release_conn()

    def list(self, prefix: str) -> Iterator[tuple[str, bool]]:
        """What lies right below a prefix: keys, and prefixes with True."""
        query = {"list-type": "2", "delimiter": "/", "prefix": prefix}
        while True:
            answer = self._ask("GET", "", query=query)
            tree = ElementTree.fromstring(answer.data)  # noqa: S314  our own server's
            name = tree.tag.partition("}")[0] + "}" if "}" in tree.tag else ""
            for each in tree.iter(f"{name}Contents"):
                yield str(each.findtext(f"{name}Key")), False
            for each in tree.iter(f"{name}CommonPrefixes"):
                yield str(each.findtext(f"{name}Prefix")), True
            further = tree.findtext(f"{name}NextContinuationToken")
            if not further:
                return
            query["continuation-token"] = further

    def _ask(
        self,
        method: str,
        key: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: IO[bytes] | None = None,
        digest: str = _EMPTY,
        is_missing_well: bool = False,
        is_empty_well: bool = False,
    ) -> Any:
        """Ask the server, and return its answer, whose body is still to be read."""
        path = quote(f"/{self.place.bucket}/{key}", safe=f"/{_UNSAFE}")
        line = "&".join(
            f"{quote(name, safe=_UNSAFE)}={quote(value, safe=_UNSAFE)}"
            for name, value in sorted((query or {}).items())
        )
        signed = self._signed(method, path, line, digest)
        try:
            answer = self.pool.request(
                method,
                f"{self.place.endpoint}{path}{'?' * bool(line)}{line}",
                headers={**signed, **(headers or {})},
                body=body,
                preload_content=False,
                redirect=False,
            )
        except urllib3.exceptions.HTTPError as error:
            raise AwayError(EIO, _words("does not answer", error)) from error
        if (
            answer.status < 300
            or (answer.status == 404 and is_missing_well)
            or (answer.status == _NO_SUCH_PART and is_empty_well)
        ):
            return answer
        answer.drain_conn()
        answer.release_conn()
        if answer.status == 404:
            raise FileNotFoundError(f"There is no {key} in the file storage.")
        number = EACCES if answer.status in (401, 403) else EIO
        raise AwayError(number, f"The file storage answered with {answer.status}")

    def _signed(
        self, method: str, path: str, query: str, digest: str
    ) -> dict[str, str]:
        """The headers that show who asks, and for what."""
        at = datetime.now(UTC)
        day, moment = f"{at:%Y%m%d}", f"{at:%Y%m%dT%H%M%SZ}"
        headers = {
            "host": urlsplit(self.place.endpoint).netloc,
            "x-amz-content-sha256": digest,
            "x-amz-date": moment,
        }
        names = ";".join(sorted(headers))
        lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        asked = "\n".join([method, path, query, lines, names, digest])
        scope = f"{day}/{self.place.region}/s3/aws4_request"
        said = hashlib.sha256(asked.encode()).hexdigest()
        key = f"AWS4{self.place.secret}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, said])
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        who = f"Credential={self.place.key}/{scope}"
        headers["Authorization"] = (
            f"AWS4-HMAC-SHA256 {who}, SignedHeaders={names}, Signature={signature}"
        )
        return headers


def _words(what: str, error: Exception) -> str:
    return f"The file storage {what} ({type(error).__name__})"
