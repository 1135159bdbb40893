"""The second wall: what a screen reads of people, past `visible_to`, says why."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


def unscoped(rows: T, why: str) -> T:
    """The rows, or the model, unchanged: `why` says what keeps others' rows out.

    `tests/test_second_wall.py` reads all modules that answer requests, and fails on a
    record about people that is fetched neither by a method that takes the request's
    access (`visible_to`, `managed_by`) nor through this.
    """
    return rows
