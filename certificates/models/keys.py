"""The public parts of our keys; the private ones are in the key folder alone."""

from __future__ import annotations

from django.db import models
from django.utils.timezone import now

from lms.constraints import AppendOnly


class PublicKey(models.Model):
    """A seal's certificates, its own first, or a badge key: kept for ever.

    What was signed with it stays verifiable after it is retired.
    """

    kind = models.CharField(
        max_length=10, choices=[("seal", "Seal"), ("badge", "Badge")]
    )
    fingerprint = models.CharField(max_length=64, unique=True)
    pem = models.TextField()
    made_at = models.DateTimeField(default=now)
    retired_at = models.DateTimeField(null=True)

    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["made_at", "pk"]
        constraints = [
            AppendOnly(name="public_key_append_only", write_once=["retired_at"])
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.fingerprint[:12]}"
