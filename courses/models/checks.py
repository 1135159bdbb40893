"""Attempts at a topic's check: the questions as shown, then the answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import (
    Count,
    F,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
)
from django.db.models.functions import Coalesce
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from courses.models.enrolments import Enrolment
from courses.models.pages import TopicPage
from lms.constraints import AppendOnly
from lms.people.models import User

if TYPE_CHECKING:
    from lms.people.access import Access


class AttemptKind(models.TextChoices):
    """A knowledge check counts, practice does not."""

    CHECK = "check", _("Check")
    PRACTICE = "practice", _("Practice")


class AttemptQuerySet(models.QuerySet["Attempt"]):
    def visible_to(self, access: Access) -> AttemptQuerySet:
        """One's own; all, for staff. Managers see what was passed, not the answers."""
        if access.is_staff:
            return self
        return self.filter(enrolment__member__user=access.user)

    def used_up(self) -> QuerySet[Any, Any]:
        """Checks without an attempt left: enrolment, topic, and the last one's `at`.

        Whether the check was passed is not asked here: its evidence says so.
        """
        given = (
            MoreAttempts.objects.filter(
                enrolment=OuterRef("enrolment"), topic=OuterRef("topic")
            )
            .order_by()
            .values("enrolment")
            .annotate(given=Sum("count"))
            .values("given")
        )
        return (
            self.filter(
                kind=AttemptKind.CHECK,
                submitted_at__isnull=False,
                topic__attempts_allowed__isnull=False,
            )
            .order_by()
            .values("enrolment", "topic")
            .annotate(
                used=Count("pk"),
                at=Max("submitted_at"),
                allowed=Max("topic__attempts_allowed"),  # of one topic: its own
            )
            .filter(used__gte=F("allowed") + Coalesce(Subquery(given), Value(0)))
        )


class Attempt(models.Model):
    """Questions as they were shown, then the answers: filled once."""

    enrolment = models.ForeignKey(
        Enrolment, on_delete=models.PROTECT, related_name="attempts"
    )
    topic = models.ForeignKey(
        TopicPage, on_delete=models.PROTECT, related_name="attempts"
    )
    kind = models.CharField(max_length=10, choices=AttemptKind.choices)
    started_at = models.DateTimeField(default=now)
    questions = models.JSONField()
    key = models.JSONField()
    order = models.JSONField(default=list)
    submitted_at = models.DateTimeField(null=True)
    answers = models.JSONField(null=True)
    score_percent = models.PositiveSmallIntegerField(null=True)
    passed = models.BooleanField(null=True)

    objects = AttemptQuerySet.as_manager()
    wagtail_reference_index_ignore = True
    log_about = "enrolment.member.user_id"

    class Meta:
        ordering = ["started_at", "pk"]
        indexes = [
            models.Index(
                fields=["enrolment", "topic", "kind"], name="attempt_of_topic"
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["enrolment", "topic", "kind"],
                condition=Q(submitted_at=None),
                name="attempt_one_open",
            ),
            models.CheckConstraint(
                condition=Q(submitted_at=None, answers=None, passed=None)
                | Q(submitted_at__isnull=False, passed__isnull=False),
                name="attempt_filled_whole",
            ),
            models.CheckConstraint(
                condition=Q(score_percent=None) | Q(score_percent__lte=100),
                name="attempt_score_percent",
            ),
            AppendOnly(
                name="attempt_append_only",
                write_once=["submitted_at", "answers", "score_percent", "passed"],
                may_clear=["answers"],  # at an erasure
            ),
        ]

    def __str__(self) -> str:
        return f"{self.enrolment}: {self.topic}, {self.kind}"


class MoreAttemptsQuerySet(models.QuerySet["MoreAttempts"]):
    def visible_to(self, access: Access) -> MoreAttemptsQuerySet:
        """As the attempts: one's own; all, for staff."""
        if access.is_staff:
            return self
        return self.filter(enrolment__member__user=access.user)


class MoreAttempts(models.Model):
    """New attempts at a check, given to somebody who has used theirs up."""

    enrolment = models.ForeignKey(
        Enrolment, on_delete=models.PROTECT, related_name="more_attempts"
    )
    topic = models.ForeignKey(TopicPage, on_delete=models.PROTECT, related_name="+")
    count = models.PositiveSmallIntegerField(
        default=1, validators=[MinValueValidator(1), MaxValueValidator(10)]
    )
    note = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField(default=now)
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")

    objects = MoreAttemptsQuerySet.as_manager()
    wagtail_reference_index_ignore = True
    log_about = "enrolment.member.user_id"

    class Meta:
        ordering = ["at", "pk"]
        verbose_name_plural = "more attempts"
        constraints = [AppendOnly(name="more_attempts_append_only", may_clear=["note"])]

    def __str__(self) -> str:
        return f"{self.enrolment}: {self.topic}, {self.count} more"
