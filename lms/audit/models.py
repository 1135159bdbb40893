"""The log: who did what to what, about whom, and the chain that holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.utils.timezone import now

from lms.constraints import AppendOnly

if TYPE_CHECKING:
    from lms.people.access import Access


class Link(models.Model):
    """A link of the chain: `content` is the digest over its events.

    `digest` is over the link itself and the digest of the one before.
    """

    number = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField(default=now)
    count = models.PositiveIntegerField()
    content = models.CharField(max_length=64, default="")
    digest = models.CharField(max_length=64)

    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["number"]
        constraints = [AppendOnly(name="link_append_only")]

    def __str__(self) -> str:
        return f"{self.number} {self.digest}"


# Of a certificate no page speaks until it is out, and of one undone before never.
NOT_TOLD = [
    "certificate_issued",
    "certificate_undone",
    "certificate_waits_for_letters",
    "certificate_waits_for_help",
]


class EventQuerySet(models.QuerySet["Event"]):
    def visible_to(self, access: Access) -> EventQuerySet:
        """What one did oneself, and what is about oneself; all, for staff."""
        if access.is_staff:
            return self
        return self.filter(Q(actor=access.user) | Q(about=access.user))

    def told(self) -> EventQuerySet:
        """What the people whom it is about may read of."""
        return self.exclude(verb__in=NOT_TOLD)


class Event(models.Model):
    """One line of the log: ids and field names only, never personal values.

    `link` is set once, by the clock. `address` and `agent` say from where the actor
    came: no part of the chain, so that an erasure can empty them. `system` names the
    process, of what was not done in a request.
    """

    at = models.DateTimeField(default=now, db_index=True)
    actor = models.ForeignKey(
        "people.User",
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )
    verb = models.CharField(max_length=60)
    target_type = models.CharField(max_length=60)
    target_id = models.CharField(max_length=60)
    about = models.ForeignKey(
        "people.User",
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )
    ids = models.JSONField(default=dict)
    system = models.CharField(max_length=30, blank=True)
    request = models.CharField(max_length=32, blank=True)
    address = models.GenericIPAddressField(null=True)
    agent = models.CharField(max_length=60, blank=True)
    link = models.ForeignKey(
        Link, null=True, on_delete=models.PROTECT, related_name="events"
    )

    objects = EventQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [
            models.Index(fields=["target_type", "target_id"]),
            models.Index(fields=["actor", "at"], name="event_actor"),
            models.Index(fields=["about", "at"], name="event_about"),
            models.Index(fields=["verb", "at"], name="event_verb"),
            models.Index(fields=["target_type", "at"], name="event_kind"),
        ]
        constraints = [
            AppendOnly(
                name="event_append_only",
                write_once=["link"],
                may_clear=["address", "agent"],
            )
        ]

    wagtail_reference_index_ignore = True

    def __str__(self) -> str:
        return f"{self.verb} {self.target_type} {self.target_id}"


class EventValuesQuerySet(models.QuerySet["EventValues"]):
    def visible_to(self, access: Access) -> EventValuesQuerySet:
        """What is about oneself; all, for staff."""
        return self if access.is_staff else self.filter(event__about=access.user)


class EventValues(models.Model):
    """What a personal field said before and after; an erasure empties both."""

    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="values")
    field = models.CharField(max_length=60)
    before = models.TextField(blank=True)
    after = models.TextField(blank=True)

    objects = EventValuesQuerySet.as_manager()
    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["pk"]
        constraints = [
            AppendOnly(name="event_values_append_only", may_clear=["before", "after"])
        ]

    def __str__(self) -> str:
        return f"{self.field} of event {self.event_id}"
