"""Calls that are booked or proposed, and what they cover."""

from __future__ import annotations

import secrets
import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from courses.models import Enrolment, TopicPage
from lms.constraints import AppendOnly, NoOverlap
from lms.people.models import User
from sessions.models.trainers import RoomKind, Trainer

if TYPE_CHECKING:
    from lms.people.access import Access


class BookingState(models.TextChoices):
    """What has become of a slot that was taken."""

    PROPOSED = "proposed", _("Proposed")
    BOOKED = "booked", _("Booked")
    CANCELLED = "cancelled", _("Cancelled")
    DONE = "done", _("Done")
    MISSED = "missed", _("Missed")


OTHERS_SIGN_AFTER = timedelta(hours=72)  # that nobody has signed a call off
LIVE_STATES = [BookingState.PROPOSED, BookingState.BOOKED, BookingState.DONE]


class Origin(models.TextChoices):
    """Which side scheduled the call."""

    TRAINEE = "trainee", _("The trainee")
    TRAINER = "trainer", _("The trainer")


class Cause(models.TextChoices):
    """Why a call was called off: some of it never counts as late."""

    PLANS = "plans", _("Something came up")
    ILLNESS = "illness", _("Illness")
    CONNECTION = "connection", _("No working connection")
    BYTEKAST = "bytekast", _("ByteKast’s side")
    OTHER = "other", _("Something else")


NEVER_LATE = [Cause.ILLNESS, Cause.CONNECTION, Cause.BYTEKAST]


def _seen_by(access: Access) -> Q:
    return (
        Q(trainee=access.user)
        | Q(trainer__user=access.user)
        | Q(enrolment__member__reseller__in=access.managed_resellers)
    )


def _left_unsigned() -> Q:
    over = now() - OTHERS_SIGN_AFTER
    return Q(state=BookingState.BOOKED, ends_at__lte=over)


class BookingQuerySet(models.QuerySet["Booking"]):
    def visible_to(self, access: Access) -> BookingQuerySet:
        """One's own, as trainee or trainer; a manager's people's; all, for staff."""
        return self if access.is_staff else self.filter(_seen_by(access))

    def left_unsigned(self) -> BookingQuerySet:
        """Over for three days, and nobody has said what they covered."""
        return self.filter(_left_unsigned())

    def to_sign_by(self, access: Access) -> BookingQuerySet:
        """Whose sign-off one may open: what one sees, and what one signed off oneself.

        For trainers also what is left unsigned in their programmes.
        """
        if access.is_staff:
            return self
        mine = _seen_by(access) | Q(signed_off_by=access.user)
        if access.is_trainer:
            own = access.user.trainer.programmes.values("pk")
            is_own = Q(enrolment__programme__in=own) & ~Q(trainee=access.user)
            mine |= _left_unsigned() & is_own
        return self.filter(mine)

    def live(self) -> BookingQuerySet:
        """What takes up somebody's time: proposed, booked or done."""
        return self.filter(state__in=LIVE_STATES)

    def blocking(self) -> BookingQuerySet:
        """Live, without proposals that nobody answered in time."""
        return self.filter(
            Q(proposed_until=None) | Q(proposed_until__gt=now()),  # proposals have one
            state__in=LIVE_STATES,
        )

    def agreed(self) -> BookingQuerySet:
        """Calls of two people: no proposal, be it open, declined or run out.

        A proposal that was never taken keeps sequence 0: no calendar file told of it.
        """
        return self.exclude(state=BookingState.PROPOSED).exclude(
            state=BookingState.CANCELLED, offer__isnull=False, sequence=0
        )

    def coming(self, at: datetime | None = None) -> BookingQuerySet:
        """Booked and not over yet (its room is still open)."""
        over = (at or now()) - settings.ROOM_CLOSES_AFTER
        return self.filter(state=BookingState.BOOKED, ends_at__gt=over)

    def for_agenda(self) -> BookingQuerySet:
        """Load all that one line of an agenda shows, in two queries."""
        return self.select_related(
            "trainee",
            "trainer__user",
            "ended_by",
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
        Trainer,
        on_delete=models.PROTECT,
        related_name="bookings",
        db_index=False,  # by (trainer, busy_until), which finds what is not over too
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
    offer = models.UUIDField(
        null=True, db_index=True, help_text="Proposals made together share it."
    )
    replaces = models.ForeignKey(
        "self",
        null=True,
        on_delete=models.PROTECT,
        related_name="earlier_offers",
        help_text="Of a proposal of an earlier time: the booked call it would move.",
    )
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
    cause = models.CharField(max_length=10, choices=Cause.choices, blank=True)
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
    room_kind = models.CharField(
        max_length=10,
        choices=RoomKind.choices,
        blank=True,
        default="",
        db_default="",
        help_text="Where this call is held; empty: where its trainer holds calls.",
    )
    room_url = models.URLField(
        max_length=500,
        blank=True,
        default="",
        db_default="",
        help_text="The outside link of this call alone; empty: the trainer's.",
    )
    guest_name = models.CharField(
        max_length=120,
        blank=True,
        default="",
        db_default="",
        help_text="Of a third person, such as an interpreter.",
    )
    guest_role = models.CharField(max_length=120, blank=True, default="", db_default="")
    trainee_joined_at = models.DateTimeField(null=True)
    trainer_joined_at = models.DateTimeField(null=True)
    trainee_linked_at = models.DateTimeField(
        null=True, help_text="When they last went on to the outside link."
    )
    trainer_linked_at = models.DateTimeField(null=True)
    signed_off_at = models.DateTimeField(null=True)
    signed_off_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+"
    )

    objects = BookingQuerySet.as_manager()
    wagtail_reference_index_ignore = True
    log_about = "trainee_id"

    class Meta:
        ordering = ["starts_at", "pk"]
        indexes = [
            models.Index(fields=["trainer", "busy_until"]),
            models.Index(fields=["trainee", "ends_at"]),
            models.Index(fields=["enrolment", "state"]),
            models.Index(  # the clock asks for them each twenty seconds
                fields=["ends_at"],
                name="booking_open",
                condition=Q(state__in=[BookingState.PROPOSED, BookingState.BOOKED]),
            ),
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
                    "cause",
                    "late",
                    "missed_by",
                    "sequence",
                    "room_kind",
                    "room_url",
                    "guest_name",
                    "guest_role",
                    "trainee_joined_at",
                    "trainer_joined_at",
                    "trainee_linked_at",
                    "trainer_linked_at",
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
    def is_changed(self) -> bool:
        """Whether a call has been moved or handed over since it was booked."""
        return self.sequence > (1 if self.offer else 0)  # taking an offer counts too

    @property
    def on_time_until(self) -> datetime:
        """Until when it can be called off or moved without counting as late."""
        return self.starts_at - self.enrolment.programme.cancel_limit

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


class DisputeQuerySet(models.QuerySet["Dispute"]):
    def visible_to(self, access: Access) -> DisputeQuerySet:
        """One's own; all, for staff, who settle them."""
        return self if access.is_staff else self.filter(by=access.user)


class Dispute(models.Model):
    """ "That is not what happened": somebody's word against a missed call."""

    booking = models.OneToOneField(
        Booking, on_delete=models.PROTECT, related_name="dispute"
    )
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    text = models.CharField(max_length=1000)
    created_at = models.DateTimeField(default=now)
    settled_at = models.DateTimeField(null=True)
    settled_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+"
    )
    answer = models.CharField(max_length=1000, blank=True)

    objects = DisputeQuerySet.as_manager()
    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["created_at", "pk"]

    def __str__(self) -> str:
        return f"Dispute of {self.booking}"
