"""The outbox: a message is a row of the transaction that caused it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, Q
from django.utils.timezone import now

if TYPE_CHECKING:
    from lms.people.access import Access


class MessageQuerySet(models.QuerySet["Message"]):
    def due(self, at: datetime) -> MessageQuerySet:
        """What waits to be sent at the instant `at`."""
        return self.filter(
            Q(expires_at=None) | Q(expires_at__gt=at),
            sent_at=None,
            dropped_at=None,
            send_after__lte=at,
        )

    def visible_to(self, access: Access) -> MessageQuerySet:
        """One's own: what was written to somebody is theirs alone."""
        return self.filter(recipient=access.user)


class Message(models.Model):
    """One mail to one person, sent once: its key says for what."""

    key = models.CharField(max_length=200, unique=True)
    recipient = models.ForeignKey(
        "people.User", null=True, on_delete=models.PROTECT, related_name="messages"
    )
    to = models.EmailField()
    subject = models.CharField(max_length=200)
    body = models.TextField()
    attachments = models.JSONField(
        default=list, help_text="Of each file: name, type, text."
    )
    is_secret = models.BooleanField(
        default=False,
        help_text="Holds a link that opens by itself: forgotten once sent.",
    )
    writer = models.CharField(
        max_length=40,
        blank=True,
        help_text="Who writes it as it leaves; empty: it is written.",
    )
    created_at = models.DateTimeField(default=now)
    send_after = models.DateTimeField(default=now)
    expires_at = models.DateTimeField(
        null=True, help_text="From then on it is of no use, and stays unsent."
    )
    sent_at = models.DateTimeField(null=True)
    dropped_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=200, blank=True)

    objects = MessageQuerySet.as_manager()
    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["created_at", "pk"]
        indexes = [
            models.Index(
                F("send_after"),
                name="message_due",
                condition=Q(sent_at=None, dropped_at=None),
            )
        ]

    def __str__(self) -> str:
        return self.key
