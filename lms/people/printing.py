"""Which letters of a name cannot be printed: asked of whoever prints, while it is typed.

Who prints says so at the start (`print_with`), so that this room knows nothing of it.
Nobody is refused for a letter: people have the names they have.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection

from django.utils.translation import gettext as _

_ASKED: list[Callable[[str], Collection[str]]] = []


def print_with(missing_letters: Callable[[str], Collection[str]]) -> None:
    """Let this be asked of each name, from now on: which letters it cannot print."""
    if missing_letters not in _ASKED:
        _ASKED.append(missing_letters)


def unprinted(name: str) -> list[str]:
    """The letters that cannot be printed yet; a mark alone stands upon a circle."""
    found = {letter for missing_letters in _ASKED for letter in missing_letters(name)}
    return [
        f"\u25cc{letter}" if unicodedata.category(letter[0]).startswith("M") else letter
        for letter in sorted(found)
    ]


def unprinted_words(name: str) -> str:
    """What to tell somebody of their letters; nothing where all can be printed."""
    letters = unprinted(name)
    if not letters:
        return ""
    return _(
        "Our certificates cannot print these letters yet: %(letters)s. "
        "You can go on: we add them."
    ) % {"letters": " ".join(letters)}
