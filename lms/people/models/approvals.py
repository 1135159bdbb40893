"""What waits for a second person of the channel team."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, Q
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from lms.constraints import AppendOnly
from lms.people.models.users import User

if TYPE_CHECKING:
    from lms.people.access import Access


class ApprovalOutcome(models.TextChoices):
    """What became of a request for a second person."""

    GRANTED = "granted", _("Agreed, and done")
    DECLINED = "declined", _("Declined")
    TAKEN_BACK = "taken back", _("Taken back")


class ApprovalQuerySet(models.QuerySet["Approval"]):
    def visible_to(self, access: Access) -> ApprovalQuerySet:
        """All, for staff; nobody else knows of them."""
        return self if access.is_staff else self.none()

    def waiting(self) -> ApprovalQuerySet:
        """Neither decided nor taken back."""
        return self.filter(decided_at=None)


class Approval(models.Model):
    """One of the channel team asks for something that a second person decides.

    `words` are ids and choices, which the rule that does it reads (see `approving`).
    Decided once, by somebody else.
    """

    kind = models.CharField(max_length=40)
    subject = models.CharField(max_length=80)
    words = models.JSONField(default=dict)
    why = models.CharField(max_length=500, blank=True)
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(default=now)
    outcome = models.CharField(
        max_length=10, blank=True, choices=ApprovalOutcome.choices
    )
    decided_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(null=True)
    answer = models.CharField(max_length=500, blank=True)

    objects = ApprovalQuerySet.as_manager()
    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["-asked_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("asked_by")),
                name="approval_by_a_second_person",
            ),
            models.CheckConstraint(
                condition=Q(decided_at=None, decided_by=None, outcome="")
                | Q(
                    decided_at__isnull=False,
                    decided_by__isnull=False,
                    outcome__in=["granted", "declined"],
                )
                | Q(decided_at__isnull=False, decided_by=None, outcome="taken back"),
                name="approval_decided_whole",
            ),
            models.UniqueConstraint(
                fields=["kind", "subject"],
                condition=Q(decided_at=None),
                name="approval_one_waits",
            ),
            AppendOnly(
                name="approval_append_only",
                write_once=["outcome", "decided_by", "decided_at", "answer"],
                may_clear=["why", "answer"],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"
