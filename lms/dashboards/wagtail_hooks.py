"""Ways from the CMS's menu to the screens that are not in it."""

from __future__ import annotations

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from wagtail import hooks
from wagtail.admin.menu import MenuItem


class StaffMenuItem(MenuItem):
    """A screen of the channel team."""

    def is_shown(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_staff)


def standing_menu_item() -> MenuItem:
    url = reverse("dashboards:standing")
    return StaffMenuItem(_("Standing"), url, icon_name="site", order=195)


hooks.register("register_admin_menu_item", standing_menu_item)
