"""Who may read: programmes, topics and the handbook are not public."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from wagtail.admin.panels import CommentPanel, FieldPanel, TitleFieldPanel
from wagtail.models import Page, PageViewRestriction

from content.whole import WholePageForm
from lms.people.access import Access


def access_from(request: HttpRequest | None) -> Access | None:
    """Who is reading; None for the signed-out, and in a preview made by nobody."""
    return getattr(request, "access", None) or None


def members_only(request: HttpRequest) -> HttpResponse | None:
    """Send the signed-out to sign in, refuse who left; None lets the page answer."""
    access = access_from(request)
    if access is None:
        return redirect_to_login(request.get_full_path())
    if not access.may_read:
        raise PermissionDenied
    return None


# Wagtail's schedule is left out: a page that ends by itself would get past the guards
# of what people's records point to.
NO_SCHEDULE = [CommentPanel()]

# What search engines are told is left out: nobody reaches these pages signed out.
ADDRESS = [
    FieldPanel(
        "slug",
        help_text=_(
            "The last part of the page's address. Links of ours follow a change; "
            "those that people saved do not."
        ),
    )
]


NO_RESTRICTIONS = PageViewRestriction.objects.none()


def title_panel(help_text: str | Promise) -> TitleFieldPanel:
    """The title of a page, with what is said about it to editors."""
    return TitleFieldPanel("title", help_text=help_text)


class MembersPage(Page):
    """A page for those with a live membership or a role, and for nobody else.

    Wagtail's own page privacy is off: one wall, and a query less.
    """

    private_page_options: list[str] = []
    settings_panels = NO_SCHEDULE
    promote_panels = ADDRESS
    base_form_class = WholePageForm

    class Meta:
        abstract = True

    def serve(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return members_only(request) or super().serve(request, *args, **kwargs)

    def get_view_restrictions(self) -> Any:
        return NO_RESTRICTIONS
