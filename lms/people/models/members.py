"""Who belongs to which reseller and team, from when until when."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, Q
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from lms.people.models.resellers import Reseller, Team
from lms.people.models.users import User

if TYPE_CHECKING:
    from lms.people.access import Access


class Engagement(models.TextChoices):
    """How a person belongs to the reseller, in the words of the policy's Scope."""

    EMPLOYEE = "employee", _("Employee")
    CONTRACTOR = "contractor", _("Contractor")
    CONSULTANT = "consultant", _("Consultant")
    RESELLER = "reseller", _("Reseller")
    TEMPORARY = "temporary", _("Temporary worker")
    OTHER = "other", _("Other worker")


def _known(field: str, by: datetime | None) -> Q:
    """Recorded before an instant; of None, whenever it was."""
    return Q() if by is None else Q(**{field: None}) | Q(**{f"{field}__lt": by})


def _not_known(field: str, by: datetime | None) -> Q:
    """Recorded only at an instant or after; of None, nothing."""
    return Q(pk=None) if by is None else Q(**{f"{field}__gte": by})


class MemberQuerySet(models.QuerySet["Member"]):
    def live(
        self, on: date | None = None, *, known_by: datetime | None = None
    ) -> MemberQuerySet:
        """Who belongs to their reseller on a day (today).

        With `known_by`, as it was recorded before that instant.
        """
        day = on or now().date()
        return self.filter(
            Q(left_on=None)
            | Q(left_on__gt=day)
            | _not_known("left_recorded_at", known_by),
            _known("recorded_at", known_by),
            joined_on__lte=day,
        )

    def visible_to(self, access: Access) -> MemberQuerySet:
        """One's own memberships; a manager's people; everybody, for staff."""
        if access.is_staff:
            return self
        return self.filter(
            Q(user=access.user) | Q(reseller__in=access.managed_resellers)
        )

    def away(self, on: date | None = None) -> MemberQuerySet:
        """Who is away on a day (today), the last day of it included."""
        day = on or now().date()
        return self.filter(away_from_on__lte=day, away_until_on__gte=day)

    def present(self, on: date | None = None) -> MemberQuerySet:
        """Who belongs to their reseller on a day (today) and is not away: to remind."""
        day = on or now().date()
        return self.live(day).exclude(away_from_on__lte=day, away_until_on__gte=day)

    def of_people(self, access: Access) -> MemberQuerySet:
        """A manager's people, to read; everybody, for staff."""
        if access.is_staff:
            return self
        return self.filter(reseller__in=access.managed_resellers)

    def managed_by(self, access: Access) -> MemberQuerySet:
        """A manager's people, whom they may change; everybody, for staff who may."""
        if access.may_change_people:
            return self
        return self.filter(reseller__in=access.managed_resellers)


class Member(models.Model):
    """A person in a reseller. Leavers stay as rows.

    `until_on` is a planned end, as `left_on` the first day no longer there, and
    `end_told_on` the one of which people were told. `recorded_at` and
    `left_recorded_at` are when we were told of joining and leaving; None, of old rows,
    counts as in time.
    """

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="memberships")
    reseller = models.ForeignKey(
        Reseller, on_delete=models.PROTECT, related_name="members"
    )
    engagement = models.CharField(
        max_length=20, choices=Engagement.choices, default=Engagement.EMPLOYEE
    )
    is_manager = models.BooleanField(
        default=False, help_text=_("Sees everyone of this reseller and below it.")
    )
    joined_on = models.DateField(default=date.today)
    until_on = models.DateField(null=True, blank=True, help_text=_("Planned end."))
    end_told_on = models.DateField(null=True, editable=False)
    left_on = models.DateField(null=True, blank=True)
    away_from_on = models.DateField(null=True, blank=True)
    away_until_on = models.DateField(null=True, blank=True)
    recorded_at = models.DateTimeField(default=now, null=True, editable=False)
    left_recorded_at = models.DateTimeField(null=True, editable=False)

    objects = MemberQuerySet.as_manager()
    wagtail_reference_index_ignore = True
    log_about = "user_id"

    class Meta:
        ordering = ["user__full_name", "pk"]
        indexes = [
            models.Index(
                fields=["until_on"],
                name="member_planned_end",
                condition=Q(until_on__isnull=False, left_on=None),
            )
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "reseller"],
                condition=Q(left_on=None),
                name="member_once_per_reseller",
                violation_error_message=_("This person already belongs here."),
            ),
            models.CheckConstraint(
                condition=Q(left_on=None) | Q(left_on__gte=F("joined_on")),
                name="member_leaves_after_joining",
            ),
            models.CheckConstraint(
                condition=Q(away_from_on=None, away_until_on=None)
                | Q(away_until_on__gte=F("away_from_on")),
                name="member_away_range",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} ({self.reseller})"

    @property
    def is_live(self) -> bool:
        return self.left_on is None or self.left_on > now().date()

    @property
    def email_here(self) -> str:
        """Their address while they belong here; after it, it is not for the company."""
        return self.user.email if self.is_live else ""

    @property
    def is_away(self) -> bool:
        """Whether they are away today."""
        return self.is_away_on(now().date())

    def is_away_on(self, day: date) -> bool:
        if self.away_from_on is None or self.away_until_on is None:
            return False
        return self.away_from_on <= day <= self.away_until_on


class TeamMembershipQuerySet(models.QuerySet["TeamMembership"]):
    def live(
        self, on: date | None = None, *, known_by: datetime | None = None
    ) -> TeamMembershipQuerySet:
        """Those that hold on a day (today).

        With `known_by`, as it was recorded before that instant.
        """
        day = on or now().date()
        return self.filter(
            Q(until_on=None)
            | Q(until_on__gt=day)
            | _not_known("until_recorded_at", known_by),
            _known("recorded_at", known_by),
            from_on__lte=day,
        )

    def visible_to(self, access: Access) -> TeamMembershipQuerySet:
        """Those of the members that one may see."""
        return self.filter(member__in=Member.objects.visible_to(access))


class TeamMembership(models.Model):
    """A member in a team from a day to a day: dated, never edited in place.

    `recorded_at` and `until_recorded_at` are when we were told of the one day and the
    other; None, of old rows, counts as in time.
    """

    member = models.ForeignKey(
        Member, on_delete=models.PROTECT, related_name="team_memberships"
    )
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="memberships")
    from_on = models.DateField(default=date.today)
    until_on = models.DateField(null=True, blank=True)
    recorded_at = models.DateTimeField(default=now, null=True, editable=False)
    until_recorded_at = models.DateTimeField(null=True, editable=False)

    objects = TeamMembershipQuerySet.as_manager()

    wagtail_reference_index_ignore = True
    log_about = "member.user_id"

    class Meta:
        ordering = ["from_on", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["member", "team"],
                condition=Q(until_on=None),
                name="team_membership_once",
            ),
            models.CheckConstraint(
                condition=Q(until_on=None) | Q(until_on__gte=F("from_on")),
                name="team_membership_range",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.member} in {self.team}"
