"""Links to rooms elsewhere: Zoom, Teams, Meet and whatever else has an address."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.utils.translation import gettext as _

from lms.errors import Refused
from lms.open_net import is_public

LONGEST = 500
_PRIVATE = {"localhost", "local", "internal", "intranet", "lan", "home", "arpa"}
_is_https = URLValidator(schemes=["https"])


def require_room_url(room_url: str) -> None:
    """Refuse a link that is not a plain https address on the open net; empty is none.

    It carries no name or password, and leads to no machine of somebody's own net.
    """
    if not room_url:
        return
    try:
        _is_https(room_url)
    except ValidationError:
        raise Refused(
            _("The link to the room must be a full address with https://.")
        ) from None
    if len(room_url) > LONGEST:
        raise Refused(_("This link is too long: at most 500 letters."))
    parts = urlsplit(room_url)
    if "@" in parts.netloc:
        raise Refused(
            _("The link to the room must not carry a name or a password before the @.")
        )
    if not _is_open(parts.hostname or ""):
        raise Refused(
            _("This link leads into a private network, where others cannot come.")
        )


def is_room_url(room_url: str) -> bool:
    """Tell whether people may be led to this address."""
    try:
        require_room_url(room_url)
    except Refused:
        return False
    return bool(room_url)


def _is_open(host: str) -> bool:
    try:
        host = host.rstrip(".").encode("idna").decode().lower()
    except UnicodeError:
        return False
    try:
        ip_address(host)
    except ValueError:
        labels = host.split(".")
        is_name = len(labels) > 1 and not labels[-1].isdigit()
        return is_name and labels[-1] not in _PRIVATE
    return is_public(host)
