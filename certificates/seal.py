"""The seal on a file: put on, and looked at when somebody brings a file back.

PAdES, certified against any change. pyHanko, which does it, is loaded at the first call.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from django.utils.functional import Promise

FIELD = "Seal"  # the empty field that `certificates.render` leaves for it


class CannotSeal(Exception):
    """There can be no seal just now: the text says why, for staff."""


class Fault(StrEnum):
    """What may be wrong with a file, the worst first."""

    UNREADABLE = "unreadable"
    NOT_SEALED = "not_sealed"
    CUT = "cut"
    SAVED_ANEW = "saved_anew"
    UNKNOWN_KEY = "unknown_key"
    CHANGED = "changed"
    ADDED_TO = "added_to"
    SAMPLE = "sample"


class Finding(NamedTuple):
    """One thing that is wrong with a file."""

    fault: Fault
    text: str | Promise


def seal(pdf: bytes) -> bytes:
    """The file with our seal in its field, and a trusted time where TSA_URL is set.

    The last thing done to a file: whatever is changed after is found. Raises
    `keys.KeyTrouble` where the key is out of reach, and CannotSeal.
    """
    from certificates.sealer import put_on  # noqa: PLC0415  half a second

    return put_on(pdf)


def findings(pdf: bytes) -> list[Finding]:
    """All that is wrong with a file; nothing where it is ours, whole and unchanged.

    It is held against the seals we have or had, and asks neither database nor network.
    """
    from certificates.examining import examine  # noqa: PLC0415  half a second

    return examine(pdf)


def named_in(pdf: bytes) -> dict[str, str]:
    """Each serial that a file carries, by where: it may have been given another's."""
    from certificates.examining import serials_in  # noqa: PLC0415  as above

    return serials_in(pdf)


def serial_of(pdf: bytes) -> str | None:
    """The serial of the certificate that a file is, or was before it was changed."""
    from certificates.examining import serial_in  # noqa: PLC0415  as above

    return serial_in(pdf)
