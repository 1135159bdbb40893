from typing import Any

import pytest

from certificates import serials


@pytest.fixture(scope="module")
def module_claim() -> dict[str, Any]:
    return a_claim()


@pytest.fixture
def claim() -> dict[str, Any]:
    return a_claim()


def a_claim() -> dict[str, Any]:
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
