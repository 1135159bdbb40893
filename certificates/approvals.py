"""What of ours asks for a second person: revoking a certificate.

Withdrawing one that we issued in error does not, nor taking back a mistake.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from certificates.correcting import RevokedFor, end_for
from certificates.models import Certificate, End
from certificates.serials import shown
from lms.errors import Refused
from lms.people import approving
from lms.people.approving import Performer, Plan
from lms.people.models import Approval, User

REVOKE = "revoke"


@transaction.atomic
def ask_to_revoke(
    certificate: Certificate, *, reason: str, why: str, by: User
) -> Approval:
    """Ask a second person to revoke it. Raises Refused when it has ended."""
    certificate.refresh_from_db(fields=["ended_as"])
    if certificate.ended_as:
        raise Refused(_("This certificate has ended already."))
    words = {"certificate": certificate.pk, "reason": reason}
    subject = f"certificate:{certificate.pk}"
    return approving.ask(REVOKE, subject, words, why=why, by=by)


def forget_revocations(certificates: Iterable[Certificate]) -> None:
    """Empty the words of what was asked about these: their holder is erased."""
    approving.forget(REVOKE, (f"certificate:{each.pk}" for each in certificates))


def waiting_for(certificate: Certificate) -> Approval | None:
    """The request to revoke it that waits, if one does; one query."""
    waiting = Approval.objects.waiting().select_related("asked_by")
    return waiting.filter(kind=REVOKE, subject=f"certificate:{certificate.pk}").first()


def _plan(approval: Approval) -> Plan:
    certificate = _certificate(approval)
    reason = RevokedFor(approval.words["reason"]).label
    return Plan(
        _("Revoke the certificate of %(name)s: %(programme)s")
        % {
            "name": certificate.enrolment.member.user,
            "programme": certificate.enrolment.edition.title,
        },
        _(
            "%(reason)s. Its page %(serial)s says at once that it is revoked, and does "
            "not say why. This is never taken back."
        )
        % {"reason": reason, "serial": shown(certificate.serial)},
        reverse("certificates:manage", args=[certificate.serial]),
        stands=not certificate.ended_as,
    )


def _revoke(approval: Approval) -> None:
    end_for(
        _certificate(approval),
        End.REVOKED,
        reason=approval.words["reason"],
        why=approval.why,
        by=approval.asked_by,
    )


def _certificate(approval: Approval) -> Certificate:
    found: Certificate = Certificate.objects.select_related(
        "enrolment__member__user", "enrolment__edition"
    ).get(pk=approval.words["certificate"])
    return found


approving.perform_with(REVOKE, Performer("may_change_people", _plan, _revoke))
