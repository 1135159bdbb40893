"""What goes of a certificate when its holder is erased, and what stays."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

from django.db import transaction
from django.utils.timezone import now

from certificates.issuing import mail_key, notices_of
from certificates.models import Certificate, private_storage
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
        name = certificate.pdf.name
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
        transaction.on_commit(partial(_drop_files, certificate.folder, name))
    return len(erased)


def _drop_files(folder: str, name: str | None) -> None:
    """Delete the file, and what a killed worker may have left in its folder."""
    storage = private_storage()
    if name:
        storage.delete(name)
    with suppress(FileNotFoundError):  # nothing was ever stored
        for left in storage.listdir(folder)[1]:
            storage.delete(f"{folder}/{left}")
