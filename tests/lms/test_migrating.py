"""An index can be made beside those who work, and again after a broken try."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
from django.db import NotSupportedError, connection, models, transaction
from django.db.migrations.state import ModelState, ProjectState

from lms.migrating import AddIndexBeside
from lms.people.models import Team

NAME = "team_by_its_order"
BESIDE = AddIndexBeside("team", models.Index(fields=["order"], name=NAME))


@pytest.fixture
def states(transactional_db: None) -> Iterator[tuple[ProjectState, ProjectState]]:
    """The teams before and after."""
    before = ProjectState()
    before.add_model(ModelState.from_model(Team))
    after = before.clone()
    BESIDE.state_forwards("people", after)
    yield before, after
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX IF EXISTS {NAME}")


def _indexes() -> list[str]:
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, Team._meta.db_table)
    return [name for name in found if name == NAME]


def _forwards(before: ProjectState, after: ProjectState) -> None:
    with connection.schema_editor(atomic=False) as editor:
        BESIDE.database_forwards("people", editor, before, after)


def test_an_index_is_made_and_taken_away(states):
    before, after = states

    _forwards(before, after)
    made = _indexes()
    with connection.schema_editor(atomic=False) as editor:
        BESIDE.database_backwards("people", editor, after, before)

    assert (made, _indexes()) == ([NAME], [])


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="PostgreSQL's own")
def test_what_a_broken_try_left_is_made_anew(states):
    before, after = states
    _forwards(before, after)
    with connection.cursor() as cursor:  # as a try that was killed leaves it
        cursor.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass",
            [NAME],
        )

    _forwards(before, after)

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indisvalid FROM pg_index WHERE indexrelid = %s::regclass", [NAME]
        )
        assert cursor.fetchone() == (True,)


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="PostgreSQL's own")
def test_a_migration_in_a_transaction_is_told_how(states):
    with (
        suppress(RuntimeError),
        pytest.raises(NotSupportedError, match="atomic = False"),
        transaction.atomic(),
    ):
        _forwards(*states)

    assert _indexes() == []
