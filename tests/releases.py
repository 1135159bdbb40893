"""The release before this one, and what a migration must not do to it.

While migrations are applied, the release before goes on serving people: it must find
every column and table that it knows, must be able to add rows, and must not wait for a
lock that is held for long. So: expand now, contract a release later.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from django.db import models
from django.db.migrations import Migration, operations
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState
from django.db.models.fields import NOT_PROVIDED

from lms.constraints import AppendOnly, NoOverlap
from lms.migrating import AddIndexBeside

ROOT = Path(__file__).resolve().parent.parent
PREVIOUS = tomllib.loads((ROOT / "deploy/previous-release.toml").read_text())
ROOMS = {*PREVIOUS["migrations"], "operations"}
TAKES_AWAY = re.compile(r"\b(DROP|RENAME|TRUNCATE|SET\s+NOT\s+NULL|TYPE)\b", re.I)
TRIGGERS = (AppendOnly, NoOverlap)  # they look at what comes, not at what is there


class Fault(NamedTuple):
    """What is wrong; `takes` if the release before misses something by it."""

    words: str
    takes: bool


def is_new(app: str, name: str) -> bool:
    return app in ROOMS and name > PREVIOUS["migrations"].get(app, "")


def new_migrations() -> Iterator[tuple[Migration, list[str]]]:
    """Each of our migrations since the release before, with its faults."""
    loader = MigrationLoader(None)
    state = ProjectState(real_apps=loader.unmigrated_apps)
    made: set[tuple[str, str]] = set()
    leaves = loader.graph.leaf_nodes()
    for key in loader.graph._generate_plan(leaves, at_end=True):
        migration = loader.graph.nodes[key]
        if is_new(*key):
            yield migration, faults_of(migration, state, made)
        else:
            for operation in migration.operations:
                operation.state_forwards(migration.app_label, state)


def faults_of(
    migration: Migration, state: ProjectState, made: set[tuple[str, str]]
) -> list[str]:
    """What is wrong with it; brings the state, and the models made since, up to date.

    A migration may say why it is right all the same: `contracts`, that the release
    before no longer uses what goes; `is_quick`, that so few rows are no matter.
    """
    found = []
    for operation in migration.operations:
        if isinstance(operation, operations.CreateModel):
            made.add((migration.app_label, operation.name_lower))
        for fault in _faults(operation, migration.app_label, state, made):
            excuse = "contracts" if fault.takes else "is_quick"
            if not getattr(migration, excuse, ""):
                found.append(f"{migration}: {fault.words}")
        operation.state_forwards(migration.app_label, state)
    return found


def _faults(
    operation: Any, app: str, state: ProjectState, made: set[tuple[str, str]]
) -> Iterator[Fault]:
    if isinstance(operation, operations.SeparateDatabaseAndState):
        for each in operation.database_operations:
            yield from _faults(each, app, state, made)
        return
    if isinstance(operation, operations.RunSQL):
        if TAKES_AWAY.search(str(operation.sql)):
            yield Fault("its SQL may take something away", True)
        return
    if isinstance(operation, operations.RunPython):
        if operation.reverse_code is None:
            yield Fault("its data cannot be taken back", True)
        return
    name = getattr(operation, "model_name", None) or getattr(operation, "name", "")
    if (app, name.lower()) in made:
        return
    what = operation.describe()
    match operation:
        case (
            operations.DeleteModel()
            | operations.RenameModel()
            | operations.AlterModelTable()
            | operations.RemoveField()
            | operations.RenameField()
        ):
            yield Fault(f"{what}: the release before needs it still", True)
        case operations.AddField(field=field):
            yield from _added(what, field)
        case operations.AlterField(field=field):
            before = state.models[app, name.lower()].fields[operation.name]
            yield from _altered(what, before, field)
        case AddIndexBeside():
            pass
        case operations.AddIndex():
            yield Fault(f"{what}: writers wait; use AddIndexBeside", False)
        case operations.AddConstraint(constraint=constraint):
            if not isinstance(constraint, TRIGGERS):
                yield Fault(f"{what}: each row is looked at under a lock", False)
        case operations.AlterUniqueTogether() | operations.AlterOrderWithRespectTo():
            yield Fault(f"{what}: each row is looked at under a lock", False)


def _added(what: str, field: models.Field[Any, Any]) -> Iterator[Fault]:
    if field.many_to_many:
        return  # a table of its own
    has_default = field.db_default is not NOT_PROVIDED or field.generated
    if not field.null and not has_default:
        yield Fault(f"{what}: needs null=True or db_default", True)
    if field.unique or field.db_index:
        yield Fault(f"{what}: its index keeps writers waiting", False)
    if field.generated:
        yield Fault(f"{what}: rewrites the table", False)


def _altered(what: str, before: Any, after: Any) -> Iterator[Fault]:
    if before.get_internal_type() != after.get_internal_type():
        yield Fault(f"{what}: another type rewrites the table", True)
        return
    if before.null and not after.null:
        yield Fault(f"{what}: the release before may write none", True)
    if before.db_default is not NOT_PROVIDED and after.db_default is NOT_PROVIDED:
        yield Fault(f"{what}: the release before may lean on its default", True)
    if (before.max_length or 0) > (after.max_length or 1_000_000_000):
        yield Fault(f"{what}: the release before may write longer", True)
    if (after.unique or after.db_index) and not (before.unique or before.db_index):
        yield Fault(f"{what}: its index keeps writers waiting", False)
