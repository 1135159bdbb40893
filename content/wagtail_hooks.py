"""The handbook in the CMS: its menu, what an editor may not do; who gets documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from wagtail import hooks
from wagtail.admin.menu import MenuItem
from wagtail.admin.viewsets.base import ViewSet
from wagtail.documents.models import Document
from wagtail.models import Page

from content.cms import TagViewSet
from content.guards import send_back, why_handbook_stays
from content.menu import PagesMenuItem
from content.models import HandbookPage
from content.walls import members_only
from content.whole import why_not_published

HIDDEN = {"help", "aging-pages", "page-types-usage", "workflow-tasks"}


def handbook_menu_item() -> MenuItem:
    return PagesMenuItem(_("Handbook"), HandbookPage, icon_name="openquote", order=160)


def keep_what_was_confirmed(request: HttpRequest, page: Page) -> HttpResponse | None:
    return send_back(request, page, why_handbook_stays([page]))


def keep_what_was_confirmed_among_many(
    request: HttpRequest, action_type: str, objects: Sequence[Any], action: Any
) -> HttpResponse | None:
    if action_type != "delete" or not objects or not isinstance(objects[0], Page):
        return None
    return send_back(request, objects[0], why_handbook_stays(objects))


def documents_are_for_members(
    document: Document, request: HttpRequest
) -> HttpResponse | None:
    return members_only(request)


def keep_unfinished_from_publishing(
    request: HttpRequest, action_type: str, objects: Sequence[Any], action: Any
) -> HttpResponse | None:
    """Ask of many pages at once what the editor's form asks of one."""
    if action_type != "publish" or not objects or not isinstance(objects[0], Page):
        return None
    if request.method != "POST":
        return None
    below = bool(action.cleaned_form.cleaned_data.get("include_descendants"))
    why = why_not_published(objects, with_drafts_below=below)
    return send_back(request, objects[0], why)


def register_tags() -> list[ViewSet]:
    return [TagViewSet()]


def hide_what_serves_nobody(request: HttpRequest, items: list[MenuItem]) -> None:
    """Leave out Wagtail's help, and lists of machinery, for who edits content."""
    items[:] = [item for item in items if item.name not in HIDDEN]


def own_styles() -> SafeString:
    return format_html('<link rel="stylesheet" href="{}">', static("lms/css/cms.css"))


hooks.register("insert_global_admin_css", own_styles)
hooks.register("construct_main_menu", hide_what_serves_nobody)
hooks.register("construct_reports_menu", hide_what_serves_nobody)
hooks.register("register_admin_viewset", register_tags)
hooks.register("before_bulk_action", keep_unfinished_from_publishing)
hooks.register("register_admin_menu_item", handbook_menu_item)
hooks.register("before_serve_document", documents_are_for_members)
hooks.register("before_delete_page", keep_what_was_confirmed)
hooks.register("before_bulk_action", keep_what_was_confirmed_among_many)
