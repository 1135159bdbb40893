"""People's names, as they are stored: one line, no control characters."""

from __future__ import annotations

import unicodedata

from allauth.account.models import EmailAddress

from lms.people.models import User

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
