"""The outbox: a message is a row of the transaction that caused it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, Q
from django.utils.timezone import now

from lms.audit.whence import whence
from lms.constraints import NoOverlap

if TYPE_CHECKING:
    from lms.people.access import Access


# What the mail server says of an address that it will never take.
REFUSED_FOR_GOOD = ("SMTPRecipientsRefused",)


def cause() -> str:
    """The name of the request that runs, or that asked for the work that runs."""
    return whence().request


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
    kind = models.CharField(max_length=20, blank=True, help_text="Key of `kinds`.")
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
    request = models.CharField(
        max_length=32,
        blank=True,
        default=cause,
        db_default="",
        help_text="The request that caused it, as the logs name it.",
    )
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


class NoticeOffQuerySet(models.QuerySet["NoticeOff"]):
    def visible_to(self, access: Access) -> NoticeOffQuerySet:
        """One's own: nobody else reads what somebody does not want to hear of."""
        return self.filter(person=access.user)


class NoticeOff(models.Model):
    """A kind of mail that somebody turned off."""

    person = models.ForeignKey(
        "people.User", on_delete=models.PROTECT, related_name="notices_off"
    )
    kind = models.CharField(max_length=20)
    at = models.DateTimeField(default=now)

    objects = NoticeOffQuerySet.as_manager()
    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["kind"]
        constraints = [
            models.UniqueConstraint(fields=["person", "kind"], name="notice_off_once")
        ]

    def __str__(self) -> str:
        return f"{self.kind} off for {self.person_id}"


class NudgeQuerySet(models.QuerySet["Nudge"]):
    def visible_to(self, access: Access) -> NudgeQuerySet:
        """One's own; those of a manager's people, as such; all, for staff."""
        if access.is_staff:
            return self
        return self.filter(
            Q(person=access.user) | Q(member__reseller__in=access.managed_resellers)
        )


class Nudge(models.Model):
    """Somebody was asked to go on: at most once from `at` until `until_at`.

    `by` of None is the house itself. `member` is as what they were asked, `about` the
    keys of what it was about, as its kind has them.
    """

    person = models.ForeignKey(
        "people.User", on_delete=models.PROTECT, related_name="nudges"
    )
    member = models.ForeignKey(
        "people.Member", on_delete=models.PROTECT, related_name="nudges"
    )
    kind = models.CharField(max_length=20)
    by = models.ForeignKey(
        "people.User", null=True, on_delete=models.PROTECT, related_name="+"
    )
    about = models.JSONField(default=list)
    at = models.DateTimeField()
    until_at = models.DateTimeField()

    objects = NudgeQuerySet.as_manager()
    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["person", "until_at"], name="nudge_of_person")]
        constraints = [
            models.CheckConstraint(
                condition=Q(until_at__gt=F("at")), name="nudge_lasts"
            ),
            NoOverlap(
                name="nudge_one_at_a_time",
                owner="person",
                start="at",
                end="until_at",
                condition=Q(person__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"Nudge {self.pk}"

    @property
    def by_name(self) -> str:
        """Who asked, as the person knows them: a manager by name, else ByteKast."""
        if self.by is None or self.by.is_staff:
            return "ByteKast"
        return str(self.by)
