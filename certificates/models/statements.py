"""Statements of where a company stands: what was claimed on a day, and its file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.timezone import now

from certificates.models.designs import DesignRevision, private_storage
from lms.constraints import AppendOnly
from lms.people.models import Reseller, User

if TYPE_CHECKING:
    from lms.people.access import Access


class StatementQuerySet(models.QuerySet["Statement"]):
    def visible_to(self, access: Access) -> StatementQuerySet:
        """Those of the companies one manages; all, for staff."""
        if access.is_staff:
            return self
        return self.filter(reseller__in=access.managed_resellers)

    def public(self) -> StatementQuerySet:
        """Those that somebody may have in hand: with a file."""
        return self.exclude(made_at=None)

    def unmade(self) -> StatementQuerySet:
        """Those that wait for their file."""
        return self.filter(made_at=None, withdrawn_at=None)


class Statement(models.Model):
    """Where a company stood on a day, to show to its customers. Never changes.

    The claim names no person. `done` steps of making its file, `beat_at` when its
    maker last gave a sign of life, and `trouble`, why there is no file yet, are all
    that moves; a statement that was wrong is withdrawn, once.
    """

    STEPS = 3

    serial = models.CharField(max_length=13, unique=True)
    reseller = models.ForeignKey(
        Reseller, on_delete=models.PROTECT, related_name="statements"
    )
    day = models.DateField()
    claim = models.JSONField()
    sha256 = models.CharField(max_length=64)
    design = models.ForeignKey(
        DesignRevision, on_delete=models.PROTECT, related_name="+"
    )
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(default=now)
    done = models.PositiveSmallIntegerField(default=0)
    beat_at = models.DateTimeField(null=True)
    trouble = models.CharField(max_length=200, blank=True)
    pdf = models.FileField(storage=private_storage, blank=True, max_length=200)
    pdf_sha256 = models.CharField(max_length=64, blank=True)
    made_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+"
    )

    objects = StatementQuerySet.as_manager()
    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["-asked_at", "-pk"]
        indexes = [
            models.Index(fields=["reseller", "asked_at"], name="statement_of_company"),
            models.Index(
                fields=["pdf_sha256"],
                condition=~Q(pdf_sha256=""),
                name="statement_by_file",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(made_at=None, pdf_sha256="", pdf="")
                | (Q(made_at__isnull=False) & ~Q(pdf_sha256="") & ~Q(pdf="")),
                name="statement_made_has_file",
            ),
            AppendOnly(
                name="statement_append_only",
                may_change=["done", "beat_at", "trouble"],
                write_once=[
                    "pdf",
                    "pdf_sha256",
                    "made_at",
                    "withdrawn_at",
                    "withdrawn_by",
                ],
            ),
        ]

    def __str__(self) -> str:
        return self.serial

    def get_absolute_url(self) -> str:
        return reverse("certificates:statement", args=[self.serial])

    @property
    def folder(self) -> str:
        """Where its file lies in the private storage."""
        return f"statements/{self.serial}"
