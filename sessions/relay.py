"""The ways two browsers find each other: what our own relay lets in, and for how long.

Without a relay (`TURN_URL`) two browsers behind strict firewalls cannot meet here; the
page says so, and the outside link is the way. Credentials are coturn's
`use-auth-secret`: an instant until which they hold, and a proof of it. They say nothing
of a person.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from typing import Any

from django.conf import settings


def ice_servers() -> list[dict[str, Any]]:
    """What a browser is given to find the other: fresh credentials for the relay."""
    servers: list[dict[str, Any]] = []
    if settings.STUN_URLS:
        servers.append({"urls": settings.STUN_URLS})
    if settings.TURN_URLS:
        username, credential = credentials()
        servers.append(
            {
                "urls": settings.TURN_URLS,
                "username": username,
                "credential": credential,
            }
        )
    return servers


def fresh_for() -> float:
    """For how many seconds a browser uses them before it asks for new ones."""
    return float(settings.TURN_LIFE.total_seconds() / 2)


def credentials() -> tuple[str, str]:
    """A name and its password for the relay, which end by themselves."""
    until = int(time.time() + settings.TURN_LIFE.total_seconds())
    name = f"{until}:{secrets.token_hex(8)}"
    # SHA-1 is what coturn asks for (its REST API); as an HMAC it is sound.
    proof = hmac.new(settings.TURN_SECRET.encode(), name.encode(), hashlib.sha1)
    return name, base64.b64encode(proof.digest()).decode()
