"""One slot, many who ask, behind a pooler: each transaction has another connection.

The guards are locks of rows, held to the end of their transaction, and constraints:
neither belongs to a connection that another may get meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections

from courses.models import Edition
from tests.operations.machines import Pooler
from tests.sessions.test_storms import (  # noqa: F401  # fixtures are
    BOOKED,
    TOLD,
    asks_for,
    edition,
    enrol,
    look_early,
    monday,
    no_constraints,
    overlaps,
    storm,
    trainers,
)

pytestmark = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite has no connections to pool."
)


@pytest.fixture
def pooler(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Pooler]:
    """Ask the database by a pooler with four connections for all twelve processes."""
    pooler = Pooler(tmp_path / "pooler").start()
    options = connection.settings_dict["OPTIONS"] | {"server_side_binding": False}
    options.pop("host", None)
    connections.close_all()
    for name, value in {
        "HOST": pooler.bind,
        "PORT": pooler.port,
        "USER": pooler.user,
        "OPTIONS": options,
    }.items():
        monkeypatch.setitem(connection.settings_dict, name, value)
    yield pooler
    connections.close_all()
    monkeypatch.undo()
    pooler.close()


def test_without_any_guard_calls_collide_behind_a_pooler(
    edition: Edition,  # noqa: F811
    storm: Callable[..., Any],  # noqa: F811
    no_constraints: None,  # noqa: F811
    look_early: Callable[..., None],  # noqa: F811
    pooler: Pooler,
) -> None:
    """The negative control: without the guards the same storm does harm."""
    trainers(edition, 1)
    asks = asks_for(enrol(edition, 24), windows=2)

    answers = storm(asks, rounds=2, before=look_early)

    assert answers[BOOKED] > 2
    assert overlaps() > 0


@pytest.mark.parametrize("guards", ["all", "constraints", "locks"])
def test_each_guard_keeps_calls_apart_behind_a_pooler(
    request: pytest.FixtureRequest,
    edition: Edition,  # noqa: F811
    storm: Callable[..., Any],  # noqa: F811
    pooler: Pooler,
    guards: str,
) -> None:
    trainers(edition, 1)
    asks = asks_for(enrol(edition, 24), windows=2)
    before = None
    if guards == "constraints":
        before = request.getfixturevalue("look_early")
    if guards == "locks":
        request.getfixturevalue("no_constraints")

    answers = storm(asks, rounds=2, before=before)

    assert answers == {BOOKED: 2, TOLD: 22}
    assert overlaps() == 0
