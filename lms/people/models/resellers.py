"""Resellers as a tree, and the teams that the policy names."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, OuterRef, Q, Subquery
from django.utils.timezone import now
from treebeard.mp_tree import MP_Node, MP_NodeManager, MP_NodeQuerySet

from lms.constraints import AppendOnly

if TYPE_CHECKING:
    from lms.people.access import Access


class ResellerQuerySet(MP_NodeQuerySet):
    def visible_to(self, access: Access) -> ResellerQuerySet:
        """The managed subtree; all resellers, for staff."""
        if access.is_staff:
            return self
        return access.managed_resellers

    def below(self, top: Reseller) -> ResellerQuerySet:
        """The reseller itself and all its subsidiaries."""
        tree: ResellerQuerySet = self.filter(path__startswith=top.path)
        return tree

    def live(
        self, on: date | None = None, *, known_by: datetime | None = None
    ) -> ResellerQuerySet:
        """Approved and not ended on a day (today).

        With `known_by`, as its dates were recorded before that instant.
        """
        day = on or now().date()
        is_live = Q(ended_on=None) | Q(ended_on__gt=day), Q(approved_on__lte=day)
        if known_by is None:
            live: ResellerQuerySet = self.filter(*is_live)
            return live
        later = ResellerDates.objects.filter(
            reseller=OuterRef("pk"), until_at__gte=known_by
        )
        then: ResellerQuerySet = self.alias(
            dates_then=Subquery(later.order_by("until_at", "pk").values("pk")[:1])
        ).filter(
            Q(*is_live, dates_then=None)
            | Q(dates_then__in=ResellerDates.objects.filter(*is_live).values("pk"))
        )
        return then


class ResellerManager(MP_NodeManager.from_queryset(ResellerQuerySet)):  # type: ignore[misc]  # django-stubs cannot see through from_queryset
    def get_queryset(self) -> ResellerQuerySet:
        resellers: ResellerQuerySet = ResellerQuerySet(self.model).order_by("path")
        return resellers


class Reseller(MP_Node):
    """An approved reseller, or a subsidiary of one."""

    name = models.CharField(max_length=120, unique=True)
    approved_on = models.DateField(default=date.today)
    ended_on = models.DateField(null=True, blank=True)

    objects = ResellerManager()
    wagtail_reference_index_ignore = True

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ended_on=None) | Q(ended_on__gte=F("approved_on")),
                name="reseller_ends_after_approval",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_live(self) -> bool:
        """Approved and not ended, today."""
        today = now().date()
        ended = self.ended_on is not None and self.ended_on <= today
        return self.approved_on <= today and not ended


class ResellerDates(models.Model):
    """What a reseller's dates said before they were changed, and until when."""

    reseller = models.ForeignKey(
        Reseller, on_delete=models.PROTECT, related_name="earlier_dates"
    )
    approved_on = models.DateField()
    ended_on = models.DateField(null=True)
    until_at = models.DateTimeField(default=now)

    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["until_at", "pk"]
        constraints = [AppendOnly(name="reseller_dates_append_only")]

    def __str__(self) -> str:
        return f"{self.reseller} until {self.until_at}"


class Team(models.Model):
    """What the policy names as an audience: Support, Analysts, ..."""

    name = models.CharField(max_length=80, unique=True)
    slug = models.SlugField(max_length=80, unique=True)
    order = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["order", "name"]

    def __str__(self) -> str:
        return self.name
