"""A reseller's own sign-in, and who came through it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.utils.crypto import get_random_string
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from lms.people.models.resellers import Reseller
from lms.people.models.users import User

if TYPE_CHECKING:
    from lms.people.access import Access


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
