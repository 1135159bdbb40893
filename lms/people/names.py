"""People's names, as they are stored: one line, no control characters.

What cannot be seen is dropped, markup is text like any other, and a name has letters.
"""

from __future__ import annotations

import re
import unicodedata

from allauth.account.models import EmailAddress

from lms.people.models import User

_BLANK_LETTERS = "\u115f\u1160\u3164\uffa0"  # letters to Unicode, nothing to the eye
_TAG = re.compile(r"<[^>]*>?")
_JOINERS = "\u200c\u200d"  # which some scripts write with


def one_line(text: str) -> str:
    """Make any run of white space one space, and drop what cannot be seen.

    Signs that turn the direction of writing go too: they make a name look like another.
    """
    seen = "".join(
        c
        for c in text
        if c.isspace()
        or c in _JOINERS
        or unicodedata.category(c) not in ("Cc", "Cf", "Cs")
    )
    return " ".join(seen.split()).strip(_JOINERS)


def printed_name(user: User) -> str:
    """The name as certificates print it; the address where there is no name."""
    return unicodedata.normalize("NFC", one_line(user.full_name) or user.email)


def has_letters(name: str) -> bool:
    """Whether anything is left to call somebody by, without markup and signs."""
    return any(
        unicodedata.category(c).startswith("L") and c not in _BLANK_LETTERS
        for c in _TAG.sub("", name)
    )


def lower(email: str) -> str:
    """Write an address as it is stored."""
    return email.strip().lower()


def person_at(email: str) -> User | None:
    """The person who signs in with this address, own or further but verified."""
    email = lower(email)
    person: User | None = User.objects.filter(email=email).first()
    if person is None:  # two queries: one over both tables would use no index
        further = EmailAddress.objects.filter(email=email, verified=True)
        person = User.objects.filter(pk__in=further.values("user")).first()
    return person
