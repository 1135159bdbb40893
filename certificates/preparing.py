"""How a certificate gets its file, made by the worker and safe to ask for again.

The same claim gives the same bytes.
"""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import islice
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django_tasks.base import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from certificates import fonts, standstill, storing
from certificates.badge import as_text, credential_of
from certificates.claims import verify_url, words_of
from certificates.designing import design_of
from certificates.issuing import mail_key
from certificates.keyfiles import KeyTrouble
from certificates.making import make
from certificates.models import Certificate, CertificateState, private_storage
from certificates.render import Attached, CannotRender
from certificates.seal import CannotSeal
from certificates.storing import CannotStore
from certificates.storing import require_whole as _require_whole
from lms.audit.log import record
from lms.jobs import queued
from lms.mail import outbox

logger = logging.getLogger(__name__)

_LATE = timedelta(minutes=1)  # then the clock asks the worker again
_DEAD = timedelta(minutes=10)  # what runs longer was killed
_UNFINISHED = (CertificateState.PENDING, CertificateState.WAITING)


def prepare(pk: int, *, is_asked_for: bool = False) -> bool:
    """Make and store the file of a certificate; tell whether it is ready now.

    Safe to repeat, and to be killed anywhere. A letter that no font has leaves it
    waiting, and names the letter. What keeps all files from being made is noted, and
    until its pause is over nothing is tried but what is asked for by hand.
    """
    certificate = (
        Certificate.objects.standing()
        .filter(pk=pk, state__in=_UNFINISHED, erased_at=None)
        .select_related("enrolment__member__user", "design")
        .first()
    )
    if certificate is None:
        return False
    standing_still = standstill.current()
    if standing_still and standstill.is_resting(standing_still) and not is_asked_for:
        _note(certificate, standing_still.words)
        return False

    try:
        return _make(certificate)
    except CannotRender as reason:
        logger.error("Certificate %s cannot be rendered: %s", pk, reason)  # noqa: TRY400  the sentence says all
        _wait(certificate, trouble=_("It cannot be set: %(why)s.") % {"why": reason})
    except KeyTrouble as reason:
        standstill.begin(standstill.KEYS, str(reason))
    except CannotSeal as reason:
        standstill.begin(standstill.SEAL, str(reason))
    except CannotStore as reason:
        words = _("Files cannot be stored: %(reason)s.") % {"reason": reason}
        standstill.begin(standstill.STORAGE, words)
    except OSError as error:  # of the fonts, say, which are made on the disk
        words = _("A file cannot be read or written: %(reason)s.") % {
            "reason": error.strerror or type(error).__name__
        }
        standstill.begin(standstill.STORAGE, words)
    return False


def _make(certificate: Certificate) -> bool:
    claim = certificate.public_claim
    if missing := fonts.missing_letters(words_of(claim)):
        _wait(certificate, letters="".join(sorted(missing)))
        return False
    credential = credential_of(certificate)
    pdf = make(
        claim,
        design_of(certificate.design),
        verify_url(certificate.serial),
        attachments=[
            Attached(
                "credential.json",
                as_text(credential).encode(),
                "Open Badges credential",
                "application/ld+json",
            )
        ],
    )
    is_ready = store(certificate, pdf, credential)
    standstill.end()
    return is_ready


def store(
    certificate: Certificate, pdf: bytes, credential: dict[str, Any] | None = None
) -> bool:
    """Keep the file under its hash, and say so once.

    Of files made at the same moment the first counts, and the other is taken away.
    What a killed worker has left behind goes too. Raises CannotStore.
    """
    digest = sha256(pdf).hexdigest()
    storage = private_storage()
    folder = certificate.folder
    wanted = f"{folder}/{digest}.pdf"
    try:
        with storing.told():
            name = storage.save(wanted, ContentFile(pdf))
            _require_whole(name, digest)
    except CannotStore:
        unfinished = Certificate.objects.filter(pk=certificate.pk)
        if not unfinished.filter(state__in=_UNFINISHED).exists():
            return False  # another was quicker, and has taken ours away
        storing.delete([wanted])  # the half of it
        raise
    with transaction.atomic():
        made_ready = (
            Certificate.objects.standing()
            .filter(pk=certificate.pk, state__in=_UNFINISHED, erased_at=None)
            .update(
                state=CertificateState.READY,
                missing_letters="",
                trouble="",
                credential=credential or {},
                pdf=name,
                pdf_sha256=digest,
                ready_at=now(),
            )
        )
        if made_ready:
            _tell(certificate)
    if made_ready:
        storing.delete_others(folder, but=name)
    else:
        storing.delete([name])
    return bool(made_ready)


def enqueue_pending() -> None:
    """Ask the worker again for fonts and files that should have been there by now.

    While nothing can be made one is tried at the end of each pause; what has failed
    by itself waits ever longer.
    """
    from certificates import tasks  # noqa: PLC0415  the tasks call back

    if (
        not fonts.fonts_folder().is_dir()
        and not queued(tasks.make_fonts)
        and not _resting(tasks.make_fonts.module_path)
    ):
        tasks.make_fonts.enqueue()
    standing_still = standstill.current()
    if standstill.is_resting(standing_still):
        return
    late = (
        Certificate.objects.standing()
        .filter(
            state=CertificateState.PENDING,
            issued_at__lte=now() - _LATE,
            erased_at=None,
        )
        .order_by("issued_at")
        .values_list("pk", flat=True)
    )
    left_alone = {args[0] for args in queued(tasks.prepare)}
    resting = {args[0] for args in _resting(tasks.prepare.module_path)}
    _note_failed(resting)
    due = (pk for pk in late.iterator() if pk not in left_alone | resting)
    for pk in islice(due, 1 if standing_still else 500):
        tasks.prepare.enqueue(pk)


def enqueue_waiting() -> None:
    """Ask again for what waits for letters, or could not be set; for each hour."""
    from certificates import tasks  # noqa: PLC0415  as above

    waiting = Certificate.objects.standing().filter(
        state=CertificateState.WAITING, erased_at=None
    )
    asked = {args[0] for args in queued(tasks.prepare)}
    for pk in waiting.order_by("issued_at").values_list("pk", flat=True)[:500]:
        if pk not in asked:
            tasks.prepare.enqueue(pk)


def _resting(task: str) -> list[list[Any]]:
    """The arguments of calls that failed today, or died, and are not yet due again.

    The pause doubles with each: 1, 2, 4 minutes and so on, an hour at most.
    """
    calls = DBTaskResult.objects.filter(
        Q(status=TaskResultStatus.FAILED)
        | Q(status=TaskResultStatus.RUNNING, started_at__lte=now() - _DEAD),
        task_path=task,
        enqueued_at__gte=now() - timedelta(days=1),
    )
    tries: dict[str, list[datetime]] = {}
    for call in calls.only("args_kwargs", "started_at", "enqueued_at"):
        key = json.dumps(call.args_kwargs["args"])
        tries.setdefault(key, []).append(call.started_at or call.enqueued_at)
    return [
        json.loads(key)
        for key, at in tries.items()
        if now() < max(at) + timedelta(minutes=min(2 ** len(at), 60))
    ]


def _note_failed(pks: set[int]) -> None:
    """Tell staff of what failed for a reason that nobody thought of."""
    words = _("Making it failed unexpectedly: the worker’s log says more.")
    failed = Certificate.objects.standing().filter(
        pk__in=pks, state=CertificateState.PENDING, trouble=""
    )
    for certificate in failed:
        _note(certificate, words)
        standstill.tell_staff(f"certificate-trouble:{certificate.serial}", words)


def _note(certificate: Certificate, words: str) -> None:
    Certificate.objects.filter(
        pk=certificate.pk, state__in=_UNFINISHED, erased_at=None
    ).exclude(trouble=words).update(trouble=words)


def _tell(certificate: Certificate) -> None:
    """Write the holder that it is ready; the mail waits for the release."""
    user = certificate.enrolment.member.user
    outbox.queue(
        mail_key(certificate),
        user,
        "certificates/email/ready.txt",
        {
            "claim": certificate.public_claim,
            "page_url": f"{settings.PUBLIC_URL}{certificate.get_absolute_url()}",
            "verify_url": verify_url(certificate.serial),
        },
        send_after=max(now(), certificate.release_at),
    )


def _wait(certificate: Certificate, *, letters: str = "", trouble: str = "") -> None:
    Certificate.objects.filter(
        pk=certificate.pk, state__in=_UNFINISHED, erased_at=None
    ).update(
        state=CertificateState.WAITING,
        missing_letters=letters[:200],
        trouble=trouble[:200],
    )
    if certificate.state == CertificateState.PENDING:
        waits_for = "letters" if letters else "help"
        record(None, f"certificate_waits_for_{waits_for}", certificate)
        if trouble:
            standstill.tell_staff(f"certificate-trouble:{certificate.serial}", trouble)
