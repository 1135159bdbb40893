"""How a document is sent: as a file to keep, and in parts to a film's player."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO

from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    StreamingHttpResponse,
)
from django.utils.cache import get_conditional_response
from wagtail.documents.models import Document

from lms.s3 import AwayError

LARGEST_PART = 1024 * 1024
"""What a player gets at once: it comes back for more while people watch, instead of
holding a thread of the web process for as long as the film lasts."""

_CHUNK = 64 * 1024
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


def send_document(request: HttpRequest, document: Document) -> HttpResponseBase:
    """Answer with the file, or with the part of it that was asked for.

    It never runs in a browser's page: it is kept, or played by a page of ours.
    """
    etag = f'"{document.file_hash}"' if document.file_hash else None
    if unchanged := get_conditional_response(request, etag=etag):
        return unchanged
    try:
        file = document.file.open("rb")
    except AwayError:  # not to be called missing: the page says that it is away
        raise
    except OSError:
        raise Http404 from None

    response = _part_or_all(request, document, file, etag)
    response["Accept-Ranges"] = "bytes"
    response["Cache-Control"] = "private, max-age=3600"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    if etag:
        response["ETag"] = etag
    return response


def _part_or_all(
    request: HttpRequest, document: Document, file: IO[bytes], etag: str | None
) -> HttpResponseBase:
    size = document.file.size
    asked = part_asked(request, size)
    if asked is None or request.headers.get("If-Range", etag) != etag:
        return FileResponse(
            file,
            as_attachment=True,
            filename=document.filename,
            content_type=document.content_type,
        )
    if not asked:
        file.close()
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    return StreamingHttpResponse(
        _Part(file, asked),
        status=206,
        content_type=document.content_type,
        headers={
            "Content-Length": str(len(asked)),
            "Content-Range": f"bytes {asked[0]}-{asked[-1]}/{size}",
        },
    )


def part_asked(request: HttpRequest, size: int) -> range | None:
    """Which bytes are wanted; empty when there are none such, None for all."""
    found = _RANGE.fullmatch(request.headers.get("Range", ""))
    if request.method != "GET" or not found or found[0] == "bytes=-":
        return None
    first, last = found.groups()
    if not first:
        return range(max(0, size - int(last)), size)
    if last and int(last) < int(first):
        return None
    end = int(last) + 1 if last else size
    if not last and request.headers.get("Sec-Fetch-Dest") == "video":
        end = int(first) + LARGEST_PART
    return range(int(first), min(end, size))


class _Part:
    """Some bytes of a file, read as they are sent; the file is closed after."""

    def __init__(self, file: IO[bytes], asked: range) -> None:
        self.file, self.asked = file, asked
        self.close = file.close

    def __iter__(self) -> Iterator[bytes]:
        self.file.seek(self.asked.start)
        left = len(self.asked)
        while left and (chunk := self.file.read(min(left, _CHUNK))):
            left -= len(chunk)
            yield chunk
