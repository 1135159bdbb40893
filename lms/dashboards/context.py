"""What the frame of every page shows: roles, and whom to ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from content.kept import kept
from content.models import Branding
from lms.operations import noticing
from lms.people.access import Access
from lms.people.models import Member
from lms.walls import unscoped


@dataclass(frozen=True)
class Role:
    """A tab of the bar on top."""

    name: str
    url: str
    current: bool


@dataclass(frozen=True)
class Contact:
    """Somebody to ask."""

    name: str
    email: str
    role: str


def page(request: HttpRequest) -> dict[str, Any]:
    """Give templates `roles`, `who_to_ask`, `zone`, whether a demo has no MFA, troubles."""
    access: Access | None = getattr(request, "access", None) or None
    return {
        "roles": SimpleLazyObject(lambda: _roles(access, request.path)),
        "who_to_ask": SimpleLazyObject(lambda: _contacts(request, access)),
        "zone": access.user.time_zone if access else settings.HOME_TIME_ZONE,
        "is_mfa_off": not settings.MFA_REQUIRED,
        "troubles": noticing.troubles() if access and access.is_staff else (),
    }


def _roles(access: Access | None, path: str) -> list[Role]:
    if not access:
        return []
    team_pages = reverse("certificates:team")
    held = [
        (access.member is not None, _("Learning"), "dashboards:my", "/programmes/"),
        (access.is_manager, _("Team"), "dashboards:team", team_pages),
        (access.is_trainer, _("Trainer"), "sessions:today", ""),
        (access.is_staff, _("Standing"), "dashboards:standing", ""),
    ]
    return [
        Role(name, url := reverse(page), path.startswith((url, also or url)))
        for holds, name, page, also in held
        if holds
    ]


def _contacts(request: HttpRequest, access: Access | None) -> list[Contact]:
    """One's managers, then the training team; for the signed-out the team alone."""
    managers: list[tuple[str, int, str]] = []
    if access and access.member:
        rows = (
            unscoped(Member.objects, "the managers of one's own reseller")
            .filter(reseller=access.member.reseller_id, is_manager=True, left_on=None)
            .values_list("user__full_name", "user", "user__email")
        )
        managers = [row for row in sorted(rows.order_by()) if row[1] != access.user.pk]
    contacts = [
        Contact(name, email, _("your manager")) for name, _pk, email in managers[:3]
    ]
    branding = kept(request, "branding", Branding.current)
    if address := branding.training_email:
        contacts.append(Contact(_("The training team"), address, "ByteKast"))
    return contacts
