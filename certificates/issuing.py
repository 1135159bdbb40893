"""How a certificate comes about, and how it ends.

The row, its serial and its claim are written by the event that completes the
programme, in that transaction. The file follows (`certificates.preparing`).
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from secrets import randbelow, token_hex

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.timezone import now
from django.utils.translation import gettext as _

from certificates import serials
from certificates.claims import ISSUER, canonical, evidence_of, facts_of
from certificates.designing import current_design
from certificates.models import Certificate, End
from courses.models import Enrolment
from lms.audit.log import record
from lms.errors import Refused
from lms.mail import outbox
from lms.people.models import User

_PLACES_IN_A_LIST = 131_072  # the least a status list has: Bitstring Status List 1.0


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
        return write_anew(certificate)


def end_superseded(*, out_since: datetime | None = None) -> int:
    """End what a newer cycle's certificate replaces, once that is out and counts.

    For the clock. Until then both stand: who renews early has the old one till its
    last day. With `out_since`, only by what came out from then on, which is quick to
    find among all. Returns how many.
    """
    out = (
        Certificate.objects.standing()
        .released()
        .filter(
            supersedes__isnull=False,
            supersedes__ended_as="",
            enrolment__valid_from__lte=now().date(),
        )
    )
    if out_since is not None:
        out = out.filter(release_at__gte=out_since)
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
        write_anew(before)


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
    outbox.drop(mail_key(certificate))
    if as_ != End.REPLACED:  # by a corrected name: the end is the same
        outbox.drop(notices_of(certificate.enrolment_id))


def _free_place() -> int:
    """A place in the status lists that nobody has, in no order that tells anything.

    As few lists as hold all twice, so that a place is found at once; if another takes
    it first, its constraint refuses the second. There are no more certificates than
    the newest's key says: to count them would take ever longer.
    """
    newest = Certificate.objects.aggregate(pk=Max("pk"))["pk"] or 0
    lists = 1 + 2 * newest // _PLACES_IN_A_LIST
    while True:
        place = randbelow(lists * _PLACES_IN_A_LIST)
        if not Certificate.objects.filter(status_index=place).exists():
            return place


def mail_key(certificate: Certificate) -> str:
    """The key of the mail which tells that it is ready."""
    return f"certificate-ready:{certificate.serial}"


def notices_of(enrolment_pk: int) -> str:
    """How the keys of the notices that a qualification runs out begin."""
    return f"expiry:{enrolment_pk}:"


def write_anew(certificate: Certificate) -> Certificate:
    """Write a certificate once more, of what is true now.

    It is out at once, but never before the one whose place it takes.
    """
    at = now()
    return _write(
        certificate.enrolment,
        issued_at=at,
        release_at=max(at, certificate.release_at),
        supersedes=certificate,
    )


def _write(
    enrolment: Enrolment,
    *,
    issued_at: datetime,
    release_at: datetime,
    supersedes: Certificate | None,
) -> Certificate:
    serial = serials.new_serial()
    design = current_design()
    public = {
        "version": 1,
        "serial": serial,
        "issuer": ISSUER,
        "issued_at": issued_at.isoformat(timespec="seconds"),
        "issued_on": issued_at.date().isoformat(),
        **facts_of(enrolment),
        "design": design.pk,
        "salt": token_hex(16),
    }
    private = {
        "version": 1,
        "serial": serial,
        "evidence": evidence_of(enrolment),
        "salt": token_hex(16),
    }
    certificate = Certificate.objects.create(
        enrolment=enrolment,
        serial=serial,
        public_claim=public,
        private_claim=private,
        public_sha256=sha256(canonical(public)).hexdigest(),
        private_sha256=sha256(canonical(private)).hexdigest(),
        design=design,
        status_index=_free_place(),
        issued_at=issued_at,
        release_at=release_at,
        supersedes=supersedes,
    )
    record(None, "certificate_issued", certificate, enrolment=enrolment.pk)
    _enqueue_after_commit(certificate)
    counts = enrolment.valid_from is None or enrolment.valid_from <= now().date()
    is_out = counts and release_at <= now()
    if supersedes and not supersedes.ended_as and is_out:
        end(supersedes, End.REPLACED, why=_("Qualified again"), by=None)
    return certificate


def _enqueue_after_commit(certificate: Certificate) -> None:
    from certificates.tasks import prepare  # noqa: PLC0415  the task calls back

    transaction.on_commit(lambda: prepare.enqueue(certificate.pk) and None)
