"""What does not work just now, known to each web process without asking anybody.

The process looks after each beat of its heart; pages read what was found last. So it
costs a page nothing, is told within a minute, and goes by itself.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from django.db import Error

from lms.operations import doctor
from lms.operations.findings import Level

logger = logging.getLogger(__name__)

TOLD = ("worker", "clock", "work", "disk", "mail", "certificates")


@dataclass(frozen=True)
class Trouble:
    """A part that does not work."""

    title: str
    words: str


class _Noticed:
    """What this process found last."""

    suspected: frozenset[str] = frozenset()
    troubles: tuple[Trouble, ...] = ()


_noticed = _Noticed()


def troubles() -> tuple[Trouble, ...]:
    """What does not work, as this process found it last; no query."""
    return _noticed.troubles


def look() -> None:
    """Look at what staff are told of: what is found bad twice running is told.

    So nothing is said of a process that is just being started again.
    """
    bad: dict[str, Trouble] = {}
    for check in doctor.CHECKS:
        if check.key not in TOLD:
            continue
        try:
            finding = check.look()
        except (Error, OSError) as error:
            logger.warning("Not looked at: %s, %s", check.key, type(error).__name__)
            continue
        if finding.level is Level.BAD:
            bad[check.key] = Trouble(str(check.title), finding.words)
    _noticed.troubles = tuple(
        trouble for key, trouble in bad.items() if key in _noticed.suspected
    )
    _noticed.suspected = frozenset(bad)


def forget() -> None:
    """Know nothing again."""
    _noticed.troubles, _noticed.suspected = (), frozenset()
