"""How a certificate comes about, gets its file, and ends.

The row, its serial and its claim are written by the event that completes the
programme, in that transaction. The file follows, made by the worker, and may be
asked for again at any time: the same claim gives the same bytes.
"""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from datetime import datetime, timedelta
from hashlib import sha256
from secrets import token_hex
from typing import Any
from unicodedata import normalize

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django_tasks.base import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from certificates import fonts, serials
from certificates.models import Certificate, CertificateState, End
from certificates.render import CannotRender, Design, render
from courses.models import Enrolment
from lms.audit.log import record
from lms.errors import Refused
from lms.mail import outbox
from lms.people.models import User

logger = logging.getLogger(__name__)

ISSUER = "ByteKast"
POLICY = "Reseller Support & Qualification Policy"
_LATE = timedelta(minutes=1)  # then the clock asks the worker again
_UNFINISHED = (CertificateState.PENDING, CertificateState.WAITING)


def issue(enrolment: Enrolment) -> Certificate:
    """Write the certificate of a completed enrolment, in the caller's transaction.

    Exactly one stands per enrolment: asking again returns the first. Nobody sees it
    before `release_at`, while the sign-off can still be undone; until then the one of
    their cycle before stands, and from then on this one takes its place.
    """
    standing = Certificate.objects.standing().filter(enrolment=enrolment)
    if first := standing.first():
        return first
    if enrolment.completed_at is None:
        raise ValueError("Only a completed enrolment has a certificate")
    earlier = Certificate.objects.standing().filter(
        enrolment__member=enrolment.member_id,
        enrolment__programme=enrolment.programme_id,
    )
    try:
        with transaction.atomic():
            return _write(
                enrolment,
                issued_at=enrolment.completed_at,
                release_at=enrolment.completed_at + settings.SIGN_OFF_UNDO,
                supersedes=earlier.first(),
            )
    except IntegrityError:
        if first := standing.first():  # somebody else was quicker
            return first
        raise


def replace(certificate: Certificate, *, why: str, by: User) -> Certificate:
    """End a certificate and write the claim anew, as things are called today.

    For a name that was wrong or has changed. Both stay verifiable, and the old one
    says which took its place. Raises Refused when it has ended already.
    """
    with transaction.atomic():
        end(certificate, End.REPLACED, why=why, by=by)
        return _write_anew(certificate)


def end_superseded() -> int:
    """End what a newer cycle's certificate replaces, once that is out; for the clock.

    Returns how many.
    """
    out = Certificate.objects.standing().released().filter(supersedes__ended_as="")
    count = 0
    replaced = Certificate.objects.filter(pk__in=out.values("supersedes"))
    for certificate in replaced:
        with suppress(Refused):  # somebody else was quicker
            end(certificate, End.REPLACED, why=_("Qualified again"), by=None)
            count += 1
    return count


def let_stand_again(certificate: Certificate) -> None:
    """Where a certificate should not have been, write anew the one it had replaced.

    The cycle before it stands, so its holder is qualified by that one still.
    """
    before = certificate.supersedes
    while before is not None and before.enrolment.annulled_at is not None:
        before = before.supersedes
    if before is None or before.ended_as != End.REPLACED:
        return
    standing = Certificate.objects.standing().filter(enrolment=before.enrolment)
    if not standing.exists():
        _write_anew(before)


@transaction.atomic
def end(certificate: Certificate, as_: End, *, why: str, by: User | None) -> None:
    """Let a certificate stand no longer; its page says so from now on.

    Undone is for the time before `release_at` alone: nobody has seen it, and nobody
    will. Raises Refused when it has ended already, or is too late to be undone.
    """
    at = now()
    if as_ == End.UNDONE and at >= certificate.release_at:
        raise Refused(_("This certificate is out already: withdraw it instead."))
    ended = {
        "ended_as": as_,
        "ended_at": at,
        "ended_by": by,
        "ended_why": why[:200],
    }
    if not Certificate.objects.standing().filter(pk=certificate.pk).update(**ended):
        raise Refused(_("This certificate has ended already."))
    for field, value in ended.items():
        setattr(certificate, field, value)
    record(by, f"certificate_{as_.value}", certificate)
    outbox.drop(_mail_key(certificate))


def prepare(pk: int) -> bool:
    """Make and store the file of a certificate; tell whether it is ready now.

    Safe to repeat. A letter that no font has leaves it waiting, and names the letter.
    """
    certificate = (
        Certificate.objects.standing()
        .filter(pk=pk, state__in=_UNFINISHED)
        .select_related("enrolment__member__user")
        .first()
    )
    if certificate is None:
        return False

    claim = certificate.public_claim
    if missing := fonts.missing_letters(_words_of(claim)):
        _wait(certificate, "".join(sorted(missing)))
        return False
    try:
        pdf = render(claim, Design(), verify_url(certificate.serial))
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


def verify_url(serial: str) -> str:
    """The public address at which anybody can check the certificate."""
    path = reverse("verify", args=[serials.shown(serial)])
    return f"{settings.PUBLIC_URL}{path}"


def canonical(claim: dict[str, Any]) -> bytes:
    """The one way a claim is written down, so that its hash means something."""
    return json.dumps(
        claim, ensure_ascii=False, sort_keys=True, separators=(",", ":")
    ).encode()


def _write_anew(certificate: Certificate) -> Certificate:
    """Write a certificate once more, of what is true now; it is out at once."""
    at = now()
    return _write(
        certificate.enrolment, issued_at=at, release_at=at, supersedes=certificate
    )


def _write(
    enrolment: Enrolment,
    *,
    issued_at: datetime,
    release_at: datetime,
    supersedes: Certificate | None,
) -> Certificate:
    serial = serials.new_serial()
    public = {
        "version": 1,
        "serial": serial,
        "issuer": ISSUER,
        "issued_at": issued_at.isoformat(timespec="seconds"),
        "issued_on": issued_at.date().isoformat(),
        **_facts(enrolment),
        "salt": token_hex(16),
    }
    private = {
        "version": 1,
        "serial": serial,
        "evidence": _evidence(enrolment),
        "salt": token_hex(16),
    }
    certificate = Certificate.objects.create(
        enrolment=enrolment,
        serial=serial,
        public_claim=public,
        private_claim=private,
        public_sha256=sha256(canonical(public)).hexdigest(),
        private_sha256=sha256(canonical(private)).hexdigest(),
        issued_at=issued_at,
        release_at=release_at,
        supersedes=supersedes,
    )
    record(None, "certificate_issued", certificate, enrolment=enrolment.pk)
    _enqueue_after_commit(certificate)
    if supersedes and not supersedes.ended_as and release_at <= now():
        end(supersedes, End.REPLACED, why=_("Qualified again"), by=None)
    return certificate


def _facts(enrolment: Enrolment) -> dict[str, Any]:
    """What the public may know, as things are called at this moment."""
    member, edition = enrolment.member, enrolment.edition
    completed = dict(
        enrolment.completions.filter(voided_at=None).values_list("topic", "at")
    )
    return {
        "language": member.user.language,
        "name": normalize("NFC", member.user.full_name or member.user.email),
        "reseller": normalize("NFC", member.reseller.name),
        "programme": {
            "title": normalize("NFC", edition.title),
            "section": edition.section,
            "edition": edition.number,
            "policy": POLICY,
        },
        "topics": [
            {
                "title": normalize("NFC", topic.title),
                "completed_on": completed[topic.topic_id].date().isoformat(),
            }
            for topic in edition.topics.order_by("order")
        ],
        "valid_from": _iso(enrolment.valid_from),
        "valid_until": _iso(enrolment.valid_until),
    }


def _evidence(enrolment: Enrolment) -> list[dict[str, Any]]:
    """What it rests on: which step, when, and before whom. Never public."""
    live = enrolment.evidence.filter(voided_at=None).select_related("by")
    return [
        {
            "topic": evidence.topic_id,
            "kind": evidence.kind,
            "at": evidence.at.isoformat(timespec="seconds"),
            "by": evidence.by and evidence.by.full_name,
        }
        for evidence in live.order_by("at", "pk")
    ]


def _enqueue_after_commit(certificate: Certificate) -> None:
    from certificates.tasks import prepare  # noqa: PLC0415  the task calls back

    transaction.on_commit(lambda: prepare.enqueue(certificate.pk) and None)


def _queued(task: str) -> list[list[Any]]:
    """The arguments of each call of a task that no worker has begun."""
    calls = DBTaskResult.objects.filter(task_path=task, status=TaskResultStatus.READY)
    return [call["args"] for call in calls.values_list("args_kwargs", flat=True)]


def _tell(certificate: Certificate) -> None:
    """Write the holder that it is ready; the mail waits for the release."""
    user = certificate.enrolment.member.user
    outbox.queue(
        _mail_key(certificate),
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


def _words_of(claim: dict[str, Any]) -> str:
    programme = claim["programme"]
    titles = [topic["title"] for topic in claim["topics"]]
    return " ".join([claim["name"], claim["reseller"], programme["title"], *titles])


def _mail_key(certificate: Certificate) -> str:
    return f"certificate-ready:{certificate.serial}"


def _iso(day: Any) -> str | None:
    return day.isoformat() if day else None
