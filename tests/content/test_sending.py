"""Documents are sent whole, or in parts, so that a film can be sought through."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from wagtail.documents.models import Document

from content.sending import LARGEST_PART
from tests.bodies import document, film
from tests.factories import MemberFactory

TEN = b"0123456789"


@pytest.fixture
def ten(client: Client, db: None, settings: Any, tmp_path: Any) -> Document:
    settings.MEDIA_ROOT = tmp_path
    client.force_login(MemberFactory().user)
    return document("ten.mp4", TEN)


def ask(client: Client, file: Document, **headers: str) -> tuple[int, bytes, Any]:
    answer = client.get(file.url, headers=headers)
    content = b"".join(answer) if answer.streaming else answer.content
    return answer.status_code, content, answer.headers


@pytest.mark.parametrize(
    ("asked", "content", "words"),
    [
        ("bytes=0-", TEN, "bytes 0-9/10"),
        ("bytes=0-0", b"0", "bytes 0-0/10"),
        ("bytes=3-5", b"345", "bytes 3-5/10"),
        ("bytes=9-", b"9", "bytes 9-9/10"),
        ("bytes=8-99", b"89", "bytes 8-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=-99", TEN, "bytes 0-9/10"),
    ],
)
def test_part_that_was_asked_for_is_sent(
    client: Client, ten: Document, asked: str, content: bytes, words: str
) -> None:
    status, sent, headers = ask(client, ten, range=asked)

    assert (status, sent) == (206, content)
    assert headers["Content-Range"] == words
    assert headers["Content-Length"] == str(len(content))
    assert headers["Content-Type"] == "video/mp4"


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=99-100", "bytes=-0"])
def test_part_beyond_the_end_is_refused(
    client: Client, ten: Document, asked: str
) -> None:
    status, _, headers = ask(client, ten, range=asked)

    assert (status, headers["Content-Range"]) == (416, "bytes */10")


@pytest.mark.parametrize(
    "asked",
    [
        *("", "bytes=", "bytes=-", "bytes=5-3", "bytes=a-b", "bytes=0-1,4-5", "0-1"),
        *(
            "bytes=\u0661-\u0662",
            "lines=0-1",
            "bytes=" + "9" * 400 + "-",
            "bytes=1-" + "9" * 19,
        ),
    ],
)
def test_what_cannot_be_read_as_a_part_gets_all(
    client: Client, ten: Document, asked: str
) -> None:
    status, sent, headers = ask(client, ten, range=asked)

    assert (status, sent) == (200, TEN)
    assert headers["Accept-Ranges"] == "bytes"


def test_part_of_another_version_gets_all(client: Client, ten: Document) -> None:
    etag = ask(client, ten)[2]["ETag"]

    same = ask(client, ten, **{"range": "bytes=0-1", "if-range": etag})
    other = ask(client, ten, **{"range": "bytes=0-1", "if-range": '"old"'})
    known = ask(client, ten, **{"if-none-match": etag})

    assert [each[0] for each in (same, other, known)] == [206, 200, 304]


def test_player_gets_a_long_film_bit_by_bit(client: Client, ten: Document) -> None:
    long = document("long.mp4", b"0" * (LARGEST_PART + 5))

    first = ask(client, long, **{"range": "bytes=0-", "sec-fetch-dest": "video"})
    rest = ask(
        client,
        long,
        **{"range": f"bytes={LARGEST_PART}-", "sec-fetch-dest": "video"},
    )
    saved = ask(client, long, range="bytes=0-")

    assert [len(each[1]) for each in (first, rest, saved)] == [
        LARGEST_PART,
        5,
        LARGEST_PART + 5,
    ]


def test_document_never_runs_in_a_page(client: Client, ten: Document) -> None:
    for headers in ({}, {"range": "bytes=0-3"}):
        _, _, sent = ask(client, ten, **headers)

        assert sent["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert sent["X-Content-Type-Options"] == "nosniff"
        assert "private" in sent["Cache-Control"]
    assert ask(client, film())[2]["Content-Disposition"].startswith("attachment")
    assert ask(client, document("plan.pdf"))[2]["Content-Disposition"].startswith(
        "attachment"
    )


def test_document_without_its_file_is_not_found(client: Client, ten: Document) -> None:
    ten.file.storage.delete(ten.file.name)

    assert client.get(ten.url).status_code == 404


def test_document_under_another_name_is_not_found(
    client: Client, ten: Document
) -> None:
    assert client.get(f"/documents/{ten.pk}/other.mp4").status_code == 404
    assert client.get(f"/documents/{ten.pk + 1}/ten.mp4").status_code == 404
    assert client.post(ten.url).status_code == 405
