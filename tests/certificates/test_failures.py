"""What fails outside of us, for real: a worker that is killed, a disk that is full."""

import os
import shlex
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
import time_machine
from django.conf import settings
from django.core.files.storage import storages
from django.db import connection
from django.utils.timezone import now
from django_tasks.base import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from certificates import packs, tasks
from certificates.issuing import mail_key
from certificates.models import (
    Certificate,
    CertificateState,
    Standstill,
    private_storage,
)
from certificates.preparing import enqueue_pending, prepare
from certificates.seal import findings
from lms.jobs import queued
from lms.mail.models import Message
from tests.factories import CertificateFactory, EnrolmentFactory, UserFactory

ROOT = Path(__file__).resolve().parent.parent.parent
HOUR = timedelta(hours=1)
PATIENCE_SECONDS = 120  # on a machine that does much else


@pytest.fixture
def certificate():
    """One that should have had its file an hour ago."""
    at = now() - HOUR
    return CertificateFactory(
        enrolment=EnrolmentFactory(completed=True), issued_at=at, release_at=at
    )


def files_of(certificate):
    folder = Path(private_storage().path(certificate.folder))
    return list(folder.iterdir()) if folder.exists() else []


def mails_to_staff():
    return Message.objects.filter(key__startswith="certificates-standstill")


# --- A worker that is killed -------------------------------------------------------


def start_worker(*options):
    """The worker as `make run` starts it, on the database of this test."""
    (line,) = [
        line.removeprefix("worker: exec python ")
        for line in (ROOT / "Procfile").read_text().splitlines()
        if line.startswith("worker: ")
    ]
    return subprocess.Popen(
        [sys.executable, *shlex.split(line), *options],
        cwd=ROOT,
        env=os.environ
        | {
            "DATA_DIR": str(settings.DATA_DIR),
            "DATABASE_URL": database_url(),
            "EMAIL_URL": "dummymail://",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def database_url():
    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}"))


def is_rendering(worker):
    """Whether it has loaded what sets the page: the first takes it long enough."""
    return "libpango" in Path(f"/proc/{worker.pid}/maps").read_text()


@pytest.mark.django_db(transaction=True)
def test_worker_killed_while_it_renders_is_followed_by_one_that_finishes(certificate):
    enqueue_pending()
    worker = start_worker()
    try:
        end = time.monotonic() + PATIENCE_SECONDS
        while not is_rendering(worker) and time.monotonic() < end:
            assert worker.poll() is None
    finally:
        worker.kill()
        worker.wait()

    calls = DBTaskResult.objects.filter(task_path=tasks.prepare.module_path)
    assert worker.returncode == -signal.SIGKILL
    assert calls.get().status == TaskResultStatus.RUNNING
    certificate.refresh_from_db()
    assert certificate.state == CertificateState.PENDING
    assert (files_of(certificate), Message.objects.count()) == ([], 0)

    enqueue_pending()  # as the clock does, every twenty seconds
    enqueue_pending()
    start_worker("--batch").wait(PATIENCE_SECONDS)

    ready = Certificate.objects.get()
    assert ready.state == CertificateState.READY
    (file,) = files_of(ready)
    assert file.name == f"{ready.pdf_sha256}.pdf"
    assert findings(file.read_bytes()) == []
    assert [mail.key for mail in Message.objects.all()] == [mail_key(ready)]
    assert sorted(calls.values_list("status", flat=True)) == ["RUNNING", "SUCCESSFUL"]


# --- A disk that is full -----------------------------------------------------------


@pytest.fixture
def small_disk(certificate):
    """A disk of its own, too small for the certificate; returns what enlarges it."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    folder = private_storage().path(certificate.folder)
    Path(folder).mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o"]
    done = subprocess.run([*mount, "size=16k", "tmpfs", folder], capture_output=True)
    if done.returncode:
        pytest.skip(f"no disk can be mounted here: {done.stderr.decode()}")
    try:
        yield lambda: subprocess.run(
            ["mount", "-o", "remount,size=4m", folder], check=True
        )
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.django_db
def test_full_disk_is_told_once_and_mended_by_itself(certificate, small_disk):
    UserFactory(is_staff=True)

    with time_machine.travel(now(), tick=False) as clock:
        for _ in range(3):
            assert not prepare(certificate.pk)
            clock.shift(HOUR)

        certificate.refresh_from_db()
        words = "Files cannot be stored: No space left on device."
        assert (certificate.state, certificate.trouble) == ("pending", words)
        assert (certificate.credential, certificate.pdf.name) == ({}, "")
        assert files_of(certificate) == []
        assert words in mails_to_staff().get().body
        assert not Message.objects.filter(key=mail_key(certificate)).exists()

        small_disk()
        enqueue_pending()
        ((asked,),) = queued(tasks.prepare)
        assert prepare(asked)

    ready = Certificate.objects.get()
    assert [path.name for path in files_of(ready)] == [f"{ready.pdf_sha256}.pdf"]
    assert (ready.trouble, Standstill.objects.count()) == ("", 0)
    assert mails_to_staff().count() == 1


# --- A service that refuses --------------------------------------------------------


class ServiceError(Exception):
    """As those of services are: no OSError."""


class Refusing(type(storages["private"])):
    """A storage like the private one, whose service refuses whatever is asked."""

    words = "An error occurred (NoSuchBucket) when calling the PutObject operation."

    def _refuse(self, *args, **kwargs):
        raise ServiceError(self.words)

    _save = _open = listdir = delete = _refuse


@pytest.mark.django_db
def test_service_that_refuses_is_told_in_its_own_words(monkeypatch, certificate):
    UserFactory(is_staff=True)
    monkeypatch.setitem(storages._storages, "private", Refusing())

    assert not prepare(certificate.pk)

    certificate.refresh_from_db()
    words = f"Files cannot be stored: {Refusing.words}"
    assert (certificate.state, certificate.trouble) == ("pending", words)
    assert mails_to_staff().count() == 1
    monkeypatch.undo()
    assert prepare(certificate.pk, is_asked_for=True)


@pytest.mark.django_db
def test_service_that_refuses_a_file_leaves_it_out_of_the_zip(monkeypatch):
    certificate = CertificateFactory(
        state=CertificateState.READY, pdf="certificates/x.pdf", pdf_sha256="0" * 64
    )
    monkeypatch.setattr(Certificate._meta.get_field("pdf"), "storage", Refusing())

    assert packs.content_of(Certificate.objects.get(pk=certificate.pk)) is None
