"""Who is in the room of a call, and what its two sides' pages tell each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Length
from django.db.models.lookups import LessThanOrEqual
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from lms.people.models import User
from sessions.models.bookings import Booking

if TYPE_CHECKING:
    from lms.people.access import Access

LONGEST_SIGNAL = 64 * 1024
LONGEST_MESSAGE = 2000


def of_two(user: User) -> Q:
    """That a record's call is one of somebody's own, as trainee or as trainer."""
    return Q(booking__trainee=user) | Q(booking__trainer__user=user)


class Route(models.TextChoices):
    """Which way picture and sound go; blank: not at all yet."""

    DIRECT = "direct", _("Directly")
    RELAY = "relay", _("By a relay")


class Ended(models.TextChoices):
    """How a stay in the room ended."""

    LEFT = "left", _("Left")
    REPLACED = "replaced", _("Went on in another tab")
    SILENT = "silent", _("Nothing was heard any more")
    CLOSED = "closed", _("The room was closed")


class PresenceQuerySet(models.QuerySet["Presence"]):
    def visible_to(self, access: Access) -> PresenceQuerySet:
        """Those in one's own calls, both sides'; all, for staff."""
        return self if access.is_staff else self.of_two(access.user)

    def of_two(self, user: User) -> PresenceQuerySet:
        """Those in calls of which somebody is one of the two."""
        return self.filter(of_two(user))

    def live(self) -> PresenceQuerySet:
        """Of who is in a room now, as far as is known."""
        return self.filter(left_at=None)


class Presence(models.Model):
    """One stay of one person, in one tab, in the room of a call."""

    booking = models.ForeignKey(
        Booking, on_delete=models.PROTECT, related_name="presences"
    )
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    tab = models.UUIDField(help_text="Made by the page: a reload is another.")
    sign_in = models.BigIntegerField(
        default=0,
        db_default=0,
        help_text="The key of the sign-in it came with; 0: of none known.",
    )
    joined_at = models.DateTimeField(default=now)
    seen_at = models.DateTimeField(
        default=now, help_text="When the tab was last heard of, to some seconds."
    )
    left_at = models.DateTimeField(null=True)
    ended = models.CharField(max_length=10, choices=Ended.choices, blank=True)
    microphone = models.BooleanField(default=False)
    camera = models.BooleanField(default=False)
    screen = models.BooleanField(default=False)
    audio_only = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Chose to do without pictures, in both directions.",
    )
    route = models.CharField(max_length=10, choices=Route.choices, blank=True)
    signals_seen = models.BigIntegerField(
        default=0, help_text="The last signal the tab has got."
    )
    told = models.BigIntegerField(
        default=0, help_text="How much it has told the other, in letters."
    )
    sampled_at = models.DateTimeField(
        null=True, help_text="When the connection's quality was last kept."
    )
    counted_from = models.DateTimeField(
        default=now, help_text="Since when its requests are counted."
    )
    counted = models.PositiveIntegerField(
        default=0, help_text="Its requests since, of each so many."
    )
    slow_until = models.DateTimeField(
        null=True, help_text="It asked too often: until then it is told to wait."
    )

    objects = PresenceQuerySet.as_manager()
    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["joined_at", "pk"]
        indexes = [
            models.Index(
                fields=["seen_at"], name="presence_live", condition=Q(left_at=None)
            )
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["booking", "user"],
                condition=Q(left_at=None),
                name="presence_one_live",
            ),
            models.CheckConstraint(
                condition=Q(left_at=None, ended="")
                | (
                    Q(left_at__isnull=False, left_at__gte=F("joined_at")) & ~Q(ended="")
                ),
                name="presence_left_somehow",
            ),
        ]

    def __str__(self) -> str:
        return f"Stay in {self.booking}"


class SignalQuerySet(models.QuerySet["Signal"]):
    def visible_to(self, access: Access) -> SignalQuerySet:
        """Those for one's own tabs."""
        return self.filter(to__user=access.user)


class Signal(models.Model):
    """What one tab tells the other to connect the two; gone after the call."""

    to = models.ForeignKey(Presence, on_delete=models.CASCADE, related_name="signals")
    by = models.ForeignKey(Presence, on_delete=models.CASCADE, related_name="+")
    key = models.UUIDField(help_text="Made by the page: sent again, it is kept once.")
    body = models.TextField(help_text="JSON.")
    at = models.DateTimeField(default=now)

    objects = SignalQuerySet.as_manager()
    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["by", "key"], name="signal_once"),
            models.CheckConstraint(
                condition=LessThanOrEqual(Length("body"), LONGEST_SIGNAL),
                name="signal_not_too_long",
            ),
        ]

    def __str__(self) -> str:
        return f"Signal {self.key}"


class CallMessageQuerySet(models.QuerySet["CallMessage"]):
    def visible_to(self, access: Access) -> CallMessageQuerySet:
        """Those one wrote, and those to oneself: nobody else's, staff or not."""
        return self.filter(Q(by=access.user) | Q(to=access.user))


class CallMessage(models.Model):
    """A line that one of the two wrote to the other in the room; kept with the call."""

    booking = models.ForeignKey(
        Booking, on_delete=models.PROTECT, related_name="messages"
    )
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    to = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    key = models.UUIDField(help_text="Made by the page: sent again, it is kept once.")
    text = models.TextField(max_length=LONGEST_MESSAGE)
    at = models.DateTimeField(default=now)

    objects = CallMessageQuerySet.as_manager()
    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["by", "key"], name="call_message_once"),
            models.CheckConstraint(
                condition=LessThanOrEqual(Length("text"), LONGEST_MESSAGE),
                name="call_message_not_too_long",
            ),
        ]

    def __str__(self) -> str:
        return f"Message in {self.booking}"


class QualitySampleQuerySet(models.QuerySet["QualitySample"]):
    def visible_to(self, access: Access) -> QualitySampleQuerySet:
        """Those of one's own calls, both sides'; all, for staff."""
        stays = Presence.objects.visible_to(access)
        return self if access.is_staff else self.filter(presence__in=stays)


class QualitySample(models.Model):
    """How well one side got the other in one minute, as its browser counted."""

    presence = models.ForeignKey(
        Presence, on_delete=models.CASCADE, related_name="samples"
    )
    at = models.DateTimeField(help_text="The minute it is of.")
    loss_percent = models.FloatField()
    round_trip_ms = models.PositiveIntegerField()
    bitrate_kbps = models.PositiveIntegerField()
    route = models.CharField(max_length=10, choices=Route.choices, blank=True)

    objects = QualitySampleQuerySet.as_manager()
    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["presence", "at"], name="quality_once_a_minute"
            ),
            models.CheckConstraint(
                condition=Q(loss_percent__gte=0, loss_percent__lte=100),
                name="quality_loss_is_a_share",
            ),
        ]

    def __str__(self) -> str:
        return f"Quality at {self.at:%H:%M}"
