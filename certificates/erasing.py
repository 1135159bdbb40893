"""What goes of a certificate when its holder is erased, and what stays."""

from __future__ import annotations

from functools import partial

from django.db import transaction
from django.utils.timezone import now

from certificates.issuing import mail_key, notices_of
from certificates.models import Certificate
from lms.audit.log import record
from lms.mail import outbox
from lms.people.models import User


@transaction.atomic
def erase_claims(user: User, *, by: User | None) -> int:
    """Take the name and all that was said of the person out of their certificates.

    Claims, credential, file and the reason of an end go. Serial, enrolment, dates and
    hashes stay, so that whoever holds a copy can still have it checked. Repeating is
    safe; returns how many it was done to.
    """
    rows = Certificate.objects.select_for_update(of=("self",)).filter(
        enrolment__member__user=user, erased_at=None
    )
    erased = list(rows)
    for certificate in erased:
        name, storage = certificate.pdf.name, certificate.pdf.storage
        Certificate.objects.filter(pk=certificate.pk).update(
            public_claim={},
            private_claim={},
            credential={},
            missing_letters="",
            trouble="",
            pdf="",
            ended_why="",
            erased_at=now(),
        )
        record(by, "certificate_erased", certificate)
        outbox.drop(mail_key(certificate), notices_of(certificate.enrolment_id))
        if name:
            transaction.on_commit(partial(storage.delete, name))
    return len(erased)
