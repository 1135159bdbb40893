"""The headers that every answer carries, whatever made it (`notes/trust.md` 2.2).

Outermost of all: errors, redirects and static files pass here too. What a view has said
itself stands, such as how long a file may be kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from lms.addresses import SECRET_PATH

NONE = "'none'"
SELF = "'self'"
PLAYERS = ("https://www.youtube-nocookie.com", "https://player.vimeo.com")

Policy = dict[str, Sequence[str]]

# A page's own scripts and styles are files of ours: nothing inline, so no nonce either.
PAGES: Policy = {
    "default-src": [NONE],
    "script-src": [SELF],
    "style-src": [SELF],
    "img-src": [SELF, "data:", "blob:"],
    "font-src": [SELF],
    "connect-src": [SELF],
    "media-src": [SELF, "blob:"],
    "frame-src": PLAYERS,
    "form-action": [SELF],
    "base-uri": [NONE],
    "object-src": [NONE],
    "frame-ancestors": [NONE],
}
# Wagtail starts its date fields and panels by scripts in the page, its editor of texts
# styles what is typed in place, and previews are shown in frames. Nothing there is
# evaluated from text.
CMS: Policy = PAGES | {
    "script-src": [SELF, "'unsafe-inline'"],
    "style-src": [SELF, "'unsafe-inline'"],
    "frame-src": [SELF, *PLAYERS],
    "frame-ancestors": [SELF],
}

_CLOSED = (
    "accelerometer",
    "browsing-topics",
    "camera",
    "display-capture",
    "geolocation",
    "gyroscope",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "usb",
)
FOR_CALLS = ("camera", "display-capture", "microphone")
# by the names of their addresses
CALL_PAGES = frozenset({"sessions:room", "sessions:device_test"})

SIGN_OUTS = frozenset({"account_logout", "wagtailadmin_logout"})


def written(policy: Policy) -> str:
    rules = [f"{name} {' '.join(sources)}" for name, sources in policy.items()]
    if settings.SESSION_COOKIE_SECURE:
        rules.append("upgrade-insecure-requests")
    return "; ".join(rules)


def permissions(*, is_call: bool) -> str:
    """What a page may use of the device: the camera in a call, and there alone."""
    opened = FOR_CALLS if is_call else ()
    closed = [f"{name}=()" for name in _CLOSED if name not in opened]
    return ", ".join([*closed, *(f"{name}=(self)" for name in opened)])


class HeadersMiddleware:
    """Put the headers on what leaves."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.pages = written(PAGES)
        self.cms = written(CMS)
        self.usual = permissions(is_call=False)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        headers = response.headers
        match = request.resolver_match
        name = match.view_name if match else ""

        if request.path.startswith("/cms/"):
            _for_cms(response, self.cms)
        else:
            headers.setdefault("Content-Security-Policy", self.pages)
            headers["X-Frame-Options"] = "DENY"
        headers["Referrer-Policy"] = _referrer_policy(request)
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        # What is for everybody's programs, such as a badge's picture, is so in pages.
        is_for_all = headers.get("Access-Control-Allow-Origin") == "*"
        headers["Cross-Origin-Resource-Policy"] = (
            "cross-origin" if is_for_all else "same-origin"
        )
        headers["Permissions-Policy"] = (
            permissions(is_call=True)
            if name in CALL_PAGES and response.status_code == 200
            else self.usual
        )
        headers.setdefault("Cache-Control", "no-store")
        if settings.SECURE_HSTS_SECONDS:
            headers["Strict-Transport-Security"] = (
                f"max-age={settings.SECURE_HSTS_SECONDS}; includeSubDomains"
            )
        if name in SIGN_OUTS and request.method == "POST":
            headers["Clear-Site-Data"] = '"cache", "storage"'
        return response


def _for_cms(response: HttpResponseBase, policy: str) -> None:
    """Let the CMS frame its own pages; a previewed page keeps its strict policy."""
    kept = response.headers.get("Content-Security-Policy")
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["Content-Security-Policy"] = (
        kept.replace(f"frame-ancestors {NONE}", f"frame-ancestors {SELF}")
        if kept
        else policy
    )


def _referrer_policy(request: HttpRequest) -> str:
    """Nothing of a secret address is told to anybody, ourselves included.

    A page that is told nothing at all cannot send its form: browsers then hide where
    the form is from too, and Django refuses it. So it says the site, and no address.
    """
    if not SECRET_PATH.search(request.path):
        return "same-origin"
    return "no-referrer" if request.path.startswith("/calendar/") else "strict-origin"
