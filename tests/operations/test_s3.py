"""Files in a bucket: saved, read, listed, gone; a server that is away; nobody else's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import pytest
import urllib3
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from certificates.models import Certificate, private_storage
from certificates.preparing import prepare
from lms.s3 import AwayError, Bucket
from lms.storage import IN_MEMORY, BucketStorage
from tests.factories import CertificateFactory, MemberFactory
from tests.s3_server import S3Server

NAMES = ["plain.txt", "a folder/ünïcode & more+.pdf", "a folder/deep/%41.txt", "~x_-.y"]


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    server = S3Server().start()
    yield server
    server.remove()


@pytest.fixture
def stored(server: S3Server) -> BucketStorage:
    return BucketStorage(server.place, "of a test/")


@pytest.fixture
def in_bucket(
    server: S3Server, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> S3Server:
    """Let all files of the product lie in the bucket, as where S3_URL was set."""
    options = {"place": server.place}
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "lms.storage.BucketStorage",
            "OPTIONS": options | {"prefix": "media/", "base_url": "/media/"},
        },
        "private": {
            "BACKEND": "lms.storage.BucketStorage",
            "OPTIONS": options | {"prefix": "private/"},
        },
    }
    pdf = Certificate._meta.get_field("pdf")  # whose storage was chosen at the start
    monkeypatch.setattr(pdf, "storage", storages["private"])
    return server


@pytest.mark.parametrize("name", NAMES)
def test_what_is_saved_is_read_and_can_go(stored: BucketStorage, name: str) -> None:
    assert stored.save(name, ContentFile(b"words")) == name

    assert stored.exists(name)
    assert stored.size(name) == 5
    assert now() - stored.get_modified_time(name) < timedelta(minutes=5)
    with stored.open(name) as file:
        assert file.read() == b"words"
    stored.delete(name)
    stored.delete(name)
    assert not stored.exists(name)
    with pytest.raises(FileNotFoundError):
        stored.open(name)
    with pytest.raises(FileNotFoundError):
        stored.size(name)


def test_nothing_saved_takes_the_place_of_another(stored: BucketStorage) -> None:
    first = stored.save("same.txt", ContentFile("one"))
    second = stored.save("same.txt", ContentFile("two"))

    assert second != first
    assert stored.open(first).read() == b"one"


def test_folders_are_listed(stored: BucketStorage) -> None:
    for name in ("list/a.txt", "list/b.txt", "list/more/c.txt", "listed.txt"):
        stored.save(name, ContentFile(b"x"))

    folders, files = stored.listdir("list")

    assert (sorted(folders), sorted(files)) == (["more"], ["a.txt", "b.txt"])


def test_a_large_file_goes_through_whole(stored: BucketStorage) -> None:
    content = bytes(range(256)) * (IN_MEMORY // 256 + 5000)

    name = stored.save("large.bin", ContentFile(content))

    with stored.open(name) as file:
        assert sha256(file.read()).digest() == sha256(content).digest()


@pytest.mark.parametrize("name", ["../media/x", "a/../../x"])
def test_no_name_leads_out(stored: BucketStorage, name: str) -> None:
    with pytest.raises(SuspiciousFileOperation):
        stored.open(name)


def test_nobody_reads_without_the_key(server: S3Server, stored: BucketStorage) -> None:
    stored.save("secret.txt", ContentFile(b"x"))
    address = f"{server.endpoint}/files/of%20a%20test/secret.txt"
    stranger = BucketStorage(replace(server.place, secret="guessed"), "of a test/")

    assert urllib3.request("GET", address, retries=False).status == 403
    with pytest.raises(AwayError, match="answered with 403"):
        stranger.open("secret.txt")
    with pytest.raises(ValueError, match="not accessible"):
        stored.url("secret.txt")


def test_a_server_that_is_away_says_so_without_the_key() -> None:
    server = S3Server()

    with pytest.raises(AwayError) as told:
        Bucket(server.place).find("x")

    assert "The file storage does not answer" in str(told.value)
    assert server.SECRET not in f"{told.value} {server.place!r}"
    server.remove()


@pytest.mark.django_db
def test_an_upload_is_seen_by_readers_and_nobody_else(in_bucket: S3Server) -> None:
    name = default_storage.save("images/desk.png", ContentFile(b"\x89PNG of a desk"))
    reader, stranger = Client(), Client()
    reader.force_login(MemberFactory().user)
    address = default_storage.url(name)

    seen = reader.get(address)

    assert (seen.status_code, b"".join(seen)) == (200, b"\x89PNG of a desk")
    assert stranger.get(address).status_code == 302
    assert reader.get("/media/images/none.png").status_code == 404


@pytest.mark.django_db
def test_an_upload_while_the_server_is_away_is_no_missing_one(
    in_bucket: S3Server, settings: Any
) -> None:
    nowhere = replace(in_bucket.place, endpoint="http://127.0.0.1:9")
    options = {"place": nowhere, "prefix": "media/", "base_url": "/media/"}
    settings.STORAGES = settings.STORAGES | {
        "default": {"BACKEND": "lms.storage.BucketStorage", "OPTIONS": options}
    }
    reader = Client()
    reader.force_login(MemberFactory().user)

    answer = reader.get("/media/images/desk.png")

    assert answer.status_code == 503
    assert "Please try again in a minute" in answer.content.decode()


@pytest.mark.django_db
def test_a_certificate_is_made_sent_packed_and_missed(in_bucket: S3Server) -> None:
    made: Certificate = CertificateFactory(state="pending")
    holder = Client()
    holder.force_login(made.enrolment.member.user)
    assert prepare(made.pk)
    made.refresh_from_db()
    assert made.state == "ready", made.trouble
    assert private_storage() is storages["private"]
    assert isinstance(private_storage(), BucketStorage)

    pdf = b"".join(holder.get(reverse("certificates:pdf", args=[made.serial])))
    pack = b"".join(holder.get(reverse("certificates:pack")))

    assert sha256(pdf).hexdigest() == made.pdf_sha256
    with ZipFile(BytesIO(pack)) as archive:
        (name,) = [each for each in archive.namelist() if each.endswith(".pdf")]
        assert archive.read(name) == pdf
    with pytest.raises(ValueError, match="not accessible"):
        made.pdf.url  # noqa: B018
    private_storage().delete(made.pdf.name)
    lost = holder.get(reverse("certificates:pdf", args=[made.serial]), follow=True)
    assert "The file cannot be read just now" in lost.content.decode()
