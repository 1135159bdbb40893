"""Whom to tell of a hole: `/.well-known/security.txt` (RFC 9116)."""

from __future__ import annotations

from datetime import timedelta
from email.utils import parseaddr

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.timezone import now

HOLDS_FOR = timedelta(days=90)  # as long as we ask to keep quiet (SECURITY.md)


def contact() -> str:
    """Return the address that is set, or else the sender of all mail."""
    sender = parseaddr(settings.MAIL_FROM)[1]
    return settings.SECURITY_CONTACT or f"mailto:{sender}"


def security_txt(request: HttpRequest) -> HttpResponse:
    until = (now() + HOLDS_FOR).replace(hour=0, minute=0, second=0, microsecond=0)
    lines = [
        f"Contact: {contact()}",
        f"Expires: {until:%Y-%m-%dT%H:%M:%SZ}",
        "Preferred-Languages: en",
        f"Canonical: {settings.PUBLIC_URL}{reverse('security_txt')}",
    ]
    return HttpResponse(
        "\n".join(lines) + "\n", content_type="text/plain; charset=utf-8"
    )
