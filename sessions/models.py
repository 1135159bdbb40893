"""Trainers, and the calls that are booked with them."""

from __future__ import annotations

import secrets
import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _
from schedule.models import Calendar

from courses.models import Enrolment, ProgrammePage, TopicPage
from lms.constraints import AppendOnly, NoOverlap
from lms.mail.zones import zone_choices
from lms.people.models import User

if TYPE_CHECKING:
    from lms.people.access import Access


class RoomKind(models.TextChoices):
    """Where a trainer holds calls."""

    LINK = "link", _("An outside link (Zoom, Teams, Meet)")


class TrainerQuerySet(models.QuerySet["Trainer"]):
    def visible_to(self, access: Access) -> TrainerQuerySet:
        """Oneself, and whom one has or had a call with; all, for staff."""
        if access.is_staff:
            return self
        calls = Booking.objects.filter(trainee=access.user)
        return self.filter(Q(user=access.user) | Q(pk__in=calls.values("trainer")))


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
        max_length=10, choices=RoomKind.choices, default=RoomKind.LINK
    )
    room_url = models.URLField(
        _("link to the room"),
        blank=True,
        max_length=500,
        help_text=_("An https address. People reach it through their call's page."),
    )
    is_active = models.BooleanField(default=True)

    objects = TrainerQuerySet.as_manager()
    wagtail_reference_index_ignore = True

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


class BookingState(models.TextChoices):
    """What has become of a slot that was taken."""

    PROPOSED = "proposed", _("Proposed")
    BOOKED = "booked", _("Booked")
    CANCELLED = "cancelled", _("Cancelled")
    DONE = "done", _("Done")
    MISSED = "missed", _("Missed")


LIVE_STATES = [BookingState.PROPOSED, BookingState.BOOKED, BookingState.DONE]


class Origin(models.TextChoices):
    """Which side scheduled the call."""

    TRAINEE = "trainee", _("The trainee")
    TRAINER = "trainer", _("The trainer")


class BookingQuerySet(models.QuerySet["Booking"]):
    def visible_to(self, access: Access) -> BookingQuerySet:
        """One's own, as trainee or trainer; a manager's people's; all, for staff."""
        if access.is_staff:
            return self
        return self.filter(
            Q(trainee=access.user)
            | Q(trainer__user=access.user)
            | Q(enrolment__member__reseller__in=access.managed_resellers)
        )

    def live(self) -> BookingQuerySet:
        """What takes up somebody's time: proposed, booked or done."""
        return self.filter(state__in=LIVE_STATES)

    def coming(self, at: datetime | None = None) -> BookingQuerySet:
        """Booked and not over yet (its room is still open)."""
        over = (at or now()) - settings.ROOM_CLOSES_AFTER
        return self.filter(state=BookingState.BOOKED, ends_at__gt=over)

    def for_agenda(self) -> BookingQuerySet:
        """Load all that one line of an agenda shows, in two queries."""
        return self.select_related(
            "trainee",
            "trainer__user",
            "enrolment__member__reseller",
            "enrolment__edition",
        ).prefetch_related("topics")


def _new_ref() -> str:
    return secrets.token_urlsafe(9)


def _new_uid() -> str:
    return f"{uuid.uuid4()}@{settings.UID_HOST}"


class Booking(models.Model):
    """A slot taken: moved or cancelled, never deleted."""

    ref = models.CharField(max_length=16, unique=True, default=_new_ref)
    enrolment = models.ForeignKey(
        Enrolment, on_delete=models.PROTECT, related_name="bookings"
    )
    trainee = models.ForeignKey(User, on_delete=models.PROTECT, related_name="bookings")
    trainer = models.ForeignKey(
        Trainer, on_delete=models.PROTECT, related_name="bookings"
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    busy_until = models.DateTimeField(help_text="Its end and the trainer's rest.")
    state = models.CharField(
        max_length=10, choices=BookingState.choices, default=BookingState.BOOKED
    )
    origin = models.CharField(
        max_length=10, choices=Origin.choices, default=Origin.TRAINEE
    )
    offer = models.UUIDField(null=True, help_text="Proposals made together share it.")
    proposed_until = models.DateTimeField(null=True)
    request_key = models.UUIDField(unique=True, default=uuid.uuid4)
    created_at = models.DateTimeField(default=now)
    created_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+"
    )
    ended_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+"
    )
    reason = models.CharField(max_length=300, blank=True)
    late = models.BooleanField(default=False)
    missed_by = models.CharField(max_length=10, choices=Origin.choices, blank=True)
    uid = models.CharField(
        max_length=120,
        unique=True,
        default=_new_uid,
        help_text="Of its calendar files, for life.",
    )
    sequence = models.PositiveIntegerField(default=0)
    room_key = models.UUIDField(default=uuid.uuid4, unique=True)
    trainee_joined_at = models.DateTimeField(null=True)
    trainer_joined_at = models.DateTimeField(null=True)
    signed_off_at = models.DateTimeField(null=True)
    signed_off_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+"
    )

    objects = BookingQuerySet.as_manager()
    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["starts_at", "pk"]
        indexes = [
            models.Index(fields=["trainer", "busy_until"]),
            models.Index(fields=["trainee", "ends_at"]),
            models.Index(fields=["enrolment", "state"]),
        ]
        constraints = [
            NoOverlap(
                name="booking_trainer_no_overlap",
                owner="trainer",
                start="starts_at",
                end="busy_until",
                condition=Q(state__in=LIVE_STATES),
                violation_error_message=_("The trainer has another call then."),
            ),
            NoOverlap(
                name="booking_trainee_no_overlap",
                owner="trainee",
                start="starts_at",
                end="ends_at",
                condition=Q(state__in=LIVE_STATES),
                violation_error_message=_("You have another call then."),
            ),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at"))
                & Q(busy_until__gte=F("ends_at")),
                name="booking_ends_after_start",
            ),
            models.CheckConstraint(
                condition=Q(state=BookingState.PROPOSED, proposed_until__isnull=False)
                | (~Q(state=BookingState.PROPOSED) & Q(proposed_until=None)),
                name="booking_proposed_until",
            ),
            models.CheckConstraint(
                condition=Q(state=BookingState.MISSED) ^ Q(missed_by=""),
                name="booking_missed_by_somebody",
            ),
            AppendOnly(
                name="booking_never_deleted",
                may_change=[
                    "enrolment",
                    "trainer",
                    "starts_at",
                    "ends_at",
                    "busy_until",
                    "state",
                    "proposed_until",
                    "ended_at",
                    "ended_by",
                    "reason",
                    "late",
                    "missed_by",
                    "sequence",
                    "trainee_joined_at",
                    "trainer_joined_at",
                    "signed_off_at",
                    "signed_off_by",
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"Call {self.ref}"

    def get_absolute_url(self) -> str:
        return reverse("sessions:booking", args=[self.ref])

    def has_party(self, user: User) -> bool:
        """Whether somebody is one of the two."""
        return user.pk in (self.trainee_id, self.trainer.user_id)

    @property
    def opens_at(self) -> datetime:
        """When its room opens."""
        return self.starts_at - settings.ROOM_OPENS_BEFORE

    @property
    def closes_at(self) -> datetime:
        """When its room closes."""
        return self.ends_at + settings.ROOM_CLOSES_AFTER


class Outcome(models.TextChoices):
    """The trainer's word on one topic of a call."""

    PENDING = "pending", _("To sign off")
    COVERED = "covered", _("Covered")
    AGAIN = "again", _("Go over again")
    NOT_REACHED = "not_reached", _("Not reached")


class BookingTopicQuerySet(models.QuerySet["BookingTopic"]):
    def visible_to(self, access: Access) -> BookingTopicQuerySet:
        """Those of the calls that one may see."""
        return self.filter(booking__in=Booking.objects.visible_to(access))


class BookingTopic(models.Model):
    """A topic on the agenda of a call."""

    booking = models.ForeignKey(
        Booking, on_delete=models.PROTECT, related_name="topics"
    )
    topic = models.ForeignKey(
        TopicPage, on_delete=models.PROTECT, related_name="booking_topics"
    )
    title = models.CharField(max_length=255)
    minutes = models.PositiveSmallIntegerField()
    booked_for = models.ForeignKey(
        Enrolment,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The enrolment while the call is booked, so that one call has it.",
    )
    outcome = models.CharField(
        max_length=12, choices=Outcome.choices, default=Outcome.PENDING
    )
    criteria_met = models.JSONField(default=list, help_text="Sentences ticked.")
    note = models.TextField(blank=True, help_text="For the trainee.")
    private_note = models.TextField(blank=True)

    objects = BookingTopicQuerySet.as_manager()
    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["booking", "topic"], name="booking_topic_once"
            ),
            models.UniqueConstraint(
                fields=["booked_for", "topic"], name="booking_topic_one_booked_call"
            ),
            AppendOnly(
                name="booking_topic_never_deleted",
                may_change=[
                    "booked_for",
                    "outcome",
                    "criteria_met",
                    "note",
                    "private_note",
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.booking}: {self.title}"
