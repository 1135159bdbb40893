"""What the public sees of a certificate, and the holder's wish to hide the name.

Whoever hides it is named by initials in every public form; a visitor who knows the name
can have it compared. After an erasure there is no name at all. Both keep the rest.
"""

from __future__ import annotations

import enum
import unicodedata
from typing import Any

from django.db import transaction

from certificates.claims import ISSUER, POLICY
from certificates.models import Certificate
from courses.models import Enrolment
from lms.audit.log import record
from lms.people.models import User


class Naming(enum.Enum):
    """How a public form names the holder."""

    WHOLE = "whole"
    INITIALS = "initials"
    WITHDRAWN = "without-name"


NO_NAME = "–"
_VIRAMA = 9  # the class of the sign that drops a consonant's vowel
_OF_LETTERS = {
    _VIRAMA,
    8,
}  # marks that make another letter: Indic viramas, kana's voicing
_WRITTEN_FIRST = frozenset(
    "เแโใไເແໂໃໄ"
)  # vowels of Thai and Lao, spoken after the next
_UNDECOMPOSED = str.maketrans(
    {
        "ł": "l",
        "ø": "o",
        "đ": "d",
        "ð": "d",
        "ħ": "h",
        "ŧ": "t",
        "\N{LATIN SMALL LETTER DOTLESS I}": "i",
        "æ": "ae",
        "œ": "oe",
        "þ": "th",
    }
)


def naming_of(certificate: Certificate) -> Naming:
    if certificate.erased_at:
        return Naming.WITHDRAWN
    return Naming.INITIALS if certificate.is_name_hidden else Naming.WHOLE


def public_form(certificate: Certificate) -> dict[str, Any]:
    """The claim as everybody may see it; every public form is made from this."""
    claim = claim_of(certificate)
    if naming_of(certificate) is Naming.INITIALS:
        claim["name"] = initials(claim["name"])
    return claim


def claim_of(certificate: Certificate) -> dict[str, Any]:
    """The public claim without its salt; after an erasure, what the rows still say.

    Then it has neither a name nor a company, and costs two queries.
    """
    if not certificate.erased_at:
        return {k: v for k, v in certificate.public_claim.items() if k != "salt"}
    enrolment = certificate.enrolment
    issued_at = certificate.issued_at
    return {
        "version": 1,
        "serial": certificate.serial,
        "issuer": ISSUER,
        "issued_at": issued_at.isoformat(timespec="seconds"),
        "issued_on": issued_at.date().isoformat(),
        "language": "en-gb",
        "name": "",
        "reseller": "",
        **_asked_of(enrolment),
        "valid_from": enrolment.valid_from and enrolment.valid_from.isoformat(),
        "valid_until": enrolment.valid_until and enrolment.valid_until.isoformat(),
    }


def _asked_of(enrolment: Enrolment) -> dict[str, Any]:
    edition = enrolment.edition
    completed = dict(
        enrolment.completions.filter(voided_at=None).values_list("topic", "at")
    )
    return {
        "programme": {
            "title": edition.title,
            "section": edition.section,
            "edition": edition.number,
            "policy": POLICY,
        },
        "topics": [
            {
                "title": topic.title,
                "completed_on": completed[topic.topic_id].date().isoformat(),
            }
            for topic in edition.topics.order_by("order")
            if topic.topic_id in completed
        ],
    }


# --- The switch ------------------------------------------------------------------


@transaction.atomic
def hide_name(certificate: Certificate, *, by: User) -> None:
    """Show initials in public from now on. Repeating it changes nothing."""
    _switch(certificate, True, "certificate_name_hidden", by)


@transaction.atomic
def show_name(certificate: Certificate, *, by: User) -> None:
    """Show the name in public again. Repeating it changes nothing."""
    _switch(certificate, False, "certificate_name_shown", by)


def _switch(certificate: Certificate, is_hidden: bool, verb: str, by: User) -> None:
    changed = Certificate.objects.filter(
        pk=certificate.pk, is_name_hidden=not is_hidden
    ).update(is_name_hidden=is_hidden)
    certificate.is_name_hidden = is_hidden
    if changed:
        record(by, verb, certificate)


# --- Names -----------------------------------------------------------------------


def initials(name: str) -> str:
    """The first letter of each word, as it is written, in any script.

    A letter is what a reader takes for one: its accents and vowel signs belong to it.
    A dash, where that would be the whole name.
    """
    words = [word for word in (_letters(part) for part in name.split()) if word]
    firsts = [_first(word) for word in words]
    if not firsts or firsts == words:
        return NO_NAME
    return " ".join(f"{first}." for first in firsts)


def is_same_name(typed: str, name: str) -> bool:
    """Whether somebody typed the name: case, accents, spaces and order are forgiven."""
    wanted, given = _skeletons(name), _skeletons(typed)
    if not given:
        return False
    return "".join(given) == "".join(wanted) or sorted(given) == sorted(wanted)


def _letters(word: str) -> str:
    """The word from its first letter or digit on, without what cannot be seen."""
    seen = "".join(c for c in word if unicodedata.category(c) not in ("Cf", "Cc"))
    starts = (at for at, c in enumerate(seen) if c.isalnum())
    start = next(starts, None)
    return "" if start is None else seen[start:]


def _first(word: str) -> str:
    """Its first letter: up to the next sign that is no mark."""
    end = 2 if word[0] in _WRITTEN_FIRST else 1
    while end < len(word) and unicodedata.category(word[end]).startswith("M"):
        end += 1
    first = word[:end]
    while len(first) > 1 and unicodedata.combining(first[-1]) == _VIRAMA:
        first = first[:-1]
    return first


def _skeletons(name: str) -> list[str]:
    """Its words, bare of what people leave out when they type."""
    folded = unicodedata.normalize("NFKD", name).casefold().translate(_UNDECOMPOSED)
    kept = [
        c
        for c in unicodedata.normalize("NFKD", folded)
        if unicodedata.combining(c) in (0, *_OF_LETTERS)
        and unicodedata.category(c) not in ("Cf", "Cc")
    ]
    spaced = "".join(
        c if c.isalnum() or unicodedata.category(c).startswith("M") else " "
        for c in kept
    )
    return spaced.split()
