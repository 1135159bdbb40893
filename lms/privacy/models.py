"""Who asked to be forgotten, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, Q
from django.utils.timezone import now

from lms.people.models import User

if TYPE_CHECKING:
    from lms.people.access import Access


class ErasureQuerySet(models.QuerySet["Erasure"]):
    def visible_to(self, access: Access) -> ErasureQuerySet:
        """One's own; all, for staff, who answer them."""
        return self if access.is_staff else self.filter(person=access.user)

    def open(self) -> ErasureQuerySet:
        """Those that people asked for and nobody has answered yet."""
        return self.filter(done_at=None, refused_at=None, is_ours=False)


class Erasure(models.Model):
    """A person's wish to be erased, or the end of the time for which we keep them."""

    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="erasures")
    asked_at = models.DateTimeField(default=now)
    is_ours = models.BooleanField(
        default=False, help_text="Nobody asked: the time is up."
    )
    done_at = models.DateTimeField(null=True)
    refused_at = models.DateTimeField(null=True)
    answered_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+"
    )
    why_refused = models.CharField(max_length=500, blank=True)

    objects = ErasureQuerySet.as_manager()
    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["asked_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["person"],
                condition=Q(refused_at=None),
                name="erasure_once",
            ),
            models.CheckConstraint(
                condition=Q(refused_at=None, why_refused="")
                | (Q(refused_at__isnull=False, done_at=None) & ~Q(why_refused="")),
                name="erasure_refused_with_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(answered_by=None) | ~Q(answered_by=F("person")),
                name="erasure_by_another",
            ),
        ]

    def __str__(self) -> str:
        return f"Erasure {self.pk}"
