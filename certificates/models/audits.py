"""Packs that answer who was qualified on a day: asked for, made, fetched, removed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.timezone import now

from certificates.models.designs import private_storage
from lms.people.models import Reseller, User

if TYPE_CHECKING:
    from lms.people.access import Access

KEPT_FOR = timedelta(days=1)


class AuditPackQuerySet(models.QuerySet["AuditPack"]):
    def visible_to(self, access: Access) -> AuditPackQuerySet:
        """One's own alone: nobody else, staff neither, opens what another asked for."""
        return self.filter(asked_by=access.user)


class AuditPack(models.Model):
    """A question about a day, and the file that answers it, for a day.

    `resellers` are the keys of all companies in its scope, `top` the one they belong
    to; None is all companies. `beat_at` is when its maker last gave a sign of life.
    """

    key = models.UUIDField(default=uuid4, unique=True, editable=False)
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(default=now)
    day = models.DateField()
    top = models.ForeignKey(
        Reseller, null=True, on_delete=models.PROTECT, related_name="+"
    )
    resellers = models.JSONField(default=list)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    beat_at = models.DateTimeField(null=True)
    trouble = models.CharField(max_length=200, blank=True)
    made_at = models.DateTimeField(null=True)
    file = models.FileField(storage=private_storage, blank=True, max_length=200)
    sha256 = models.CharField(max_length=64, blank=True)

    objects = AuditPackQuerySet.as_manager()
    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["-asked_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(made_at=None, sha256="")
                | (Q(made_at__isnull=False) & ~Q(sha256="")),
                name="audit_pack_made_has_hash",
            )
        ]

    def __str__(self) -> str:
        return str(self.key)

    def get_absolute_url(self) -> str:
        return reverse("certificates:audit", args=[self.key])

    @property
    def is_there(self) -> bool:
        """Whether its file can be fetched: made, and its day is not over."""
        return self.made_at is not None and bool(self.file) and not self.is_over

    @property
    def is_over(self) -> bool:
        return (self.made_at or self.asked_at) + KEPT_FOR <= now()
