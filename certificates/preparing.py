"""How a certificate gets its file, made by the worker and safe to ask for again.

The same claim gives the same bytes.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import transaction
from django.utils.timezone import now
from django_tasks.base import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from certificates import fonts
from certificates.claims import verify_url, words_of
from certificates.designing import design_of
from certificates.issuing import mail_key
from certificates.models import Certificate, CertificateState
from certificates.render import CannotRender, render
from lms.audit.log import record
from lms.mail import outbox

logger = logging.getLogger(__name__)

_LATE = timedelta(minutes=1)  # then the clock asks the worker again
_UNFINISHED = (CertificateState.PENDING, CertificateState.WAITING)


def prepare(pk: int) -> bool:
    """Make and store the file of a certificate; tell whether it is ready now.

    Safe to repeat. A letter that no font has leaves it waiting, and names the letter.
    """
    certificate = (
        Certificate.objects.standing()
        .filter(pk=pk, state__in=_UNFINISHED)
        .select_related("enrolment__member__user", "design")
        .first()
    )
    if certificate is None:
        return False

    claim = certificate.public_claim
    if missing := fonts.missing_letters(words_of(claim)):
        _wait(certificate, "".join(sorted(missing)))
        return False
    try:
        pdf = render(
            claim, design_of(certificate.design), verify_url(certificate.serial)
        )
    except CannotRender as reason:
        logger.error("Certificate %s cannot be rendered: %s", pk, reason)  # noqa: TRY400  the sentence says all
        _wait(certificate, "")
        return False
    return store(certificate, pdf)


def store(certificate: Certificate, pdf: bytes) -> bool:
    """Keep the file under its hash, and say so once."""
    digest = sha256(pdf).hexdigest()
    storage = Certificate._meta.get_field("pdf").storage
    name = f"certificates/{digest}.pdf"
    if not storage.exists(name):
        name = storage.save(name, ContentFile(pdf))
    with transaction.atomic():
        made_ready = (
            Certificate.objects.standing()
            .filter(pk=certificate.pk, state__in=_UNFINISHED)
            .update(
                state=CertificateState.READY,
                missing_letters="",
                pdf=name,
                pdf_sha256=digest,
                ready_at=now(),
            )
        )
        if made_ready:
            _tell(certificate)
    return bool(made_ready)


def enqueue_pending() -> None:
    """Ask the worker again for fonts and files that should have been there by now."""
    from certificates import tasks  # noqa: PLC0415  the tasks call back

    if not fonts.fonts_folder().is_dir() and not _queued(tasks.make_fonts.module_path):
        tasks.make_fonts.enqueue()
    late = (
        Certificate.objects.standing()
        .filter(state=CertificateState.PENDING, issued_at__lte=now() - _LATE)
        .order_by("issued_at")
        .values_list("pk", flat=True)
    )
    queued = {args[0] for args in _queued(tasks.prepare.module_path)}
    for pk in late[:500]:
        if pk not in queued:
            tasks.prepare.enqueue(pk)


def _queued(task: str) -> list[list[Any]]:
    """The arguments of each call of a task that no worker has begun."""
    calls = DBTaskResult.objects.filter(task_path=task, status=TaskResultStatus.READY)
    return [call["args"] for call in calls.values_list("args_kwargs", flat=True)]


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


def _wait(certificate: Certificate, letters: str) -> None:
    Certificate.objects.filter(pk=certificate.pk, state__in=_UNFINISHED).update(
        state=CertificateState.WAITING, missing_letters=letters[:200]
    )
    if certificate.state == CertificateState.PENDING:
        record(None, "certificate_waits_for_letters", certificate)
