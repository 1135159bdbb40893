"""Certificates, and the designs in which they are made."""

from certificates.models.audits import AuditPack, AuditPackQuerySet
from certificates.models.certificates import (
    Certificate,
    CertificateQuerySet,
    CertificateState,
    End,
)
from certificates.models.designs import (
    SAMPLE_KEPT_FOR,
    CertificateDesign,
    DesignPicture,
    DesignPreview,
    DesignRevision,
    DesignSample,
    DesignSampleQuerySet,
    private_storage,
)
from certificates.models.keys import PublicKey
from certificates.models.standstills import Standstill
from certificates.models.statements import Statement, StatementQuerySet

__all__ = [
    "SAMPLE_KEPT_FOR",
    "AuditPack",
    "AuditPackQuerySet",
    "Certificate",
    "CertificateDesign",
    "CertificateQuerySet",
    "CertificateState",
    "DesignPicture",
    "DesignPreview",
    "DesignRevision",
    "DesignSample",
    "DesignSampleQuerySet",
    "End",
    "PublicKey",
    "Standstill",
    "Statement",
    "StatementQuerySet",
    "private_storage",
]
