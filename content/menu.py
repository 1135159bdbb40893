"""The CMS's menu: straight to where editors work."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from wagtail.admin.menu import MenuItem
from wagtail.models import Page

from lms.walls import unscoped


class PagesMenuItem(MenuItem):
    """A way to the pages below the first page of a type, once there is one."""

    def __init__(self, label: Any, page_type: type[Page], **kwargs: Any) -> None:
        super().__init__(label, url="", **kwargs)
        self.page_type = page_type

    def is_shown(self, request: HttpRequest) -> bool:
        page = self._page()
        return page is not None and page.permissions_for_user(request.user).can_edit()

    def render_component(self, request: HttpRequest) -> Any:
        if page := self._page():
            self.url = reverse("wagtailadmin_explore", args=[page.pk])
        return super().render_component(request)

    def _page(self) -> Page | None:
        pages = unscoped(self.page_type.objects, "pages are about nobody")
        return pages.order_by("path").first()
