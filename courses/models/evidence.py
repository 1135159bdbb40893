"""What people have shown, and the topics that this completed."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from courses.models.enrolments import Enrolment, OfEnrolmentQuerySet
from courses.models.pages import TopicPage
from lms.constraints import AppendOnly
from lms.people.models import User


class EvidenceKind(models.TextChoices):
    """How a step of a topic was shown to be done."""

    READ = "read", _("Read")
    CHECK = "check", _("Check passed")
    CALL = "call", _("Covered in a call")
    EXEMPTION = "exemption", _("Exempt")


class Evidence(models.Model):
    """A step shown to be done. Only ever voided, and once."""

    enrolment = models.ForeignKey(
        Enrolment, on_delete=models.PROTECT, related_name="evidence"
    )
    topic = models.ForeignKey(
        TopicPage, on_delete=models.PROTECT, related_name="evidence"
    )
    kind = models.CharField(max_length=10, choices=EvidenceKind.choices)
    at = models.DateTimeField(default=now)
    by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    detail = models.JSONField(default=dict)
    carried_from = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="carried_to"
    )
    voided_at = models.DateTimeField(null=True)
    voided_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+"
    )
    voided_why = models.CharField(max_length=200, blank=True)

    objects = OfEnrolmentQuerySet["Evidence"].as_manager()
    wagtail_reference_index_ignore = True
    log_about = "enrolment.member.user_id"

    class Meta:
        ordering = ["at", "pk"]
        verbose_name_plural = "evidence"
        constraints = [
            models.UniqueConstraint(
                fields=["enrolment", "topic", "kind"],
                condition=Q(voided_at=None),
                name="evidence_once",
            ),
            AppendOnly(
                name="evidence_append_only",
                write_once=["voided_at", "voided_by", "voided_why"],
                may_clear=["detail", "voided_why"],  # at an erasure
            ),
        ]

    def __str__(self) -> str:
        return f"{self.enrolment}: {self.topic}, {self.kind}"


class TopicCompletion(models.Model):
    """A topic is complete: written when its evidence suffices."""

    enrolment = models.ForeignKey(
        Enrolment, on_delete=models.PROTECT, related_name="completions"
    )
    topic = models.ForeignKey(
        TopicPage, on_delete=models.PROTECT, related_name="completions"
    )
    at = models.DateTimeField(default=now)
    voided_at = models.DateTimeField(null=True)

    objects = OfEnrolmentQuerySet["TopicCompletion"].as_manager()
    wagtail_reference_index_ignore = True
    log_about = "enrolment.member.user_id"

    class Meta:
        ordering = ["at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["enrolment", "topic"],
                condition=Q(voided_at=None),
                name="completion_once",
            ),
            AppendOnly(name="completion_append_only", write_once=["voided_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.enrolment}: {self.topic}"
