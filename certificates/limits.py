"""How often somebody may guess, counted in the cache that all processes share.

Only what missed is counted, never a look at a certificate that there is: whoever has
its serial reads it as often as they like. An address that has missed too often is
answered without looking. When misses come from everywhere at once, less is allowed to
each address, and who has missed nothing goes on reading. A cache that forgets lets more
be guessed: of 60 random bits, in any case too little to find anything.
"""

from __future__ import annotations

import time
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

from allauth.account.adapter import get_adapter
from django.core.cache import cache
from django.http import HttpRequest
from django.utils.crypto import salted_hmac


class Limit(NamedTuple):
    """So many times in so many seconds."""

    name: str
    times: int
    seconds: int


SERIALS = Limit("serials", 20, 600)  # unknown serials and files, by one address
SERIALS_OF_ALL = Limit("serials-of-all", 200, 60)
UNDER_PRESSURE = 2  # times that one address may miss while all together miss too often
NAMES = Limit("names", 10, 600)  # comparisons with a hidden name, by one address
NAMES_OF_ONE = Limit("names-of-one", 50, 86_400)  # with that of one certificate


def may_guess(request: HttpRequest) -> bool:
    """Whether a serial or a file may be looked up; one query."""
    who = _who(request)
    last = _slot(SERIALS, who, SERIALS.times)
    early = _slot(SERIALS, who, UNDER_PRESSURE)
    all_of_them = _slot(SERIALS_OF_ALL, "", SERIALS_OF_ALL.times)
    used = cache.get_many([last, early, all_of_them])
    return last not in used and not {early, all_of_them} <= used.keys()


def count_miss(request: HttpRequest) -> None:
    """Remember that what was asked for is not there."""
    _use(SERIALS, _who(request))
    _use(SERIALS_OF_ALL, "")


def may_compare(request: HttpRequest, serial: str) -> bool:
    """Whether a name may be compared, which counts at once, right or wrong."""
    return _use(NAMES, _who(request)) and _use(NAMES_OF_ONE, serial)


def _use(limit: Limit, who: str) -> bool:
    """Take the next of the times allowed; False when all are taken.

    Each is a key of its own, since adding one is all or nothing in every cache.
    """
    slots = [_slot(limit, who, number) for number in range(1, limit.times + 1)]
    taken = cache.get_many(slots)
    return any(
        slot not in taken and cache.add(slot, True, limit.seconds) for slot in slots
    )


def _slot(limit: Limit, who: str, number: int) -> str:
    window = int(time.time()) // limit.seconds
    return f"limit:{limit.name}:{window}:{number}:{who}"


def _who(request: HttpRequest) -> str:
    """The address that asks, not to be read from the cache; IPv6 by its network."""
    text = get_adapter(request).get_client_ip(request) or ""
    try:
        address = ip_address(text)
    except ValueError:
        return text
    if isinstance(address, IPv6Address):
        text = address.exploded[:19]
    return salted_hmac("certificates.limits", text).hexdigest()[:32]
