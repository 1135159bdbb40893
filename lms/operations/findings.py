"""What a look at one part of the installation found, in a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum

from django.utils.translation import gettext as _
from django.utils.translation import ngettext


class Level(IntEnum):
    """How well it is; its number is what `doctor` ends with."""

    OK = 0
    WARN = 1  # works, and should be looked at
    BAD = 2  # does not work


@dataclass(frozen=True)
class Finding:
    """One sentence on one part; `step` is what to do about it, where it is not well."""

    words: str
    level: Level = Level.OK
    step: str = ""


def good(words: str) -> Finding:
    return Finding(words)


def warn(words: str, step: str) -> Finding:
    return Finding(words, Level.WARN, step)


def bad(words: str, step: str) -> Finding:
    return Finding(words, Level.BAD, step)


def age(length: timedelta) -> str:
    """A length of time in words, in its largest unit: "3 minutes"."""
    seconds = max(0, round(length.total_seconds()))
    if seconds < 120:
        return ngettext("%d second", "%d seconds", seconds) % seconds
    if seconds < 2 * 3600:
        return _("%d minutes") % (seconds // 60)
    if seconds < 2 * 86_400:
        return _("%d hours") % (seconds // 3600)
    return _("%d days") % (seconds // 86_400)


def size(amount: int) -> str:
    """An amount of bytes in words: "3.2 GB"."""
    for unit, of in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6)):
        if amount >= of:
            return f"{amount / of:.1f} {unit}"
    return f"{amount / 1000:.0f} kB"


def first_line(error: Exception) -> str:
    """The first line of what a driver says, which names host and port at most."""
    lines = str(error).strip().splitlines()
    return lines[0][:150] if lines else type(error).__name__
