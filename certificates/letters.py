"""Which letters our certificates can print, told without opening a font.

`letters.json` keeps what the finished fonts have, so that a name is looked at while it
is typed: no web request loads a font. `tools/letters.py` writes it
anew, and a test holds it against the fonts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple
from unicodedata import category, normalize

KEPT = Path(__file__).with_name("letters.json")


def missing_letters(text: str) -> set[str]:
    """The letters which none of our fonts has, as far as is known without them."""
    return missing_from(text, lambda: (face.letters for face in _installed_faces()))


def missing_from(text: str, faces: Callable[[], Iterable[Container[int]]]) -> set[str]:
    """The letters which none of the faces has, so that nothing has boxes.

    They are asked for anew each time, so that what need not be read is not.

    A letter and the marks upon it must come from one font: where each has one, but
    none has both, they are named together. Spaces count as present, and so do signs
    that are never drawn (joiners, direction marks, variants).
    """
    missing = set()
    for cluster in clusters(normalize("NFC", text)):
        if cluster.isspace() or any(covered(cluster, by=face) for face in faces()):
            continue
        alone = {
            letter
            for letter in cluster
            if not is_unseen(letter)
            and not any(ord(letter) in face for face in faces())
        }
        missing |= alone or {cluster}
    return missing


def covered(text: str, *, by: Container[int]) -> bool:
    """Whether one face alone can set the text: a name is not mixed from two."""
    return all(ord(letter) in by or is_unseen(letter) for letter in text)


def clusters(text: str) -> list[str]:
    """Letters, each with the marks upon it and the joiners behind it."""
    found: list[str] = []
    for letter in text:
        if found and (is_unseen(letter) or category(letter).startswith("M")):
            found[-1] += letter
        else:
            found.append(letter)
    return found


def is_unseen(letter: str) -> bool:
    return category(letter) == "Cf" or letter in _VARIANTS


_VARIANTS = frozenset(
    chr(code)
    for first, last in ((0xFE00, 0xFE0F), (0xE0100, 0xE01EF))
    for code in range(first, last + 1)
)


# --- What is kept ------------------------------------------------------------------


class KeptFace(NamedTuple):
    """What is known of a finished font: its file, its package, and its letters."""

    filename: str
    package: str
    letters: frozenset[int]

    @property
    def is_installed(self) -> bool:
        """Whether its package is there: the East Asian ones are added by choice."""
        return find_spec(self.package.replace("-", "_")) is not None


@cache
def kept_faces() -> tuple[KeptFace, ...]:
    return tuple(
        KeptFace(
            face["file"],
            face["package"],
            frozenset(
                code
                for first, last in face["letters"]
                for code in range(first, last + 1)
            ),
        )
        for face in json.loads(KEPT.read_text())
    )


@cache
def _installed_faces() -> tuple[KeptFace, ...]:
    return tuple(face for face in kept_faces() if face.is_installed)


def as_kept(faces: Iterable[KeptFace]) -> str:
    """What the file says of these faces: their letters as ranges."""
    lines = [
        json.dumps(
            {
                "file": face.filename,
                "package": face.package,
                "letters": _ranges(face.letters),
            },
            separators=(",", ":"),
        )
        for face in faces
    ]
    return "[\n" + ",\n".join(lines) + "\n]\n"


def _ranges(codes: Iterable[int]) -> list[list[int]]:
    ranges: list[list[int]] = []
    for code in sorted(codes):
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return ranges
