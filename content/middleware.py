"""Where Wagtail finds the site and its addresses, and where it may send people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject
from wagtail.contrib.redirects.middleware import RedirectMiddleware
from wagtail.models import Site

from content.kept import kept

PAGE_VIEW = "wagtail_serve"


class KeptSiteMiddleware:
    """Put the kept site and its root paths where Wagtail looks for them first.

    Without it each page asks for its site, the home page and the root paths anew.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request._wagtail_cached_site_root_paths = SimpleLazyObject(  # type: ignore[attr-defined]  # Wagtail's
            lambda: kept(request, "root paths", Site.get_site_root_paths)
        )
        return self.get_response(request)

    def process_view(
        self,
        request: HttpRequest,
        view: Callable[..., HttpResponse],
        args: Sequence[Any],
        kwargs: dict[str, Any],
    ) -> None:
        match = request.resolver_match
        if match is not None and match.url_name == PAGE_VIEW:
            host = (request.get_host(), request.get_port())
            request._wagtail_site = kept(  # type: ignore[attr-defined]  # Wagtail's
                request, ("site", *host), lambda: _site_of(request)
            )


class NextPageMiddleware:
    """Forget a `next` in the CMS that is no address: Wagtail answers it with a 500.

    It redirects there once it has saved, and Django takes a bare word for the name of
    a view.
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
    ) -> None:
        match = request.resolver_match
        if match is None or not match.route.startswith("cms/"):
            return
        for method in ("GET", "POST"):
            sent = getattr(request, method)
            if "next" in sent and "/" not in sent["next"]:
                sent = sent.copy()
                del sent["next"]
                setattr(request, method, sent)


class PageRedirects(RedirectMiddleware):
    """Wagtail's redirects, asked for where a page might have been, and there alone.

    An answer of our own that something is not there asks the database nothing more.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponse
    ) -> HttpResponse:
        match = request.resolver_match
        if match is not None and match.url_name != PAGE_VIEW:
            return response
        answer: HttpResponse = super().process_response(request, response)
        return answer


def _site_of(request: HttpRequest) -> Site | None:
    site = Site._find_for_request(request)
    if site is not None:
        site.root_page = site.root_page.specific
    return site
