"""Why no file is being made just now, where the reason is none certificate's own."""

from __future__ import annotations

from django.db import models
from django.utils.timezone import now


class Standstill(models.Model):
    """One cause: a key out of reach, a full disk. Gone as soon as a file is made."""

    cause = models.CharField(max_length=20, unique=True)
    words = models.CharField(max_length=200)
    since = models.DateTimeField(default=now)
    tries = models.PositiveIntegerField(default=0)
    try_at = models.DateTimeField(default=now)

    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["since", "pk"]

    def __str__(self) -> str:
        return self.cause
