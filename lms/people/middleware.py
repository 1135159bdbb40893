"""One `Access` for each request, and no role without a second factor."""

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import ResolverMatch, reverse
from django.utils.functional import SimpleLazyObject

from lms.people import second_factor
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
        "branding_css",
        "healthz",
        "readyz",
    }
)
PUBLIC_ROUTES = ("c/", ".well-known/", "status/")  # certificates, as anybody sees them


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
    return (
        name in OPEN_PAGES
        or name.startswith("mfa_")
        or match.route.startswith(PUBLIC_ROUTES)
    )
