"""The handbook in the CMS: its menu, what an editor may not do; who gets documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from wagtail import hooks
from wagtail.admin.menu import MenuItem
from wagtail.documents.models import Document
from wagtail.models import Page

from content.guards import send_back, why_handbook_stays
from content.menu import PagesMenuItem
from content.models import HandbookPage
from content.walls import members_only


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


hooks.register("register_admin_menu_item", handbook_menu_item)
hooks.register("before_serve_document", documents_are_for_members)
hooks.register("before_delete_page", keep_what_was_confirmed)
hooks.register("before_bulk_action", keep_what_was_confirmed_among_many)
