"""Wagtail's database search, with the query cleaned in one place.

An unbalanced quote or a NUL makes SQLite's full-text search raise, in the site and
in the CMS alike (Wagtail issue 13227): every search comes through here.
"""

from __future__ import annotations

from typing import Any

from modelsearch.backends import database

LONGEST_QUERY = 200


def clean_query(text: str) -> str:
    """Leave what can be searched for: no quotes, no controls, 200 letters at most."""
    kept = "".join(
        letter if letter.isprintable() and letter not in "\"'“”" else " "
        for letter in text
    )
    return " ".join(kept.split())[:LONGEST_QUERY]


def SearchBackend(params: dict[str, Any]) -> Any:  # noqa: N802  # Wagtail asks for this name
    """The engine's backend, asked only cleaned queries."""
    plain = database.SearchBackend(params)

    class CleanedBackend(type(plain)):  # type: ignore[misc]  # known at run time only
        def _search(self, compiler: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
            if isinstance(query, str):
                query = clean_query(query)
            return super()._search(compiler, query, *args, **kwargs)

    return CleanedBackend(params)
