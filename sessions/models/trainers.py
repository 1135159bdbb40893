"""Who holds calls, and the rules of their calendar."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from schedule.models import Calendar

from courses.models import ProgrammePage
from lms.mail.zones import zone_choices
from lms.people.models import User

if TYPE_CHECKING:
    from lms.people.access import Access


class RoomKind(models.TextChoices):
    """Where calls are held."""

    ROOM = "room", _("The room on this site")
    LINK = "link", _("An outside link (Zoom, Teams, Meet)")


class TrainerQuerySet(models.QuerySet["Trainer"]):
    def visible_to(self, access: Access) -> TrainerQuerySet:
        """Oneself, and whom one has or had a call with; all, for staff."""
        if access.is_staff:
            return self
        met = self.model.objects.filter(bookings__trainee=access.user)
        return self.filter(Q(user=access.user) | Q(pk__in=met.values("pk")))


class Trainer(models.Model):
    """Somebody of ByteKast who holds calls, and the rules of their calendar."""

    user = models.OneToOneField(User, on_delete=models.PROTECT, related_name="trainer")
    time_zone = models.CharField(
        max_length=60, choices=zone_choices, default="Europe/London"
    )
    languages = models.JSONField(default=list, help_text="Codes, such as en.")
    programmes = models.ManyToManyField(
        ProgrammePage,
        blank=True,
        related_name="trainers",
        help_text=_("The programmes whose topics this trainer may sign off."),
    )
    rest_minutes = models.PositiveSmallIntegerField(
        _("rest after a call, in minutes"), default=10
    )
    notice_hours = models.PositiveSmallIntegerField(
        _("shortest notice, in hours"), default=24
    )
    horizon_days = models.PositiveSmallIntegerField(
        _("how far ahead, in days"), default=56
    )
    day_cap = models.PositiveSmallIntegerField(
        _("most calls a day"), null=True, blank=True
    )
    week_cap = models.PositiveSmallIntegerField(
        _("most calls a week"), null=True, blank=True
    )
    hours = models.OneToOneField(Calendar, on_delete=models.PROTECT, related_name="+")
    off = models.OneToOneField(Calendar, on_delete=models.PROTECT, related_name="+")
    extra = models.OneToOneField(Calendar, on_delete=models.PROTECT, related_name="+")
    room_kind = models.CharField(
        max_length=10, choices=RoomKind.choices, default=RoomKind.ROOM
    )
    room_url = models.URLField(
        _("outside link"),
        blank=True,
        max_length=500,
        help_text=_("An https address. People reach it through their call's page."),
    )
    is_active = models.BooleanField(default=True)

    objects = TrainerQuerySet.as_manager()
    wagtail_reference_index_ignore = True
    log_about = "user_id"

    class Meta:
        ordering = ["user__full_name", "pk"]

    def __str__(self) -> str:
        return str(self.user)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @property
    def rest(self) -> timedelta:
        return timedelta(minutes=self.rest_minutes)

    @property
    def notice(self) -> timedelta:
        return timedelta(hours=self.notice_hours)
