"""People in the CMS's menu."""

from __future__ import annotations

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from wagtail import hooks
from wagtail.admin.menu import Menu, MenuItem, SubmenuMenuItem
from wagtail.admin.viewsets.base import ViewSet

from lms.people.cms import InvitationViewSet, ResellerViewSet
from lms.people.cms_companies import IdentityProviderViewSet
from lms.people.cms_logins import REFUSED_FOR_MANY
from lms.people.screens import MENU


def register_screens() -> list[ViewSet]:
    return [ResellerViewSet(), InvitationViewSet(), IdentityProviderViewSet()]


def register_menu() -> MenuItem:
    """One menu of people; higher rooms add to it by the hook's name."""
    return SubmenuMenuItem(
        gettext_lazy("People"),
        Menu(register_hook_name=MENU),
        name="people",
        icon_name="group",
        order=180,
    )


def link_to_settings(request: HttpRequest) -> dict[str, str]:
    """Lead from the CMS's account page to one's name, zone and password."""
    return {
        "url": reverse("people:settings"),
        "label": _("Name, time zone, password"),
        "help_text": _("Your settings, for all of ByteKast Qualifications."),
    }


hooks.register("register_account_menu_item", link_to_settings)
hooks.register("register_admin_viewset", register_screens)
hooks.register("register_admin_menu_item", register_menu)
for action in REFUSED_FOR_MANY:
    hooks.register("register_bulk_action", action, order=100)
