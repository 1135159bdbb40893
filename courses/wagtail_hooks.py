"""Programmes in the CMS: the menu, the first edition, and what must stay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from wagtail import hooks
from wagtail.admin import messages
from wagtail.admin.menu import MenuItem
from wagtail.admin.widgets.button import Button
from wagtail.models import Page

from content.guards import send_back
from content.menu import PagesMenuItem
from courses import edition_views
from courses.check_figures import CHECK_REPORT
from courses.cms import check_report, publish_first_edition
from courses.guards import why_not_deleted, why_not_moved, why_not_unpublished
from courses.models import ProgrammeIndexPage, ProgrammePage, TopicPage
from courses.panels import ToFillIn

PUBLISH = "courses_publish_edition"


def programmes_menu_item() -> MenuItem:
    return PagesMenuItem(
        _("Programmes"), ProgrammeIndexPage, icon_name="tasks", order=150
    )


def edition_urls() -> list[URLPattern]:
    return [
        path(
            "programmes/<key:programme_pk>/publish-edition/",
            publish_first_edition,
            name=PUBLISH,
        ),
        path("programmes/checks/<key:topic_pk>/", check_report, name=CHECK_REPORT),
        path(
            "programmes/<key:programme_pk>/next-edition/",
            edition_views.next_edition,
            name=edition_views.NEXT,
        ),
        path(
            "programmes/<key:programme_pk>/next-edition/people/",
            edition_views.people,
            name="courses_next_edition_people",
        ),
        path(
            "programmes/<key:programme_pk>/next-edition/progress/",
            edition_views.progress,
            name="courses_next_edition_progress",
        ),
    ]


def check_report_button(page: Page, user: Any, **kwargs: Any) -> Iterator[Button]:
    """Lead from a topic to how people answer its check."""
    is_topic = issubclass(page.specific_class, TopicPage)
    if is_topic and page.pk and page.permissions_for_user(user).can_edit():
        yield Button(
            _("How people answer its check"),
            reverse(CHECK_REPORT, args=[page.pk]),
            icon_name="clipboard-list",
            priority=40,
        )


def edition_button(page: Page, user: Any, **kwargs: Any) -> Iterator[Button]:
    """Offer “Publish edition 1” on a programme that has none, else the next one."""
    if not issubclass(page.specific_class, ProgrammePage):
        return
    if not page.permissions_for_user(user).can_publish():
        return
    is_first = _waits_for_edition(page)
    yield Button(
        _("Publish edition 1") if is_first else _("Next edition"),
        reverse(PUBLISH if is_first else edition_views.NEXT, args=[page.pk]),
        icon_name="check" if is_first else "history",
        priority=5,
    )


def tell_of_the_edition(request: HttpRequest, page: Page) -> None:
    """Say that a published page alone asks nothing of anybody."""
    if _waits_for_edition(page):
        url = reverse(PUBLISH, args=[page.pk])
        messages.info(
            request,
            _("It can be read now, and asks nothing of anybody yet."),
            buttons=[messages.button(url, _("Publish edition 1"))],
        )


def _waits_for_edition(page: Page) -> bool:
    if not issubclass(page.specific_class, ProgrammePage):
        return False
    return not ProgrammePage.objects.filter(pk=page.pk, editions__isnull=False).exists()


def keep_from_deleting(request: HttpRequest, page: Page) -> HttpResponse | None:
    return send_back(request, page, why_not_deleted([page]))


def keep_from_unpublishing(request: HttpRequest, page: Page) -> HttpResponse | None:
    return send_back(request, page, why_not_unpublished([page]))


def keep_from_moving(
    request: HttpRequest, page: Page, destination: Page
) -> HttpResponse | None:
    return send_back(request, page, why_not_moved([page], destination))


def keep_among_many(
    request: HttpRequest, action_type: str, objects: Sequence[Any], action: Any
) -> HttpResponse | None:
    if not objects or not isinstance(objects[0], Page):
        return None
    why = ""
    if action_type == "delete":
        why = why_not_deleted(objects)
    elif action_type == "unpublish":
        why = why_not_unpublished(objects)
    elif action_type == "move":
        why = why_not_moved(objects, action.cleaned_form.cleaned_data["chooser"])
    return send_back(request, objects[0], why)


def say_what_to_fill_in(request: HttpRequest, panels: list[Any]) -> None:
    panels.append(ToFillIn())


hooks.register("construct_homepage_panels", say_what_to_fill_in)
hooks.register("register_admin_menu_item", programmes_menu_item)
hooks.register("register_admin_urls", edition_urls)
hooks.register("register_page_header_buttons", edition_button)
hooks.register("register_page_header_buttons", check_report_button)
hooks.register("register_page_listing_more_buttons", check_report_button)
hooks.register("register_page_listing_more_buttons", edition_button)
hooks.register("after_publish_page", tell_of_the_edition)
hooks.register("before_delete_page", keep_from_deleting)
hooks.register("before_unpublish_page", keep_from_unpublishing)
hooks.register("before_move_page", keep_from_moving)
hooks.register("before_bulk_action", keep_among_many)
