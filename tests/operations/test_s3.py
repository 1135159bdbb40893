"""Files in a bucket: saved, read, listed, gone; a server that is away; nobody else's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from io import SEEK_END, BytesIO
from socket import SHUT_RDWR, create_connection, create_server, socket
from threading import Thread
from typing import Any
from zipfile import ZipFile

import pytest
import urllib3
from django.apps import apps
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now
from PIL import Image as ImageFile

from certificates import auditing, sampling, statements
from certificates.models import (
    AuditPack,
    Certificate,
    CertificateDesign,
    DesignSample,
    private_storage,
)
from certificates.preparing import prepare
from lms.people.access import Access
from lms.people.models import Member
from lms.s3 import AwayError, Bucket, Place
from lms.storage import PIECE, BucketStorage
from tests.bodies import document, picture
from tests.factories import CertificateFactory, MemberFactory, UserFactory
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
    for model in apps.get_models():  # their storages were chosen at the start
        for field in model._meta.get_fields():
            if getattr(field, "_storage_callable", None) is private_storage:
                monkeypatch.setattr(field, "storage", storages["private"])
    return server


class Cable:
    """A way to a server that can be cut after some bytes of its answers."""

    def __init__(self, place: Place) -> None:
        host, _colon, port = place.endpoint.removeprefix("http://").partition(":")
        self.there, self.left = (host, int(port)), 10**12
        self.listener = create_server(("127.0.0.1", 0))
        here = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.place = replace(place, endpoint=here)
        Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        with suppress(OSError):
            while True:
                near, _address = self.listener.accept()
                far = create_connection(self.there)
                for ends in ((near, far, False), (far, near, True)):
                    Thread(target=self._pass_on, args=ends, daemon=True).start()

    def _pass_on(self, out_of: socket, into: socket, is_answer: bool) -> None:
        with suppress(OSError):
            while words := out_of.recv(2**16):
                if is_answer:
                    words, self.left = words[: self.left], self.left - len(words)
                into.sendall(words)
                if is_answer and self.left <= 0:
                    break
        for each in (out_of, into):
            with suppress(OSError):
                each.shutdown(SHUT_RDWR)

    def close(self) -> None:
        self.listener.close()


@pytest.fixture
def cable(server: S3Server) -> Iterator[Cable]:
    cable = Cable(server.place)
    yield cable
    cable.close()


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
    content = bytes(range(256)) * (PIECE // 256 * 4 + 5000)

    name = stored.save("large.bin", ContentFile(content))

    with stored.open(name) as file:
        assert sha256(file.read()).digest() == sha256(content).digest()
    with stored.open(name) as file:
        assert sha256(b"".join(file.chunks())).digest() == sha256(content).digest()
        assert file.seek(0, SEEK_END) == len(content)
        assert file.read() == b""


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE])
def test_a_file_of_any_size_comes_back(stored: BucketStorage, size: int) -> None:
    content = (b"0123456789" * (size // 10 + 1))[:size]

    name = stored.save("sized.bin", ContentFile(content))

    with stored.open(name) as file:
        assert file.read() == content


def test_of_a_large_file_only_what_is_looked_at_is_fetched(
    stored: BucketStorage, cable: Cable
) -> None:
    name = stored.save("film.mp4", ContentFile(b"0" * 8 * PIECE + b"the end"))
    far = BucketStorage(cable.place, stored.prefix)
    cable.left = 10**12

    with far.open(name) as file:
        file.seek(8 * PIECE)
        assert file.read(7) == b"the end"

    assert 10**12 - cable.left < 1.5 * PIECE


@pytest.mark.parametrize("size", [1000, 3 * PIECE])
def test_a_server_that_dies_in_the_middle_gives_no_half_a_file(
    stored: BucketStorage, cable: Cable, size: int
) -> None:
    name = stored.save("half.bin", ContentFile(b"0" * size))
    far = BucketStorage(cable.place, stored.prefix)
    cable.left = size // 2 + 600  # with the answer's head

    with pytest.raises(AwayError, match=r"in the middle|does not answer"):
        far.open(name).read()


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


@pytest.fixture
def reader(db: None) -> Client:
    client = Client()
    client.force_login(MemberFactory(is_manager=True).user)
    return client


@pytest.mark.django_db
def test_a_document_and_a_part_of_it_are_sent(
    in_bucket: S3Server, reader: Client
) -> None:
    content = b"0123456789" * (PIECE // 4)
    film = document("long.mp4", content)

    whole = b"".join(reader.get(film.url))
    last = reader.get(film.url, headers={"range": "bytes=-5"})

    assert isinstance(film.file.storage._wrapped, BucketStorage)
    assert sha256(whole).digest() == sha256(content).digest()
    assert (last.status_code, b"".join(last)) == (206, b"56789")


@pytest.mark.django_db
def test_a_document_of_a_server_that_is_away_is_no_missing_one(
    in_bucket: S3Server, reader: Client, settings: Any
) -> None:
    plan = document("plan.pdf")
    nowhere = replace(in_bucket.place, endpoint="http://127.0.0.1:9")
    options = {"place": nowhere, "prefix": "media/", "base_url": "/media/"}
    settings.STORAGES = settings.STORAGES | {
        "default": {"BACKEND": "lms.storage.BucketStorage", "OPTIONS": options}
    }

    answer = reader.get(plan.url)

    assert answer.status_code == 503
    assert "Please try again in a minute" in answer.text


@pytest.mark.django_db
def test_an_image_is_made_smaller_and_shown(
    in_bucket: S3Server, reader: Client
) -> None:
    hill = picture((640, 480))

    small = hill.get_rendition("fill-64x48")
    shown = b"".join(reader.get(small.url))

    assert small.url.startswith("/media/images/")
    with ImageFile.open(BytesIO(shown)) as seen:
        assert seen.size == (64, 48)
    hill.delete()


@pytest.mark.django_db
def test_an_audit_pack_is_made_sent_and_taken_away(
    in_bucket: S3Server, reader: Client
) -> None:
    manager = Member.objects.get()
    held: Certificate = CertificateFactory(
        state="pending", enrolment__member__reseller=manager.reseller
    )
    assert prepare(held.pk)
    pack = auditing.ask(Access(manager.user), now().date(), None)

    assert auditing.make(pack.pk)
    pack.refresh_from_db()
    sent = b"".join(reader.get(reverse("certificates:audit_file", args=[pack.key])))

    assert sha256(sent).hexdigest() == pack.sha256
    with ZipFile(BytesIO(sent)) as archive:
        assert [name for name in archive.namelist() if name.startswith("certificates/")]
    assert private_storage().exists(pack.file.name)
    AuditPack.objects.update(made_at=now() - timedelta(days=2))
    auditing.carry_on()
    assert not private_storage().exists(pack.file.name)


@pytest.mark.django_db
def test_a_statement_is_made_and_sent(in_bucket: S3Server, reader: Client) -> None:
    manager = Member.objects.get()
    asked = statements.ask(manager.reseller, by=manager.user)

    assert statements.make(asked.pk)
    asked.refresh_from_db()
    address = reverse("certificates:statement_file", args=[asked])
    sent = b"".join(reader.get(address))

    assert sha256(sent).hexdigest() == asked.pdf_sha256
    assert private_storage().exists(asked.pdf.name)


@pytest.mark.django_db
def test_a_sample_of_the_design_is_made_sent_and_taken_away(
    in_bucket: S3Server,
) -> None:
    editor = UserFactory(is_staff=True, is_superuser=True)
    draft = CertificateDesign.objects.get()
    asked = sampling.ask(draft, by=editor)
    client = Client()
    client.force_login(editor)

    assert sampling.make(asked.pk)
    asked.refresh_from_db()
    address = reverse("certificates:design_sample_file", args=[asked.key])
    sent = b"".join(client.get(address))

    assert sha256(sent).hexdigest() == asked.sha256
    DesignSample.objects.update(made_at=now() - timedelta(days=2))
    sampling.carry_on()
    assert not private_storage().exists(asked.file.name)
