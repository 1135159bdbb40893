"""Certificates, and the designs in which they are made."""

from certificates.models.audits import AuditPack, AuditPackQuerySet
from certificates.models.certificates import (
    Certificate,
    CertificateQuerySet,
    CertificateState,
    End,
)
from certificates.models.designs import (
    CertificateDesign,
    DesignPicture,
    DesignRevision,
    private_storage,
)
from certificates.models.keys import PublicKey
from certificates.models.standstills import Standstill
from certificates.models.statements import Statement, StatementQuerySet

__all__ = [
    "AuditPack",
    "AuditPackQuerySet",
    "Certificate",
    "CertificateDesign",
    "CertificateQuerySet",
    "CertificateState",
    "DesignPicture",
    "DesignRevision",
    "End",
    "PublicKey",
    "Standstill",
    "Statement",
    "StatementQuerySet",
    "private_storage",
]
