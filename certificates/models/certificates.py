"""Certificates: frozen facts, a file stored under its hash, and how they end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from certificates.models.designs import DesignRevision, private_storage
from courses.models import Enrolment
from lms.constraints import AppendOnly
from lms.people.models import User

if TYPE_CHECKING:
    from lms.people.access import Access


class CertificateState(models.TextChoices):
    """How far the file is; the claim is whole from the start."""

    PENDING = "pending", _("Being prepared")
    WAITING = "waiting", _("Waiting for letters")
    READY = "ready", _("Ready")


class End(models.TextChoices):
    """Why a certificate no longer stands."""

    UNDONE = "undone", _("Undone")
    WITHDRAWN = "withdrawn", _("Withdrawn: issued in error by us")
    REVOKED = "revoked", _("Revoked")
    REPLACED = "replaced", _("Replaced")


class CertificateQuerySet(models.QuerySet["Certificate"]):
    def visible_to(self, access: Access) -> CertificateQuerySet:
        """One's own; a manager's people's; all, for staff."""
        if access.is_staff:
            return self
        return self.filter(
            Q(enrolment__member__user=access.user)
            | Q(enrolment__member__reseller__in=access.managed_resellers)
        )

    def of_people(self, access: Access) -> CertificateQuerySet:
        """A manager's people's, the manager among them; all, for staff."""
        if access.is_staff:
            return self
        return self.filter(enrolment__member__reseller__in=access.managed_resellers)

    def released(self) -> CertificateQuerySet:
        """What may be shown: past the time for undoing, and never undone."""
        return self.filter(release_at__lte=now()).exclude(ended_as=End.UNDONE)

    def standing(self) -> CertificateQuerySet:
        """Not ended."""
        return self.filter(ended_as="")

    def ready(self) -> CertificateQuerySet:
        """With a file: made, and not withdrawn by an erasure."""
        return self.filter(state=CertificateState.READY).exclude(pdf="")


class Certificate(models.Model):
    """The proof of a completed enrolment. Never changes, but by erasure.

    `credential` is the Open Badges credential inside the file, `status_index` its
    random place in the status lists. `trouble` tells staff why there is no file yet.
    After an erasure both claims are empty, and the hashes of them stay.
    """

    enrolment = models.ForeignKey(
        Enrolment, on_delete=models.PROTECT, related_name="certificates"
    )
    serial = models.CharField(max_length=13, unique=True)
    public_claim = models.JSONField(default=dict)
    private_claim = models.JSONField(default=dict)
    public_sha256 = models.CharField(max_length=64)
    private_sha256 = models.CharField(max_length=64)
    design = models.ForeignKey(
        DesignRevision, null=True, on_delete=models.PROTECT, related_name="+"
    )
    status_index = models.PositiveIntegerField(null=True, unique=True)
    issued_at = models.DateTimeField(default=now)
    release_at = models.DateTimeField()
    state = models.CharField(
        max_length=10,
        choices=CertificateState.choices,
        default=CertificateState.PENDING,
    )
    missing_letters = models.CharField(max_length=200, blank=True)
    trouble = models.CharField(max_length=200, blank=True)
    credential = models.JSONField(default=dict)
    pdf = models.FileField(storage=private_storage, blank=True, max_length=200)
    pdf_sha256 = models.CharField(max_length=64, blank=True)
    ready_at = models.DateTimeField(null=True)
    is_name_hidden = models.BooleanField(default=False)
    erased_at = models.DateTimeField(null=True)
    ended_as = models.CharField(max_length=10, choices=End.choices, blank=True)
    ended_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+"
    )
    ended_why = models.CharField(max_length=200, blank=True)
    supersedes = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="superseded_by"
    )

    objects = CertificateQuerySet.as_manager()
    wagtail_reference_index_ignore = True
    log_about = "enrolment.member.user_id"

    class Meta:
        ordering = ["-issued_at", "-pk"]
        indexes = [
            models.Index(
                fields=["status_index"],
                condition=~Q(ended_as=""),
                name="certificate_ended_places",
            ),
            models.Index(
                fields=["issued_at"],
                condition=~Q(state=CertificateState.READY) & Q(ended_as=""),
                name="certificate_to_make",
            ),
            models.Index(
                fields=["release_at"],
                condition=Q(supersedes__isnull=False) & Q(ended_as=""),
                name="certificate_superseding",
            ),
            models.Index(  # whose a file is that somebody holds
                fields=["pdf_sha256"],
                condition=~Q(pdf_sha256=""),
                name="certificate_of_file",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["enrolment"],
                condition=Q(ended_as=""),
                name="certificate_one_standing",
            ),
            models.UniqueConstraint(
                fields=["supersedes"],
                condition=Q(ended_as=""),
                name="certificate_one_successor",
            ),
            models.CheckConstraint(
                condition=(Q(state=CertificateState.READY) & ~Q(pdf_sha256=""))
                | (~Q(state=CertificateState.READY) & Q(pdf_sha256="")),
                name="certificate_ready_has_file",
            ),
            models.CheckConstraint(
                condition=Q(ended_as="", ended_at=None)
                | (~Q(ended_as="") & Q(ended_at__isnull=False)),
                name="certificate_ended_at",
            ),
            models.CheckConstraint(
                condition=Q(erased_at=None) | Q(pdf=""),
                name="certificate_erased_has_no_file",
            ),
            AppendOnly(
                name="certificate_append_only",
                may_change=["state", "missing_letters", "trouble", "is_name_hidden"],
                may_clear=[
                    "public_claim",
                    "private_claim",
                    "credential",
                    "pdf",
                    "ended_why",
                ],
                write_once=[
                    "design",
                    "status_index",
                    "credential",
                    "erased_at",
                    "pdf",
                    "pdf_sha256",
                    "ready_at",
                    "ended_as",
                    "ended_at",
                    "ended_by",
                    "ended_why",
                ],
            ),
        ]

    def __str__(self) -> str:
        return self.serial

    def get_absolute_url(self) -> str:
        return reverse("certificates:certificate", args=[self.serial])

    @property
    def folder(self) -> str:
        """Where its file lies in the private storage."""
        return f"certificates/{self.serial}"
