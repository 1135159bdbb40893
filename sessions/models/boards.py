"""What is written during a call before it is signed off, and said of it afterwards."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from lms.people.models import User
from sessions.models.bookings import Booking, BookingTopic, Outcome

if TYPE_CHECKING:
    from lms.people.access import Access


class CallBoardQuerySet(models.QuerySet["CallBoard"]):
    def visible_to(self, access: Access) -> CallBoardQuerySet:
        """Those of one's own calls, as trainee or trainer; all, for staff."""
        if access.is_staff:
            return self
        return self.filter(
            Q(booking__trainee=access.user) | Q(booking__trainer__user=access.user)
        )


class CallBoard(models.Model):
    """What the two of a call share beside the video."""

    booking = models.OneToOneField(
        Booking, on_delete=models.PROTECT, related_name="board"
    )
    question = models.TextField(blank=True, help_text="What the trainee wants to ask.")
    version = models.PositiveIntegerField(
        default=0, help_text="Goes up when what the trainee sees of it changes."
    )

    objects = CallBoardQuerySet.as_manager()
    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"Board of {self.booking}"


class BoardTopicQuerySet(models.QuerySet["BoardTopic"]):
    def visible_to(self, access: Access) -> BoardTopicQuerySet:
        """Those of the calls that one holds; all, for staff, who may sign off too."""
        if access.is_staff:
            return self
        return self.filter(topic__booking__trainer__user=access.user)


class BoardTopic(models.Model):
    """A topic's words as they are typed: drafts, which nobody but the board reads.

    A row of its own, so that whatever reads the topics of calls (records, mail,
    downloads, states) never meets a word that was not said yet. The sign-off writes
    them there and deletes these; its undo brings them back.
    """

    topic = models.OneToOneField(
        BookingTopic, on_delete=models.PROTECT, related_name="draft"
    )
    outcome = models.CharField(
        max_length=12, choices=Outcome.choices, default=Outcome.PENDING
    )
    criteria_met = models.JSONField(default=list)
    note = models.TextField(blank=True)
    private_note = models.TextField(blank=True)
    version = models.UUIDField(default=uuid.uuid4, help_text="Another for each save.")
    writer = models.UUIDField(null=True, help_text="The page that saved it last.")
    number = models.PositiveIntegerField(default=0, help_text="Of that page's saves.")
    saved_at = models.DateTimeField(default=now)
    saved_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+"
    )

    objects = BoardTopicQuerySet.as_manager()
    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"Draft of {self.topic}"


class CallFeedbackQuerySet(models.QuerySet["CallFeedback"]):
    def visible_to(self, access: Access) -> CallFeedbackQuerySet:
        """One's own. Staff see numbers of at least five, never one by itself."""
        return self.filter(booking__trainee=access.user)


class CallFeedback(models.Model):
    """How a trainee found a call, and what they missed in it."""

    booking = models.OneToOneField(
        Booking, on_delete=models.PROTECT, related_name="feedback"
    )
    rating = models.PositiveSmallIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(5)],
        help_text=_("From 1, poor, to 5, very good."),
    )
    missing = models.TextField(blank=True, help_text="What was missing.")
    created_at = models.DateTimeField(default=now)

    objects = CallFeedbackQuerySet.as_manager()
    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(rating__gte=1, rating__lte=5),
                name="call_feedback_one_to_five",
            ),
        ]

    def __str__(self) -> str:
        return f"Feedback on {self.booking}"
