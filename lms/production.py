"""What must hold before people are served: no trying out, a secret, an address.

Standard library alone: `make serve` asks here before anything is installed (`python -m
lms.production`), and the settings ask again, so that no command starts without it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from lms.open_net import is_public

SHORTEST_KEY = 50
FEWEST_LETTERS = 10  # that differ, of a key; of random ones there are far more
# Names that are never anybody's in the world (RFC 2606, 6761, 6762, 8375, 9476).
LOCAL_ENDINGS = (
    "alt",
    "corp",
    "home",
    "home.arpa",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "onion",
    "private",
    "test",
)
ON = {"1", "true", "yes", "on"}


class Unfit(Exception):
    """The one sentence that says why it does not start, and what to do."""


def read_secret(name: str, environment: Mapping[str, str] = os.environ) -> str:
    """Read a secret, or the file that `<name>_FILE` names; "" where there is none."""
    path = environment.get(f"{name}_FILE", "")
    text = environment.get(name, "")
    if not path:
        return text
    if text:
        raise Unfit(f"{name}_FILE and {name} are both set: unset one of them.")
    try:
        text = Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError):
        text = ""
    if not text:
        raise Unfit(
            f"{name}_FILE is {path!r}: it must name a file that can be read "
            "and holds the secret."
        )
    return text


def require_key(name: str, key: str) -> None:
    """Raise Unfit unless the key is long, and not a word or a default."""
    if len(key) < SHORTEST_KEY:
        raise Unfit(
            f"{name} is unset or short: set it to at least {SHORTEST_KEY} random "
            "characters and keep it, since sign-ins and links depend on it."
        )
    if len(set(key)) < FEWEST_LETTERS or "insecure" in key or "change-me" in key:
        raise Unfit(
            f"{name} is no secret: set it to at least {SHORTEST_KEY} random "
            "characters, such as `openssl rand -base64 48` prints."
        )


def is_local(host: str) -> bool:
    """Tell whether a host means something on this machine or in one network alone."""
    host = host.lower().rstrip(".")
    try:
        ip_address(host)
    except ValueError:
        labels = host.split(".")
        is_bare = len(labels) < 2 or labels[-1].isdigit()  # 127.1 is 127.0.0.1
        return is_bare or f".{host}".endswith(tuple(f".{x}" for x in LOCAL_ENDINGS))
    return not is_public(host)


def require_address(address: str) -> None:
    """Raise Unfit unless the address can be printed for good, and is safe to use."""
    why = "It is printed in certificates' codes for good, and in every mail."
    if not address:
        raise Unfit(
            "PUBLIC_URL is unset: set it to the address people type, such as "
            f"https://qualifications.example.com. {why}"
        )
    parts = urlsplit(address)
    if is_local(parts.hostname or ""):
        raise Unfit(
            f"PUBLIC_URL is {address!r}, which leads nowhere from elsewhere: set it "
            f"to the address people type. {why}"
        )
    if parts.scheme != "https":
        raise Unfit(
            f"PUBLIC_URL is {address!r}: it must begin with https://, without which "
            "browsers give no camera to a call, and sign-ins can be read on the way."
        )


def require_production(environment: Mapping[str, str] = os.environ) -> None:
    """Raise Unfit unless people can be served with these settings."""
    for name, why in (
        ("DEBUG", "it shows errors to everybody"),
        ("DEMO", "its people have a known password"),
        ("REHEARSAL", "what it prints leads nowhere"),
    ):
        if environment.get(name, "").lower() in ON:
            raise Unfit(
                f"{name} is on, which is for trying out alone, since {why}: unset it."
            )
    require_address(environment.get("PUBLIC_URL", ""))
    require_key("SECRET_KEY", read_secret("SECRET_KEY", environment))
    if environment.get("BEHIND_PROXY", "").lower() not in ON:
        raise Unfit(
            "BEHIND_PROXY is off: put a proxy with TLS before the web process and set "
            "it to 1, or all people count as one where guesses are limited."
        )


if __name__ == "__main__":
    try:
        require_production()
    except Unfit as unfit:
        sys.exit(str(unfit))
