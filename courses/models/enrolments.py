"""Who is in which programme, once for each cycle, and who asked to be."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Self, TypeVar

from django.db import models
from django.db.models import Exists, OuterRef, Q, Subquery
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from courses.models.editions import Edition
from courses.models.pages import ProgrammePage
from lms.constraints import AppendOnly
from lms.people.models import Member, Reseller, User

if TYPE_CHECKING:
    from lms.people.access import Access


class Source(models.TextChoices):
    """Why somebody is in a programme."""

    TEAM = "team", _("Your team")
    MANAGER = "manager", _("Your manager")
    SELF = "self", _("You asked")
    STAFF = "staff", _("ByteKast")
    EDITION = "edition", _("The programme changed")
    RENEWAL = "renewal", _("Renewal")
    TRANSFER = "transfer", _("Carried over")


GOING_ON = [Source.EDITION, Source.RENEWAL, Source.TRANSFER]  # what a cycle had begun


def qualifying(day: date) -> Q:
    """What qualifies a member on a day, as known today; no certificate is asked.

    All that says who is qualified asks it, as this or as `qualified`.
    """
    return Q(
        Q(valid_until=None) | Q(valid_until__gt=day),
        Q(counts_until=None) | Q(counts_until__gt=day),
        valid_from__lte=day,
        completed_at__isnull=False,
        withdrawn_at=None,
        annulled_at=None,
    )


class EnrolmentQuerySet(models.QuerySet["Enrolment"]):
    def visible_to(self, access: Access) -> EnrolmentQuerySet:
        """One's own, in every reseller; a manager's people's; all, for staff."""
        if access.is_staff:
            return self
        return self.filter(
            Q(member__user=access.user)
            | Q(member__reseller__in=access.managed_resellers)
        )

    def of_people(self, access: Access) -> EnrolmentQuerySet:
        """Those of a manager's people, to read; all, for staff."""
        if access.is_staff:
            return self
        return self.filter(member__reseller__in=access.managed_resellers)

    def managed_by(self, access: Access) -> EnrolmentQuerySet:
        """Those of a manager's people, whom they may change; all, for staff who may."""
        if access.may_change_people:
            return self
        return self.filter(member__reseller__in=access.managed_resellers)

    def open(self) -> EnrolmentQuerySet:
        """Neither completed nor withdrawn nor annulled."""
        return self.filter(completed_at=None, withdrawn_at=None, annulled_at=None)

    def standing(self) -> EnrolmentQuerySet:
        """Neither withdrawn nor annulled: open or completed."""
        return self.filter(withdrawn_at=None, annulled_at=None)

    def from_source(self, source: Source) -> EnrolmentQuerySet:
        """Those whose member came by it, now or in the cycle from which they go on."""
        begun = (
            Enrolment.objects.filter(
                member=OuterRef("member"),
                programme=OuterRef("programme"),
                cycle__lt=OuterRef("cycle"),
            )
            .exclude(source__in=GOING_ON)
            .order_by("-cycle")
        )
        return self.alias(begun_by=Subquery(begun.values("source")[:1])).filter(
            Q(source=source) | Q(source__in=GOING_ON, begun_by=source)
        )

    def by_team(self) -> EnrolmentQuerySet:
        """Asked of them by a team, now or in the cycle from which they go on."""
        return self.from_source(Source.TEAM)

    def qualified(
        self, on: date | None = None, *, known_by: datetime | None = None
    ) -> EnrolmentQuerySet:
        """Those that qualify their member on a day (today).

        With `known_by`, as it was recorded before that instant: what was completed
        later does not count, and what was found wrong later does.
        """
        day = on or now().date()
        if known_by is None:
            return self.filter(qualifying(day))
        counts = Q(counts_until=None) | Q(counts_until__gt=day)
        valid = self.filter(
            Q(valid_until=None) | Q(valid_until__gt=day), valid_from__lte=day
        )
        return (
            valid.filter(completed_at__lt=known_by)
            .filter(Q(annulled_at=None) | Q(annulled_at__gte=known_by))
            .with_dates(known_by)
            .filter(
                (counts & Q(dates_then=None))
                | Q(dates_then__in=EnrolmentDates.objects.filter(counts).values("pk"))
            )
        )

    def with_dates(self, known_by: datetime) -> EnrolmentQuerySet:
        """With `dates_then`: the key of what its dates said then, None if as now."""
        later = EnrolmentDates.objects.filter(
            enrolment=OuterRef("pk"), until_at__gte=known_by
        )
        first = later.order_by("until_at", "pk").values("pk")[:1]
        return self.annotate(dates_then=Subquery(first))


class Enrolment(models.Model):
    """A member in a programme, once for each cycle."""

    member = models.ForeignKey(
        Member, on_delete=models.PROTECT, related_name="enrolments"
    )
    programme = models.ForeignKey(
        ProgrammePage, on_delete=models.PROTECT, related_name="enrolments"
    )
    edition = models.ForeignKey(
        Edition, on_delete=models.PROTECT, related_name="enrolments"
    )
    cycle = models.PositiveSmallIntegerField(default=1)
    source = models.CharField(max_length=10, choices=Source.choices)
    enrolled_at = models.DateTimeField(default=now)
    enrolled_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+"
    )
    due_on = models.DateField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    valid_from = models.DateField(null=True, blank=True)
    valid_until = models.DateField(null=True, blank=True)
    counts_until = models.DateField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    annulled_at = models.DateTimeField(null=True, blank=True)
    closed_why = models.CharField(max_length=200, blank=True)

    objects = EnrolmentQuerySet.as_manager()
    wagtail_reference_index_ignore = True
    log_about = "member.user_id"

    class Meta:
        ordering = ["programme", "cycle"]
        indexes = [
            models.Index(
                fields=["valid_until"],
                name="enrolment_expiring",
                condition=Q(completed_at__isnull=False, annulled_at=None),
            ),
            models.Index(  # the clock asks for the latest each twenty seconds
                fields=["withdrawn_at"],
                name="enrolment_withdrawn",
                condition=Q(withdrawn_at__isnull=False),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["member", "programme", "cycle"], name="enrolment_cycle"
            ),
            models.UniqueConstraint(
                fields=["member", "programme"],
                condition=Q(completed_at=None, withdrawn_at=None, annulled_at=None),
                name="enrolment_one_open",
            ),
            models.CheckConstraint(
                condition=Q(completed_at=None, valid_from=None)
                | Q(completed_at__isnull=False, valid_from__isnull=False),
                name="enrolment_valid_when_completed",
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_at=None) | Q(completed_at=None),
                name="enrolment_withdrawn_while_open",
            ),
            models.CheckConstraint(
                condition=Q(annulled_at=None) | Q(completed_at__isnull=False),
                name="enrolment_annulled_after_completion",
            ),
            AppendOnly(
                name="enrolment_append_only",
                may_change=["due_on", "counts_until", "closed_why"],
                write_once=[
                    "completed_at",
                    "valid_from",
                    "valid_until",
                    "withdrawn_at",
                    "annulled_at",
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.member}: {self.programme} ({self.cycle})"

    @property
    def is_open(self) -> bool:
        return not (self.completed_at or self.withdrawn_at or self.annulled_at)

    @property
    def is_overdue(self) -> bool:
        """Whether it is open past its due date: that day itself is still in time."""
        return self.is_open and self.due_on is not None and self.due_on < now().date()


class ProgrammeRequestQuerySet(models.QuerySet["ProgrammeRequest"]):
    def visible_to(self, access: Access) -> ProgrammeRequestQuerySet:
        """One's own; a manager's people's; all, for staff."""
        if access.is_staff:
            return self
        return self.filter(
            Q(member__user=access.user)
            | Q(member__reseller__in=access.managed_resellers)
        )

    def of_people(self, access: Access) -> ProgrammeRequestQuerySet:
        """What a manager's people ask, to read; all, for staff."""
        if access.is_staff:
            return self
        return self.filter(member__reseller__in=access.managed_resellers)

    def managed_by(self, access: Access) -> ProgrammeRequestQuerySet:
        """What one may answer: of a manager's people; all, for staff who may."""
        if access.may_change_people:
            return self
        return self.filter(member__reseller__in=access.managed_resellers)

    def open(self) -> ProgrammeRequestQuerySet:
        """Not answered, of people who are still there."""
        return self.filter(answered_at=None, member__in=Member.objects.live())


class ProgrammeRequest(models.Model):
    """A member asks to take a programme that is not asked of them."""

    member = models.ForeignKey(
        Member, on_delete=models.PROTECT, related_name="programme_requests"
    )
    programme = models.ForeignKey(
        ProgrammePage, on_delete=models.PROTECT, related_name="requests"
    )
    note = models.CharField(max_length=500, blank=True)
    asked_at = models.DateTimeField(default=now)
    answered_at = models.DateTimeField(null=True)
    answered_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+"
    )
    is_granted = models.BooleanField(null=True)
    answer = models.CharField(max_length=500, blank=True)

    objects = ProgrammeRequestQuerySet.as_manager()
    wagtail_reference_index_ignore = True
    log_about = "member.user_id"

    class Meta:
        ordering = ["asked_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["member", "programme"],
                condition=Q(answered_at=None),
                name="programme_request_one_open",
            ),
            models.CheckConstraint(
                condition=Q(answered_at=None, is_granted=None)
                | Q(answered_at__isnull=False, is_granted__isnull=False),
                name="programme_request_answered_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.member} asks for {self.programme}"


_OfEnrolment = TypeVar("_OfEnrolment", bound=models.Model)


class OfEnrolmentQuerySet(models.QuerySet[_OfEnrolment]):
    """Rows that belong to an enrolment: who sees the one sees the others."""

    def visible_to(self, access: Access) -> Self:
        return self.filter(enrolment__in=Enrolment.objects.visible_to(access))


class EnrolmentDates(models.Model):
    """What an enrolment's dates said before they were changed, and until when."""

    enrolment = models.ForeignKey(
        Enrolment, on_delete=models.PROTECT, related_name="earlier_dates"
    )
    due_on = models.DateField(null=True)
    counts_until = models.DateField(null=True)
    until_at = models.DateTimeField(default=now)

    objects = OfEnrolmentQuerySet["EnrolmentDates"].as_manager()
    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["until_at", "pk"]
        constraints = [AppendOnly(name="enrolment_dates_append_only")]

    def __str__(self) -> str:
        return f"{self.enrolment} until {self.until_at}"


class TransferQuerySet(models.QuerySet["Transfer"]):
    def visible_to(self, access: Access) -> TransferQuerySet:
        """One's own; those to a manager's people; all, for staff."""
        if access.is_staff:
            return self
        return self.filter(
            Q(member__user=access.user)
            | Q(member__reseller__in=access.managed_resellers)
        )

    def open(self) -> TransferQuerySet:
        """Not answered, still valid, of people who are still there and need it."""
        there = Enrolment.objects.qualified().filter(
            member=OuterRef("member"), programme=OuterRef("enrolment__programme")
        )
        return self.filter(
            ~Exists(there),
            decided_at=None,
            enrolment__in=Enrolment.objects.qualified(),
            member__in=Member.objects.live(),
            member__reseller__in=Reseller.objects.live(),
        )


class Transfer(models.Model):
    """What somebody earned in another company: ByteKast says if it counts here too."""

    enrolment = models.ForeignKey(
        Enrolment, on_delete=models.PROTECT, related_name="transfers"
    )
    member = models.ForeignKey(
        Member, on_delete=models.PROTECT, related_name="transfers"
    )
    asked_at = models.DateTimeField(default=now)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+"
    )
    is_confirmed = models.BooleanField(null=True)
    answer = models.CharField(max_length=300, blank=True)

    objects = TransferQuerySet.as_manager()
    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["asked_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["enrolment", "member"], name="transfer_once"
            ),
            models.CheckConstraint(
                condition=Q(decided_at=None, is_confirmed=None)
                | Q(decided_at__isnull=False, is_confirmed__isnull=False),
                name="transfer_decided_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.enrolment} to {self.member}"


class Postponement(models.Model):
    """A due date moved by days away: which ones, from what, to what."""

    enrolment = models.ForeignKey(
        Enrolment, on_delete=models.PROTECT, related_name="postponements"
    )
    away_from_on = models.DateField()
    away_until_on = models.DateField()
    due_was_on = models.DateField()
    due_on = models.DateField()
    at = models.DateTimeField(default=now)

    objects = OfEnrolmentQuerySet["Postponement"].as_manager()
    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["at", "pk"]
        constraints = [AppendOnly(name="postponement_append_only")]

    def __str__(self) -> str:
        return f"{self.enrolment} from {self.due_was_on} to {self.due_on}"
