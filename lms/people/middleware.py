"""One `Access` for each request."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from lms.people.access import access_of


class AccessMiddleware:
    """Put `request.access` beside `request.user`; None when signed out."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.access = SimpleLazyObject(lambda: access_of(request))  # type: ignore[attr-defined]  # our own attribute
        return self.get_response(request)
