"""Who may read: programmes, topics and the handbook are not public."""

from __future__ import annotations

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse


def members_only(request: HttpRequest) -> HttpResponse | None:
    """Send the signed-out to sign in, refuse who left; None lets the page answer."""
    access = request.access  # type: ignore[attr-defined]  # set by AccessMiddleware
    if not access:
        return redirect_to_login(request.get_full_path())
    if not access.may_read:
        raise PermissionDenied
    return None
