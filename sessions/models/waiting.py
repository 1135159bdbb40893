"""People who wait: for a time that suits them, or for an earlier one."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, Q
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from courses.models import Enrolment
from lms.mail.zones import zone_choices
from lms.people.models import User
from sessions.models.bookings import Booking
from sessions.models.trainers import Trainer

if TYPE_CHECKING:
    from lms.people.access import Access


class PartOfDay(models.TextChoices):
    """When in the day somebody could come, by their own clock."""

    MORNING = "morning", _("Morning, 6:00 to 12:00")
    AFTERNOON = "afternoon", _("Afternoon, 12:00 to 18:00")
    EVENING = "evening", _("Evening, 18:00 to 23:00")


class TimeRequestQuerySet(models.QuerySet["TimeRequest"]):
    def visible_to(self, access: Access) -> TimeRequestQuerySet:
        """One's own; those in one's programmes, as trainer; all, for staff."""
        if access.is_staff:
            return self
        mine = Q(enrolment__member__user=access.user)
        if access.is_trainer:
            mine |= Q(enrolment__programme__trainers__user=access.user)
        return self.filter(mine).distinct()

    def open(self) -> TimeRequestQuerySet:
        """Those nobody has answered yet."""
        return self.filter(closed_at=None)


class TimeRequest(models.Model):
    """No free time suits: what would. Answered by a proposal (or by booking)."""

    enrolment = models.ForeignKey(
        Enrolment, on_delete=models.PROTECT, related_name="time_requests"
    )
    weekdays = models.JSONField(default=list, help_text="Monday is 0.")
    parts = models.JSONField(default=list, help_text="Of the day: see PartOfDay.")
    note = models.CharField(max_length=300, blank=True)
    time_zone = models.CharField(max_length=60, choices=zone_choices)
    asked_by = models.ForeignKey(
        User,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="A manager who asked for them; none: they did themselves.",
    )
    created_at = models.DateTimeField(default=now)
    closed_at = models.DateTimeField(null=True)

    objects = TimeRequestQuerySet.as_manager()
    wagtail_reference_index_ignore = True
    log_about = "enrolment.member.user_id"

    class Meta:
        ordering = ["created_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["enrolment"],
                condition=Q(closed_at=None),
                name="time_request_one_open",
            ),
        ]

    def __str__(self) -> str:
        return f"Time asked for, {self.created_at:%Y-%m-%d}"


class WaitingQuerySet(models.QuerySet["Waiting"]):
    def visible_to(self, access: Access) -> WaitingQuerySet:
        """Those for the calls that one may see."""
        return self.filter(booking__in=Booking.objects.visible_to(access))

    def open(self) -> WaitingQuerySet:
        """Those who still wait, the first in line first."""
        return self.filter(ended_at=None).order_by("created_at", "pk")


class Waiting(models.Model):
    """Somebody with a booked call would come earlier, should a time be freed."""

    booking = models.ForeignKey(
        Booking, on_delete=models.PROTECT, related_name="waitings"
    )
    created_at = models.DateTimeField(default=now)
    ended_at = models.DateTimeField(null=True)

    objects = WaitingQuerySet.as_manager()
    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["created_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["booking"],
                condition=Q(ended_at=None),
                name="waiting_once_per_call",
            ),
        ]

    def __str__(self) -> str:
        return f"Waiting for an earlier time than {self.booking}"


class FreedTime(models.Model):
    """A trainer's time that a call no longer takes, offered to who waits, in turn."""

    trainer = models.ForeignKey(
        Trainer, on_delete=models.PROTECT, related_name="freed_times"
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(help_text="The freed call's end.")
    offer = models.UUIDField(
        default=uuid.uuid4, unique=True, help_text="Of the proposals made of it."
    )
    created_at = models.DateTimeField(default=now)
    closed_at = models.DateTimeField(null=True)

    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["created_at", "pk"]
        indexes = [
            models.Index(
                fields=["starts_at"], name="freed_open", condition=Q(closed_at=None)
            )
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="freed_ends_after_start"
            ),
        ]

    def __str__(self) -> str:
        return f"Freed: {self.starts_at:%Y-%m-%d %H:%M}"
