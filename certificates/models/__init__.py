"""Certificates, and the designs in which they are made."""

from certificates.models.certificates import (
    Certificate,
    CertificateQuerySet,
    CertificateState,
    End,
)
from certificates.models.designs import DesignRevision, private_storage

__all__ = [
    "Certificate",
    "CertificateQuerySet",
    "CertificateState",
    "DesignRevision",
    "End",
    "private_storage",
]
