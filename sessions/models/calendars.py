"""Calendars beside ours: the feed each person may read, a trainer's others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, Q
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from lms.people.models import Member, User
from sessions.models.trainers import Trainer

if TYPE_CHECKING:
    from lms.people.access import Access


class FeedQuerySet(models.QuerySet["Feed"]):
    def visible_to(self, access: Access) -> FeedQuerySet:
        """One's own alone: whoever has its address reads the calls."""
        return self.filter(user=access.user)


class Feed(models.Model):
    """The private address under which a person's calendar app reads their calls."""

    user = models.OneToOneField(
        User, on_delete=models.PROTECT, related_name="calendar_feed"
    )
    digest = models.CharField(
        max_length=64, unique=True, help_text="SHA-256 of the secret in its address."
    )
    created_at = models.DateTimeField(default=now)
    read_at = models.DateTimeField(null=True, help_text="By an app, to the hour.")

    objects = FeedQuerySet.as_manager()
    log_about = "user_id"
    wagtail_reference_index_ignore = True

    def __str__(self) -> str:
        return f"Feed of person {self.user_id}"


class TeamFeedQuerySet(models.QuerySet["TeamFeed"]):
    def visible_to(self, access: Access) -> TeamFeedQuerySet:
        """That of the membership one is here as, alone."""
        return self.filter(member=access.member)


class TeamFeed(models.Model):
    """The private address under which a manager's calendar app reads the team's calls.

    Of the membership and not of the login: it ends with the role.
    """

    member = models.OneToOneField(
        Member, on_delete=models.PROTECT, related_name="team_feed"
    )
    digest = models.CharField(
        max_length=64, unique=True, help_text="SHA-256 of the secret in its address."
    )
    created_at = models.DateTimeField(default=now)
    read_at = models.DateTimeField(null=True, help_text="By an app, to the hour.")

    objects = TeamFeedQuerySet.as_manager()
    wagtail_reference_index_ignore = True

    def __str__(self) -> str:
        return f"Team feed of member {self.member_id}"


class OutsideCalendarQuerySet(models.QuerySet["OutsideCalendar"]):
    def visible_to(self, access: Access) -> OutsideCalendarQuerySet:
        """The trainer's own alone: its address is as good as a key."""
        return self.filter(trainer__user=access.user)


class OutsideCalendar(models.Model):
    """An ICS address of a trainer's other calendar: busy times there block."""

    trainer = models.ForeignKey(
        Trainer, on_delete=models.CASCADE, related_name="outside_calendars"
    )
    name = models.CharField(_("name"), max_length=80)
    url = models.CharField(_("ICS address"), max_length=2000)
    etag = models.CharField(max_length=300, blank=True)
    modified = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField(default=now)
    tried_at = models.DateTimeField(null=True)
    read_at = models.DateTimeField(null=True, help_text="The last time it was right.")
    error = models.CharField(max_length=200, blank=True)

    objects = OutsideCalendarQuerySet.as_manager()
    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["trainer", "url"], name="outside_calendar_once"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class OutsideBusyQuerySet(models.QuerySet["OutsideBusy"]):
    def visible_to(self, access: Access) -> OutsideBusyQuerySet:
        """Of one's own calendars."""
        return self.filter(calendar__trainer__user=access.user)


class OutsideBusy(models.Model):
    """A time at which an outside calendar says busy; of what, we do not keep."""

    calendar = models.ForeignKey(
        OutsideCalendar, on_delete=models.CASCADE, related_name="busy"
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()

    objects = OutsideBusyQuerySet.as_manager()
    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["starts_at", "pk"]
        indexes = [models.Index(fields=["calendar", "ends_at"])]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="outside_busy_has_length"
            ),
        ]

    def __str__(self) -> str:
        return f"Busy: {self.starts_at:%Y-%m-%d %H:%M}"
