"""How often somebody may guess, counted in the cache that all processes share.

Only what missed is counted, never a look at what there is: whoever has a certificate's
serial or a feed's address reads it as often as they like. An address that has missed too
often is answered without looking. When misses come from everywhere at once, less is
allowed to each address, and who has missed nothing goes on. A cache that forgets lets
more be guessed: of 60 random bits and more, in any case too little to find anything.

Passwords and codes are limited by allauth, before it looks (`ACCOUNT_RATE_LIMITS`); what
it does not do is here too: one account, tried from everywhere.
"""

from __future__ import annotations

import time
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

from allauth.core.internal.httpkit import get_client_ip
from django.core.cache import cache
from django.http import HttpRequest
from django.utils.crypto import salted_hmac


class Limit(NamedTuple):
    """So many times in so many seconds."""

    name: str
    times: int
    seconds: int


class Guesses(NamedTuple):
    """How often one address may miss, and all of them together."""

    by_one: Limit
    by_all: Limit


SERIALS = Guesses(  # of certificates and files
    Limit("serials", 20, 600), Limit("serials-of-all", 200, 60)
)
LINKS = Guesses(  # of invitations, and those that claim a login
    Limit("links", 20, 600), Limit("links-of-all", 200, 60)
)
FEEDS = Guesses(Limit("feeds", 20, 600), Limit("feeds-of-all", 200, 60))
PASSWORDS = Guesses(  # of one account
    Limit("passwords", 5, 300), Limit("passwords-of-all", 20, 300)
)
UNDER_PRESSURE = 2  # times that one address may miss while all together miss too often
COMPANY_SIGN_INS = Limit("company-sign-ins", 60, 600)  # begun, by one address
NAMES = Limit("names", 10, 600)  # comparisons with a hidden name, by one address
NAMES_OF_ONE = Limit("names-of-one", 50, 86_400)  # with that of one certificate


def may_guess(request: HttpRequest, what: Guesses, of: str = "") -> bool:
    """Whether something may be looked up, of one account where it is of one; a query."""
    who = f"{hidden(of)}{who_asks(request)}"
    last = _slot(what.by_one, who, what.by_one.times)
    early = _slot(what.by_one, who, UNDER_PRESSURE)
    all_of_them = _slot(what.by_all, hidden(of), what.by_all.times)
    used = cache.get_many([last, early, all_of_them])
    return last not in used and not {early, all_of_them} <= used.keys()


def count_miss(request: HttpRequest, what: Guesses, of: str = "") -> None:
    """Remember that what was asked for is not there."""
    take(what.by_one, f"{hidden(of)}{who_asks(request)}")
    take(what.by_all, hidden(of))


def may_compare(request: HttpRequest, serial: str) -> bool:
    """Whether a name may be compared, which counts at once, right or wrong."""
    return take(NAMES, who_asks(request)) and take(NAMES_OF_ONE, serial)


def take(limit: Limit, who: str) -> bool:
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


def who_asks(request: HttpRequest) -> str:
    """The address that asks, not to be read from the cache; IPv6 by its network."""
    text = get_client_ip(request) or ""
    try:
        address = ip_address(text)
    except ValueError:
        return hidden(text)
    return hidden(address.exploded[:19] if isinstance(address, IPv6Address) else text)


def hidden(text: str) -> str:
    """The same for the same, and not to be read back; nothing of nothing."""
    return text and salted_hmac("lms.limits", text).hexdigest()[:32]
