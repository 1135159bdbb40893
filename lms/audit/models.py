"""The log: who did what to what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.utils.timezone import now

from lms.constraints import AppendOnly

if TYPE_CHECKING:
    from lms.people.access import Access


class EventQuerySet(models.QuerySet["Event"]):
    def visible_to(self, access: Access) -> EventQuerySet:
        """What one did oneself; all, for staff."""
        return self if access.is_staff else self.filter(actor=access.user)


class Event(models.Model):
    """One line of the log: ids and field names only, never personal values."""

    at = models.DateTimeField(default=now, db_index=True)
    actor = models.ForeignKey(
        "people.User", null=True, on_delete=models.PROTECT, related_name="+"
    )
    verb = models.CharField(max_length=60)
    target_type = models.CharField(max_length=60)
    target_id = models.CharField(max_length=60)
    ids = models.JSONField(default=dict)

    objects = EventQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["target_type", "target_id"])]
        constraints = [AppendOnly(name="event_append_only")]

    wagtail_reference_index_ignore = True

    def __str__(self) -> str:
        return f"{self.verb} {self.target_type} {self.target_id}"
