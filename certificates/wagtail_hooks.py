"""Certificates in the CMS's menu: those issued, and the design of those to come."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from wagtail import hooks
from wagtail.admin.menu import Menu, MenuItem, SubmenuMenuItem
from wagtail.snippets.models import register_snippet

from certificates.cms import MENU, DesignViewSet
from certificates.models import CertificateDesign


class StaffMenuItem(MenuItem):
    """A screen of the channel team."""

    def is_shown(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_staff)


def register_menu() -> MenuItem:
    return SubmenuMenuItem(
        _("Certificates"),
        Menu(register_hook_name=MENU),
        name="certificates",
        icon_name="doc-full",
        order=190,
    )


def issued_menu_item() -> MenuItem:
    url = reverse("certificates:team")
    return StaffMenuItem(_("Issued"), url, icon_name="list-ul", order=10)


def keep_it_published(
    menu_items: list[Any], request: HttpRequest, context: dict[str, Any]
) -> None:
    """There is always a design: publish another one in its place."""
    if context["model"] is CertificateDesign:
        menu_items[:] = [item for item in menu_items if item.name != "action-unpublish"]


hooks.register("register_admin_menu_item", register_menu)
hooks.register(MENU, issued_menu_item)
hooks.register("construct_snippet_action_menu", keep_it_published)
register_snippet(DesignViewSet)
