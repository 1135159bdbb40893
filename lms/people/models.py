"""People, the resellers they work for, and the teams that the policy names."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Cast, Concat, Lower, Substr
from django.utils.crypto import get_random_string
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _
from treebeard.mp_tree import MP_Node, MP_NodeManager, MP_NodeQuerySet

from lms.constraints import AppendOnly
from lms.mail.models import REFUSED_FOR_GOOD, Message
from lms.mail.zones import zone_choices

if TYPE_CHECKING:
    from lms.people.access import Access


class UserQuerySet(models.QuerySet["User"]):
    def visible_to(self, access: Access) -> UserQuerySet:
        """Oneself; a manager's people, past and present; everybody, for staff."""
        if access.is_staff:
            return self
        return self.filter(
            Q(pk=access.user.pk) | Q(memberships__reseller__in=access.managed_resellers)
        ).distinct()


class UserManager(BaseUserManager["User"].from_queryset(UserQuerySet)):  # type: ignore[misc]  # django-stubs cannot see through from_queryset
    def create_user(
        self, email: str, password: str | None = None, **fields: Any
    ) -> User:
        user: User = self.model(email=email.lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, email: str | None) -> User:
        user: User = self.get(email=(email or "").lower())
        return user


class User(AbstractBaseUser, PermissionsMixin):
    """A person's login. It belongs to the person, not to the employer.

    Anonymised at erasure, never deleted.
    """

    email = models.EmailField(_("email address"), unique=True)
    full_name = models.CharField(
        _("full name"), max_length=120, help_text=_("As certificates will print it.")
    )
    time_zone = models.CharField(
        _("time zone"), max_length=60, choices=zone_choices, default="Europe/London"
    )
    language = models.CharField(max_length=10, default="en-gb")
    private_email = models.EmailField(
        _("own address"),
        blank=True,
        help_text=_("Theirs, not an employer’s: it becomes the login when they leave."),
    )
    call_needs = models.TextField(
        _("what I need for calls"),
        blank=True,
        help_text=_("An interpreter, captions, more time. Your trainers see this."),
    )
    is_staff = models.BooleanField(
        _("channel team"),
        default=False,
        help_text=_("One of ByteKast's channel team: sees all resellers."),
    )
    may_edit_content = models.BooleanField(
        _("may edit content"),
        default=False,
        help_text=_("Programmes, topics, the handbook, the certificates’ design."),
    )
    may_change_people = models.BooleanField(
        _("may change people"),
        default=False,
        help_text=_("Resellers, people, trainers, calls and certificates."),
    )
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("Off: cannot sign in.")
    )
    joined_at = models.DateTimeField(default=now, editable=False)
    passkey_handle = ""  # of somebody who accepts, and has no login yet

    objects = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["full_name"]
    log_about = "pk"

    class Meta:
        ordering = ["full_name", "pk"]
        verbose_name = _("person")
        verbose_name_plural = _("people")
        constraints = [
            models.CheckConstraint(
                condition=Q(email=Lower("email")), name="user_email_lower_case"
            ),
            models.CheckConstraint(
                condition=Q(is_staff=True)
                | Q(may_edit_content=False, may_change_people=False),
                name="user_permissions_of_channel_team",
            ),
        ]

    def __str__(self) -> str:
        return self.full_name or self.email

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def get_full_name(self) -> str:
        return self.full_name

    def get_short_name(self) -> str:
        return self.full_name.split(" ")[0]

    def clean(self) -> None:
        self.email = self.email.lower()
        super().clean()


def _known(field: str, by: datetime | None) -> Q:
    """Recorded before an instant; of None, whenever it was."""
    return Q() if by is None else Q(**{field: None}) | Q(**{f"{field}__lt": by})


def _not_known(field: str, by: datetime | None) -> Q:
    """Recorded only at an instant or after; of None, nothing."""
    return Q(pk=None) if by is None else Q(**{f"{field}__gte": by})


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


class ResellerManager(MP_NodeManager.from_queryset(ResellerQuerySet)):  # type: ignore[misc]  # as above
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


class Engagement(models.TextChoices):
    """How a person belongs to the reseller, in the words of the policy's Scope."""

    EMPLOYEE = "employee", _("Employee")
    CONTRACTOR = "contractor", _("Contractor")
    CONSULTANT = "consultant", _("Consultant")
    RESELLER = "reseller", _("Reseller")
    TEMPORARY = "temporary", _("Temporary worker")
    OTHER = "other", _("Other worker")


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


class NameConfirmationQuerySet(models.QuerySet["NameConfirmation"]):
    def visible_to(self, access: Access) -> NameConfirmationQuerySet:
        """One's own; all, for staff."""
        return self if access.is_staff else self.filter(user=access.user)


class NameConfirmation(models.Model):
    """A person's word that certificates shall say their name so: this very text.

    The text goes at an erasure, and that they gave their word stays.
    """

    user = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="name_confirmations"
    )
    name = models.CharField(max_length=254)
    at = models.DateTimeField(default=now)

    objects = NameConfirmationQuerySet.as_manager()
    wagtail_reference_index_ignore = True
    log_about = "user_id"

    class Meta:
        ordering = ["pk"]
        constraints = [
            AppendOnly(name="name_confirmation_append_only", may_clear=["name"])
        ]

    def __str__(self) -> str:
        return f"Confirmation {self.pk}"


class NameCorrectionQuerySet(models.QuerySet["NameCorrection"]):
    def visible_to(self, access: Access) -> NameCorrectionQuerySet:
        """One's own; all, for staff."""
        return self if access.is_staff else self.filter(user=access.user)

    def open(self) -> NameCorrectionQuerySet:
        """Neither decided nor taken back."""
        return self.filter(decided_at=None, withdrawn_at=None)


class NameCorrection(models.Model):
    """A person asks to be called by another name; ByteKast says yes, or why not.

    The texts go at an erasure, and that they asked stays.
    """

    user = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="name_corrections"
    )
    name = models.CharField(max_length=120, blank=True)
    why = models.CharField(max_length=300, blank=True)
    asked_at = models.DateTimeField(default=now)
    withdrawn_at = models.DateTimeField(null=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+"
    )
    is_approved = models.BooleanField(null=True)
    answer = models.CharField(max_length=300, blank=True)

    objects = NameCorrectionQuerySet.as_manager()
    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["asked_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["user"],
                condition=Q(decided_at=None, withdrawn_at=None),
                name="name_correction_one_open",
            ),
            models.CheckConstraint(
                condition=Q(decided_at=None, is_approved=None)
                | Q(
                    decided_at__isnull=False,
                    is_approved__isnull=False,
                    withdrawn_at=None,
                ),
                name="name_correction_decided_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"Correction {self.pk}"


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


class SignInQuerySet(models.QuerySet["SignIn"]):
    def visible_to(self, access: Access) -> SignInQuerySet:
        """One's own alone."""
        return self.filter(user=access.user)


class SignIn(models.Model):
    """Where somebody is signed in: on which device, since when, when last used.

    No place is kept. The session of the key holds who it is; without it this row is
    only what was.
    """

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="sign_ins")
    session_key = models.CharField(max_length=40, unique=True, editable=False)
    device = models.CharField(max_length=80, blank=True)
    began_at = models.DateTimeField(default=now)
    last_used_at = models.DateTimeField(default=now)

    objects = SignInQuerySet.as_manager()
    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["-last_used_at", "-pk"]

    def __str__(self) -> str:
        return f"Sign-in {self.pk}"


def new_slug() -> str:
    """Part of an address that tells nobody which companies are here."""
    return get_random_string(16, "abcdefghjkmnpqrstuvwxyz23456789")


class IdentityProvider(models.Model):
    """A reseller's own sign-in, by OpenID Connect; off until somebody turns it on.

    Of the company, and about nobody. Its secret is kept sealed (`company_sign_in`).
    """

    reseller = models.OneToOneField(
        Reseller, on_delete=models.PROTECT, related_name="identity_provider"
    )
    slug = models.SlugField(unique=True, default=new_slug, editable=False)
    issuer = models.CharField(max_length=500)
    client_id = models.CharField(max_length=255)
    sealed_secret = models.TextField(editable=False)
    is_enabled = models.BooleanField(default=False)

    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["reseller__name", "pk"]
        verbose_name = _("company sign-in")
        verbose_name_plural = _("company sign-ins")

    def __str__(self) -> str:
        return f"{self.reseller}"


class CompanyIdentityQuerySet(models.QuerySet["CompanyIdentity"]):
    def visible_to(self, access: Access) -> CompanyIdentityQuerySet:
        """One's own alone."""
        return self.filter(user=access.user)


class CompanyIdentity(models.Model):
    """Whom a company's sign-in means by a subject: nothing else says it, no address."""

    provider = models.ForeignKey(
        IdentityProvider, on_delete=models.PROTECT, related_name="identities"
    )
    subject = models.CharField(max_length=255)
    user = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="company_identities"
    )
    linked_at = models.DateTimeField(default=now)

    objects = CompanyIdentityQuerySet.as_manager()
    wagtail_reference_index_ignore = True
    log_about = "user_id"

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "subject"], name="company_identity_of_one_person"
            ),
            models.UniqueConstraint(
                fields=["provider", "user"], name="company_identity_one_each"
            ),
        ]

    def __str__(self) -> str:
        return f"Company identity {self.pk}"
