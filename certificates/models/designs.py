"""What a certificate looks like: the design that editors change, and each as it was."""

from __future__ import annotations

from django.core.files.storage import storages
from django.core.files.storage.base import Storage
from django.db import models
from django.utils.timezone import now

from lms.constraints import AppendOnly


def private_storage() -> Storage:
    return storages["private"]


class DesignRevision(models.Model):
    """A design as it was when certificates were issued in it: never changes.

    `facts` holds its texts, its colours and, by their hash, the names of its pictures
    in the private storage; `sha256` is the hash of the facts, so that each is kept once.
    """

    sha256 = models.CharField(max_length=64, unique=True)
    facts = models.JSONField()
    made_at = models.DateTimeField(default=now)

    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["pk"]
        constraints = [AppendOnly(name="design_revision_append_only")]

    def __str__(self) -> str:
        return f"{self.pk}: {self.sha256[:12]}"
