import json
import os
import resource
import signal
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pikepdf
import pytest
import time_machine
from django.db import connections
from django.urls import reverse
from django.utils.timezone import now
from django_tasks_db.models import DBTaskResult

from certificates import keyfiles, making, preparing, standstill, tasks
from certificates.badge import credential_of
from certificates.claims import verify_url
from certificates.models import (
    Certificate,
    CertificateState,
    Standstill,
    private_storage,
)
from certificates.preparing import enqueue_pending, prepare
from certificates.render import Design, render
from certificates.seal import findings, serial_of
from certificates.storing import CannotStore
from lms.mail.models import Message
from lms.people.accounts import rename
from lms.people.models import Reseller
from tests.factories import (
    CertificateFactory,
    EditionFactory,
    EnrolmentFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def certificate():
    return CertificateFactory(enrolment=EnrolmentFactory(completed=True))


def files_of(certificate):
    folder = Path(private_storage().path(f"certificates/{certificate.serial}"))
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def bytes_of(certificate):
    with certificate.pdf.open() as file:
        return file.read()


def mails_to_staff():
    return Message.objects.filter(key__startswith="certificates-standstill")


def test_the_stored_file_is_sealed_and_is_the_certificates(certificate):
    assert prepare(certificate.pk)

    ready = Certificate.objects.get()
    pdf = bytes_of(ready)
    assert findings(pdf) == []
    assert serial_of(pdf) == certificate.serial
    assert files_of(certificate) == [f"{ready.pdf_sha256}.pdf"]


def test_the_credential_kept_is_the_one_inside_the_file(certificate):
    prepare(certificate.pk)

    ready = Certificate.objects.get()
    with pikepdf.open(BytesIO(bytes_of(ready))) as pdf:
        inside = pdf.attachments["credential.json"].get_file().read_bytes()
    assert json.loads(inside) == ready.credential == credential_of(ready)
    assert ready.credential["proof"]["cryptosuite"] == "eddsa-rdfc-2022"


def test_a_lost_key_stops_it_in_words_and_it_goes_on_once_the_key_is_back(
    certificate, settings, tmp_path
):
    UserFactory(is_staff=True)
    settings.DATA_DIR = tmp_path
    (tmp_path / "fonts").symlink_to(settings.PRIVATE_ROOT.parent / "fonts")
    earlier = CertificateFactory(enrolment=EnrolmentFactory(completed=True))
    prepare(earlier.pk)
    keyfiles.keys_folder().rename(tmp_path / "away")

    assert [prepare(certificate.pk) for _ in range(3)] == [False] * 3

    certificate.refresh_from_db()
    assert certificate.trouble.startswith("The key folder is without the badge key of")
    assert certificate.state == CertificateState.PENDING
    assert files_of(certificate) == []
    assert not keyfiles.keys_folder().exists()
    assert mails_to_staff().count() == 1
    (tmp_path / "away").rename(keyfiles.keys_folder())
    assert prepare(certificate.pk) is False  # the pause is not over
    with time_machine.travel(now() + timedelta(minutes=2)):
        assert prepare(certificate.pk)
    certificate = Certificate.objects.get(pk=certificate.pk)
    assert certificate.trouble == ""
    assert not Standstill.objects.exists()


def test_a_disk_that_is_full_leaves_nothing_behind(certificate):
    """The longest file allowed is shorter than a certificate, as on a full disk."""
    UserFactory(is_staff=True)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    pdf = b"%PDF" + bytes(30_000_000)  # the database writes files too, but no such
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000_000, limits[1]))
    try:
        with pytest.raises(CannotStore, match="File too large"):
            preparing.store(certificate, pdf)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert files_of(certificate) == []
    assert Certificate.objects.get().state == CertificateState.PENDING


def test_storage_that_cannot_be_written_is_told_and_mended_by_itself(certificate):
    UserFactory(is_staff=True)
    folder = Path(private_storage().path("certificates"))
    kept = folder.with_name("kept")
    if folder.exists():
        folder.rename(kept)
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_bytes(b"")  # a file where the folder should be

    assert not prepare(certificate.pk)

    certificate.refresh_from_db()
    assert certificate.trouble.startswith("Files cannot be stored: ")
    assert mails_to_staff().count() == 1
    folder.unlink()
    if kept.exists():
        kept.rename(folder)
    assert prepare(certificate.pk, is_asked_for=True)
    assert not Standstill.objects.exists()


def test_pauses_grow_and_staff_are_told_once(certificate):
    UserFactory(is_staff=True)

    pauses = []
    with time_machine.travel(now(), tick=False):
        for _ in range(8):
            standstill.begin(standstill.STORAGE, "Full.")
            pauses.append((Standstill.objects.get().try_at - now()).seconds // 60)

    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    assert mails_to_staff().count() == 1


def test_the_clock_tries_one_at_the_end_of_a_pause():
    at = now() - timedelta(hours=1)
    for _ in range(3):
        CertificateFactory(enrolment=EnrolmentFactory(completed=True), issued_at=at)
    standstill.begin(standstill.STORAGE, "Full.")

    enqueue_pending()
    queued = DBTaskResult.objects.filter(task_path=tasks.prepare.module_path)
    assert queued.count() == 0

    with time_machine.travel(now() + timedelta(minutes=1)):
        enqueue_pending()
    assert queued.count() == 1


STEPS = [
    (making, "render"),
    (making, "seal"),
    (making, "findings"),
    (preparing, "_require_whole"),
    (preparing, "_tell"),
    (preparing.standstill, "end"),
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("module", "step"), STEPS, ids=[step for _, step in STEPS])
@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
def test_killed_anywhere_it_is_done_again_once(monkeypatch, module, step, is_after):
    certificate = CertificateFactory(enrolment=EnrolmentFactory(completed=True))
    real = getattr(module, step)

    def die(*args, **kwargs):
        if is_after:
            real(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    connections.close_all()
    child = os.fork()
    if child == 0:
        setattr(module, step, die)
        prepare(certificate.pk)
        os._exit(0)
    _pid, status = os.waitpid(child, 0)

    assert os.WTERMSIG(status) == signal.SIGKILL
    before = Certificate.objects.get()
    assert (before.state == CertificateState.READY) == bool(before.pdf)
    assert Message.objects.count() == (before.state == CertificateState.READY)
    prepare(certificate.pk)
    ready = Certificate.objects.get()
    assert ready.state == CertificateState.READY
    assert files_of(certificate) == [f"{ready.pdf_sha256}.pdf"]
    assert findings(bytes_of(ready)) == []
    assert Message.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.races
def test_made_by_two_workers_at_once_there_is_one_file_and_one_mail(run_in_processes):
    certificate = CertificateFactory(enrolment=EnrolmentFactory(completed=True))

    def work(number, barrier):
        barrier.wait()
        return prepare(certificate.pk)

    made = run_in_processes(2, work)

    ready = Certificate.objects.get()
    assert sorted(made) == [False, True]
    assert files_of(certificate) == [f"{ready.pdf_sha256}.pdf"]
    assert Message.objects.count() == 1


def test_new_names_change_no_byte_of_what_was_issued(client):
    """Neither of the file, nor of the badge, nor of a file that is still to be made."""
    done, to_come = CertificateFactory.create_batch(2)
    page, reseller = done.enrolment.programme, done.enrolment.member.reseller
    prepare(done.pk)

    def all_said():
        ready = Certificate.objects.get(pk=done.pk)
        addresses = [
            reverse("credential", args=[ready.serial]),
            reverse("badge", args=[ready.serial]),
        ]
        still = Certificate.objects.get(pk=to_come.pk)
        unsealed = render(still.public_claim, Design(), verify_url(still.serial))
        public = [client.get(url).content for url in addresses]
        return [bytes_of(ready), unsealed, ready.public_claim, *public]

    before = all_said()
    for certificate in (done, to_come):
        rename(certificate.enrolment.member.user, "Somebody Else", by=None)
    Reseller.objects.filter(pk=reseller.pk).update(name="Another Company")
    page.title, page.section = "Another Programme", "9.9"
    page.save_revision().publish()
    EditionFactory(programme=page, title="Another Programme")

    assert not prepare(done.pk)
    assert all_said() == before
    assert prepare(to_come.pk)
