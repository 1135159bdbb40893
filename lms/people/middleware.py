"""One `Access` for each request, and no role without a second factor."""

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import ResolverMatch, reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from lms.people import second_factor, sign_ins
from lms.people.access import access_of


class AccessMiddleware:
    """Put `request.access` beside `request.user`; None when signed out."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.access = SimpleLazyObject(lambda: access_of(request))  # type: ignore[attr-defined]  # our own attribute
        return self.get_response(request)


# What somebody signed in may ask for before they have shown a second factor: the pages
# on which they set one up, the way out, and what is the same for everybody.
OPEN_PAGES = frozenset(
    {
        "people:second_factor",
        "account_login",
        "account_logout",
        "account_reauthenticate",
        "wagtailadmin_logout",
    }
)
FOR_EVERYBODY = frozenset({"branding_css", "healthz", "readyz"})
PUBLIC_ROUTES = ("c/", ".well-known/", "status/")  # certificates, as anybody sees them


class SignInLifeMiddleware:
    """Sign out whoever was away too long, before anything is opened to them."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self,
        request: HttpRequest,
        view: Callable[..., HttpResponse],
        args: Sequence[Any],
        kwargs: dict[str, Any],
    ) -> None:
        match = request.resolver_match
        if match is None or is_for_everybody(match):
            return
        if request.user.is_authenticated and sign_ins.has_ended(
            request,
            request.access,  # type: ignore[attr-defined]  # ours
        ):
            request.access = None  # type: ignore[attr-defined]
            messages.info(
                request, _("You were signed out after a while. Please sign in again.")
            )


class SecondFactorMiddleware:
    """Lead whoever's role asks for a second factor to where they set one up.

    Whatever address they ask for, by whatever method: only what is named above opens.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self,
        request: HttpRequest,
        view: Callable[..., HttpResponse],
        args: Sequence[Any],
        kwargs: dict[str, Any],
    ) -> HttpResponse | None:
        match = request.resolver_match
        if match is None or _is_open(match):
            return None
        if not second_factor.is_missing(request, request.access):  # type: ignore[attr-defined]  # ours
            return None
        url = reverse("people:second_factor")
        if request.method == "GET":
            url += "?" + urlencode({"next": request.get_full_path()})
        return HttpResponseRedirect(url)


def _is_open(match: ResolverMatch) -> bool:
    name = match.view_name
    is_for_setting_up = name in OPEN_PAGES or name.startswith("mfa_")
    return is_for_setting_up or is_for_everybody(match)


def is_for_everybody(match: ResolverMatch) -> bool:
    """Whether the answer is the same whoever asks: no session is looked at."""
    return match.view_name in FOR_EVERYBODY or match.route.startswith(PUBLIC_ROUTES)
