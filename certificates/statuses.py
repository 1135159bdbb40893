"""Which certificates still stand, as programs ask: Bitstring Status Lists 1.0.

A certificate has a random place in them from the start. Its bit is set once it has
ended, in whatever way: all are for good, and a badge has one status only (Open Badges
3.0), whose purpose says that the credential counts no longer.
"""

from __future__ import annotations

import gzip
from base64 import urlsafe_b64encode
from typing import Any

from django.conf import settings
from django.db.models import Max
from django.urls import reverse
from django.utils.timezone import now

from certificates.keys import issuer_id
from certificates.models import Certificate
from certificates.proofs import CREDENTIALS_V2, signed

PLACES = 131_072  # the least that a list has: 16 KB, so that asking tells nothing
PURPOSE = "revocation"
FRESH_SECONDS = 60


def entry(index: int) -> dict[str, Any]:
    """Where a credential's status is found."""
    number, place = divmod(index, PLACES)
    return {
        "id": f"{list_url(number)}#{place}",
        "type": "BitstringStatusListEntry",
        "statusPurpose": PURPOSE,
        "statusListIndex": str(place),
        "statusListCredential": list_url(number),
    }


def list_url(number: int) -> str:
    return settings.PUBLIC_URL + reverse("status_list", args=[number])


def ended_places(number: int) -> list[int]:
    """The places in a list whose certificates have ended; reads those alone."""
    first = number * PLACES
    ended = (
        Certificate.objects.exclude(ended_as="")
        .filter(status_index__gte=first, status_index__lt=first + PLACES)
        .order_by("status_index")
        .values_list("status_index", flat=True)
    )
    return [index - first for index in ended if index is not None]


def has_list(number: int) -> bool:
    """Whether some certificate has a place in it; the first is there from the start."""
    if number == 0:
        return True
    last = Certificate.objects.aggregate(last=Max("status_index"))["last"] or 0
    return number <= last // PLACES


def status_list(number: int) -> dict[str, Any]:
    """The signed list, as of now. Raises `keyfiles.KeyTrouble`."""
    return signed_list(number, ended_places(number))


def signed_list(number: int, places: list[int]) -> dict[str, Any]:
    at = now().strftime("%Y-%m-%dT%H:%M:%SZ")
    document = {
        "@context": [CREDENTIALS_V2],
        "id": list_url(number),
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "issuer": issuer_id(),
        "validFrom": at,
        "credentialSubject": {
            "id": f"{list_url(number)}#list",
            "type": "BitstringStatusList",
            "statusPurpose": PURPOSE,
            "encodedList": encoded(places),
        },
    }
    return signed(document, created=at)


def encoded(places: list[int]) -> str:
    """The bits, the leftmost first, compressed: the same places, the same text."""
    bits = bytearray(PLACES // 8)
    for place in places:
        bits[place // 8] |= 0x80 >> place % 8
    packed = gzip.compress(bits, mtime=0)
    return "u" + urlsafe_b64encode(packed).rstrip(b"=").decode()
