"""People and their logins, and how certificates write their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from lms.constraints import AppendOnly
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
