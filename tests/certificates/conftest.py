from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from certificates import serials
from tests.databases import CACHE


@pytest.fixture(scope="session", autouse=True)
def fonts_made_once() -> None:
    """Keep the finished fonts from run to run: making them takes 15 seconds."""
    kept, wanted = CACHE / "fonts", Path(settings.DATA_DIR) / "fonts"
    kept.mkdir(parents=True, exist_ok=True)
    if not wanted.exists():
        wanted.symlink_to(kept)


@pytest.fixture
def claim() -> dict[str, Any]:
    """A public claim as `certificates.issuing` writes it."""
    body = "8K3QZ7MXP4TD"
    return {
        "version": 1,
        "language": "en-gb",
        "serial": body + serials.check_symbol(body),
        "name": "Mara Lindqvist",
        "reseller": "Northwind Learning",
        "issuer": "ByteKast",
        "programme": {
            "title": "User Support",
            "section": "1.3",
            "edition": 1,
            "policy": "Reseller Support & Qualification Policy",
        },
        "topics": [
            {"title": "Using Resolve", "completed_on": "2026-11-10"},
            {"title": "Escalating Tickets", "completed_on": "2026-11-12"},
        ],
        "issued_at": "2026-11-12T15:04:05+00:00",
        "issued_on": "2026-11-12",
        "valid_from": "2026-11-12",
        "valid_until": None,
        "salt": "00",
    }
