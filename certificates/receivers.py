"""What this room does when courses tell of a change, in the same transaction."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver
from django.utils.timezone import now
from wagtail.signals import published

from certificates import issuing
from certificates.approvals import forget_revocations
from certificates.designing import put_in_force
from certificates.erasing import erase_claims
from certificates.models import Certificate, CertificateDesign, End
from courses.models import Enrolment
from courses.signals import enrolment_closed, programme_completed
from lms.mail import outbox
from lms.people.models import User
from lms.people.signals import person_erased


@receiver(published, sender=CertificateDesign)
def on_design_published(
    sender: object, *, instance: CertificateDesign, **kwargs: Any
) -> None:
    put_in_force(instance)


@receiver(programme_completed)
def on_programme_completed(
    sender: object, *, enrolment: Enrolment, **kwargs: Any
) -> None:
    issuing.issue(enrolment)
    before = Enrolment.objects.filter(
        member=enrolment.member_id,
        programme=enrolment.programme_id,
        cycle__lt=enrolment.cycle,
    )
    for pk in before.values_list("pk", flat=True):
        outbox.drop(issuing.notices_of(pk))  # it has been renewed


@receiver(enrolment_closed)
def on_enrolment_closed(
    sender: object, *, enrolment: Enrolment, by: User | None, **kwargs: Any
) -> None:
    """A completion that was annulled takes its certificate along.

    What that one had replaced stands again.
    """
    for certificate in Certificate.objects.standing().filter(
        enrolment=enrolment, enrolment__annulled_at__isnull=False
    ):
        is_seen = certificate.release_at <= now()
        issuing.end(
            certificate,
            End.WITHDRAWN if is_seen else End.UNDONE,
            why=enrolment.closed_why,
            by=by,
        )
        issuing.let_stand_again(certificate)


@receiver(person_erased)
def on_person_erased(
    sender: object, *, user: User, by: User | None, **kwargs: Any
) -> None:
    erase_claims(user, by=by)
    forget_revocations(Certificate.objects.filter(enrolment__member__user=user))
