"""Certificates, statements and designs."""

import hashlib
import json
from typing import Any

import factory
from django.utils.timezone import now
from factory import LazyAttribute, LazyFunction, SubFactory
from factory.django import DjangoModelFactory

from certificates.claims import canonical
from certificates.designing import current_design
from certificates.models import (
    AuditPack,
    Certificate,
    DesignRevision,
    DesignSample,
    Statement,
)
from certificates.serials import new_serial
from lms.people.models import (
    Approval,
)
from tests.factories.courses import EnrolmentFactory
from tests.factories.people import ResellerFactory, UserFactory


def sha256(claim: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(claim, sort_keys=True).encode()).hexdigest()


class CertificateFactory(DjangoModelFactory[Certificate]):
    """A standing, released certificate without a file; its claims are short."""

    class Meta:
        model = Certificate

    enrolment = SubFactory(EnrolmentFactory, completed=True)
    serial = LazyFunction(new_serial)
    public_claim = LazyAttribute(
        lambda row: {
            "version": 1,
            "serial": row.serial,
            "issuer": "ByteKast",
            "issued_at": f"{row.enrolment.valid_from}T12:00:00+00:00",
            "issued_on": str(row.enrolment.valid_from),
            "language": "en-gb",
            "name": row.enrolment.member.user.full_name,
            "reseller": row.enrolment.member.reseller.name,
            "programme": {
                "title": row.enrolment.edition.title,
                "section": row.enrolment.edition.section,
                "edition": row.enrolment.edition.number,
                "policy": "Reseller Support & Qualification Policy",
            },
            "topics": [],
            "valid_from": str(row.enrolment.valid_from),
            "valid_until": row.enrolment.valid_until and str(row.enrolment.valid_until),
        }
    )
    private_claim = LazyFunction(lambda: {"calls": []})
    public_sha256 = LazyAttribute(lambda row: sha256(row.public_claim))
    private_sha256 = LazyAttribute(lambda row: sha256(row.private_claim))
    release_at = LazyFunction(now)


class ApprovalFactory(DjangoModelFactory[Approval]):
    """One of the channel team asks to revoke `certificate`."""

    class Meta:
        model = Approval

    class Params:
        certificate = SubFactory(CertificateFactory)

    kind = "revoke"
    subject = LazyAttribute(lambda row: f"certificate:{row.certificate.pk}")
    words = LazyAttribute(
        lambda row: {"certificate": row.certificate.pk, "reason": "other"}
    )
    asked_by = SubFactory(UserFactory, is_staff=True)


class DesignSampleFactory(DjangoModelFactory[DesignSample]):
    """A PDF sample of the design in force that is not made yet."""

    class Meta:
        model = DesignSample

    asked_by = SubFactory(UserFactory)
    design = LazyFunction(current_design)


class AuditPackFactory(DjangoModelFactory[AuditPack]):
    """A pack of one company that is not made yet."""

    class Meta:
        model = AuditPack

    asked_by = SubFactory(UserFactory)
    day = LazyFunction(lambda: now().date())
    top = SubFactory(ResellerFactory)
    resellers = LazyAttribute(lambda pack: [pack.top.pk])


def first_design() -> DesignRevision:
    """The design that has no choices of its own; one row, for all."""
    return DesignRevision.objects.get_or_create(
        sha256="0" * 64, defaults={"facts": {}}
    )[0]


class StatementFactory(DjangoModelFactory[Statement]):
    """A statement of no programme, whose file is not made yet."""

    class Meta:
        model = Statement

    reseller = SubFactory(ResellerFactory)
    serial = LazyFunction(new_serial)
    asked_by = SubFactory(UserFactory)
    asked_at = LazyFunction(lambda: now().replace(microsecond=0))
    day = LazyAttribute(lambda row: row.asked_at.date())
    design = LazyFunction(first_design)

    @factory.lazy_attribute
    def claim(self: Any) -> dict[str, Any]:
        return {
            "version": 1,
            "kind": "standing",
            "language": "en-gb",
            "serial": self.serial,
            "issuer": "ByteKast",
            "policy": "Reseller Support & Qualification Policy",
            "reseller": self.reseller.name,
            "companies": 1,
            "day": self.day.isoformat(),
            "asked_at": self.asked_at.isoformat(),
            "programmes": [],
        }

    sha256 = LazyAttribute(lambda row: hashlib.sha256(canonical(row.claim)).hexdigest())
