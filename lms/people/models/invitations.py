"""Invitations, and lists of people before they are sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Exists, OuterRef, Q, Value
from django.db.models.functions import Cast, Concat, Lower, Substr
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from lms.mail.models import REFUSED_FOR_GOOD, Message
from lms.people.models.members import Engagement, Member
from lms.people.models.resellers import Reseller, Team
from lms.people.models.users import User

if TYPE_CHECKING:
    from lms.people.access import Access


class InvitationState(models.TextChoices):
    """What has become of an invitation; computed, never stored."""

    SENT = "sent", _("Invited")
    ACCEPTED = "accepted", _("Accepted")
    RAN_OUT = "ran out", _("Ran out")
    WITHDRAWN = "withdrawn", _("Withdrawn")


FAILED_AFTER = 3  # tries of its mail, a quarter of an hour in all


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self) -> InvitationQuerySet:
        """Neither accepted nor withdrawn nor run out."""
        return self.filter(accepted_at=None, withdrawn_at=None, expires_at__gt=now())

    def visible_to(self, access: Access) -> InvitationQuerySet:
        """Those into a managed reseller; all, for staff."""
        if access.is_staff:
            return self
        return self.filter(reseller__in=access.managed_resellers)

    def with_failure(self) -> InvitationQuerySet:
        """Add `has_failed`: the mail of the link that works now cannot be delivered."""
        key = Concat(
            Value("invitation:"),
            Cast(OuterRef("pk"), models.CharField()),
            Value(":"),
            Substr(OuterRef("token_hash"), 1, 16),
        )
        failed = Message.objects.filter(
            Q(tries__gte=FAILED_AFTER) | Q(error__in=REFUSED_FOR_GOOD),
            ~Q(error=""),
            key=key,
            sent_at=None,
            dropped_at=None,
        )
        return self.annotate(has_failed=Exists(failed))

    def managed_by(self, access: Access) -> InvitationQuerySet:
        """Those one may send again, correct, withdraw; all, for staff who may."""
        if access.may_change_people:
            return self
        return self.filter(reseller__in=access.managed_resellers)


class Invitation(models.Model):
    """A single-use way in, bound to an address: only the token's hash is kept."""

    email = models.EmailField()
    full_name = models.CharField(max_length=120, blank=True)
    reseller = models.ForeignKey(
        Reseller, on_delete=models.PROTECT, related_name="invitations"
    )
    teams = models.ManyToManyField(Team, blank=True, related_name="+")
    engagement = models.CharField(
        max_length=20, choices=Engagement.choices, default=Engagement.EMPLOYEE
    )
    is_manager = models.BooleanField(default=False)
    until_on = models.DateField(
        null=True, blank=True, help_text=_("Planned end of the membership.")
    )
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(default=now)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    objects = InvitationQuerySet.as_manager()
    wagtail_reference_index_ignore = True
    log_about = "accepted_by_id"

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                "reseller",
                condition=Q(accepted_at=None, withdrawn_at=None),
                name="invitation_once_per_reseller",
                violation_error_message=_("This address is already invited here."),
            ),
            models.CheckConstraint(
                condition=Q(accepted_at=None) | Q(withdrawn_at=None),
                name="invitation_ends_once",
            ),
            models.CheckConstraint(
                condition=Q(accepted_at=None, accepted_by=None)
                | Q(accepted_at__isnull=False, accepted_by__isnull=False),
                name="invitation_accepted_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"Invitation {self.pk}"

    @property
    def state(self) -> InvitationState:
        if self.accepted_at:
            return InvitationState.ACCEPTED
        if self.withdrawn_at:
            return InvitationState.WITHDRAWN
        if self.expires_at <= now():
            return InvitationState.RAN_OUT
        return InvitationState.SENT


class InviteDraftQuerySet(models.QuerySet["InviteDraft"]):
    def visible_to(self, access: Access) -> InviteDraftQuerySet:
        """One's own, made in the membership that one has switched to."""
        acting = access.member if access.is_manager else None
        return self.filter(made_by=access.user, member=acting)


class InviteDraft(models.Model):
    """A list of people to invite, until the last of them is invited or left out.

    `lines` holds, per person, a number and the cells as typed; whoever is sent an
    invitation leaves it. The rest are defaults for what a line does not say.
    """

    made_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    member = models.ForeignKey(
        Member, null=True, on_delete=models.PROTECT, related_name="+"
    )
    reseller = models.ForeignKey(Reseller, on_delete=models.PROTECT, related_name="+")
    teams = models.ManyToManyField(Team, blank=True, related_name="+")
    engagement = models.CharField(
        max_length=20, choices=Engagement.choices, default=Engagement.EMPLOYEE
    )
    until_on = models.DateField(null=True, blank=True)
    lines = models.JSONField(default=list)
    sent_count = models.PositiveIntegerField(default=0)
    to_send = models.PositiveIntegerField(
        default=0, help_text="How many the worker is still asked to send."
    )
    changed_at = models.DateTimeField(default=now)

    objects = InviteDraftQuerySet.as_manager()
    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["-changed_at", "-pk"]

    def __str__(self) -> str:
        return f"List of invitations {self.pk}"
