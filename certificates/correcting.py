"""What the channel team does about a certificate that is out: end it, or mend it.

Neither is ever taken back; a new issue is the way on, and names the one before it.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import models, transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from certificates.issuing import end, replace, write_anew
from certificates.models import Certificate, End
from courses.completing import lock
from lms.audit.log import record
from lms.errors import Refused
from lms.people import accounts
from lms.people.models import User

WHY_LENGTH = 120


class RevokedFor(models.TextChoices):
    """It was right when it was issued, and must not be relied upon any more."""

    DECEIT = "deceit", gettext_lazy("Somebody else took the check or the call")
    POLICY = "policy", gettext_lazy("The policy was broken")
    MISUSE = "misuse", gettext_lazy("The certificate was altered or misused")
    OTHER = "other", gettext_lazy("Another reason")


class WithdrawnFor(models.TextChoices):
    """It should never have been issued: our mistake."""

    PERSON = "person", gettext_lazy("It was meant for somebody else")
    PROGRAMME = "programme", gettext_lazy("It names the wrong programme or topics")
    EARLY = "early", gettext_lazy("Not all was done when it was issued")
    OTHER = "other", gettext_lazy("Another mistake of ours")


REASONS: dict[End, type[models.TextChoices]] = {
    End.REVOKED: RevokedFor,
    End.WITHDRAWN: WithdrawnFor,
}


@transaction.atomic
def end_for(
    certificate: Certificate, as_: End, *, reason: str, why: str, by: User
) -> None:
    """Revoke or withdraw it, for one of the reasons; nobody reads those in public.

    The qualification itself ends by a mistake taken back in what was shown alone.
    Raises Refused when it has ended already.
    """
    lock(certificate.enrolment)
    label = str(REASONS[as_](reason).label)
    end(certificate, as_, why=f"{label}: {why}" if why else label, by=by)
    record(by, "certificate_reason", certificate, reason=reason)


def may_issue_anew(certificate: Certificate) -> bool:
    """Whether what it proved still stands, and no other certificate does."""
    enrolment = certificate.enrolment
    is_over = enrolment.valid_until and enrolment.valid_until <= now().date()
    return (
        certificate.ended_as in (End.REVOKED, End.WITHDRAWN)
        and certificate.erased_at is None
        and enrolment.completed_at is not None
        and enrolment.annulled_at is None
        and not is_over
        and not Certificate.objects.standing().filter(enrolment=enrolment).exists()
    )


@transaction.atomic
def issue_anew(certificate: Certificate, *, by: User) -> Certificate:
    """Issue another in place of one that was revoked or withdrawn; that stays so.

    Raises Refused where the qualification does not stand, or another certificate
    does.
    """
    lock(certificate.enrolment)
    certificate.enrolment.refresh_from_db()
    if not may_issue_anew(certificate):
        raise Refused(
            _("Nothing is left to certify here, or another certificate stands.")
        )
    new = write_anew(certificate)
    record(by, "certificate_issued_anew", new, supersedes=certificate.pk)
    return new


@transaction.atomic
def correct_name(
    certificate: Certificate,
    full_name: str,
    *,
    why: str,
    by: User,
    others: Iterable[Certificate] = (),
) -> list[Certificate]:
    """Write the person's name anew, in their record and on these certificates.

    Each gets a new version that names the old one; both can be checked. Raises
    Refused when one has ended already, or when it says this name already.
    """
    user = lock(certificate.enrolment).member.user
    accounts.rename(user, full_name, by=by)
    user.refresh_from_db(fields=["full_name"])
    made = []
    for each in [certificate, *others]:
        if each.public_claim.get("name") == user.full_name:
            raise Refused(_("The certificate says this name already."))
        each.enrolment = lock(each.enrolment)
        new = replace(each, why=why or _("The name was corrected"), by=by)
        record(by, "certificate_name_corrected", new, supersedes=each.pk)
        made.append(new)
    return made


def versions_of(certificate: Certificate) -> list[Certificate]:
    """All certificates of the same enrolment that are out, the newest first."""
    return list(
        Certificate.objects.released()
        .filter(enrolment=certificate.enrolment_id)
        .select_related("ended_by")
        .order_by("-issued_at", "-pk")
    )


def others_of(certificate: Certificate) -> models.QuerySet[Certificate]:
    """What else stands of its holder and says the name as this one does."""
    return (
        Certificate.objects.standing()
        .released()
        .filter(
            enrolment__member__user=certificate.enrolment.member.user_id,
            enrolment__annulled_at=None,
            public_claim__name=certificate.public_claim.get("name", ""),
        )
        .exclude(pk=certificate.pk)
        .select_related("enrolment__member__user", "enrolment__edition")
    )
