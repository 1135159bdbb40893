"""Certificates whose letters no font has: which they are."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from certificates.models import Certificate, CertificateQuerySet, CertificateState


@dataclass(frozen=True)
class Letter:
    """A letter, and what Unicode calls it."""

    sign: str
    name: str


def waiting() -> CertificateQuerySet:
    """What waits for letters, and is out, the oldest first."""
    return (
        Certificate.objects.standing()
        .released()
        .filter(state=CertificateState.WAITING, erased_at=None)
        .order_by("issued_at", "pk")
    )


def letters_of(certificate: Certificate) -> list[Letter]:
    """The letters that it waits for, each with its name."""
    return [
        Letter(sign, unicodedata.name(sign, "?").capitalize())
        for sign in certificate.missing_letters
    ]
