"""New migrations leave the release before alone, which serves while they are applied."""

import pytest
from django.db import models
from django.db.migrations import Migration, operations
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ModelState, ProjectState
from django.db.models import Q

from lms.constraints import AppendOnly
from lms.migrating import AddIndexBeside
from tests.releases import PREVIOUS, faults_of, new_migrations

INDEX = models.Index(fields=["name"], name="team_by_name")
ONE_NAME = models.UniqueConstraint(fields=["name"], name="one_name")
NAMED = models.CheckConstraint(condition=~Q(name=""), name="named")
WORD = models.CharField(max_length=20)
# What is right in a table that the release before knows.
RIGHT = [
    operations.AddField("team", "note", models.CharField(max_length=9, null=True)),
    operations.AddField("team", "note", models.TextField(db_default="")),
    operations.AddField("team", "all", models.ManyToManyField("people.team")),
    operations.AlterField("team", "name", models.CharField(max_length=30)),
    operations.AlterField("team", "name", models.CharField(max_length=20, null=True)),
    operations.AddConstraint("team", AppendOnly(name="only_append")),
    operations.RemoveConstraint("team", "what"),
    operations.RemoveIndex("team", "which"),
    AddIndexBeside("team", INDEX),
    operations.RunPython(operations.RunPython.noop, operations.RunPython.noop),
    operations.RunSQL("UPDATE people_team SET name = 'x' WHERE id = 0"),
    operations.CreateModel("Other", [("id", models.BigAutoField(primary_key=True))]),
    operations.SeparateDatabaseAndState(
        state_operations=[operations.RemoveField("team", "name")]
    ),
]
WRONG = [
    (operations.RemoveField("team", "name"), "needs it still"),
    (operations.RenameField("team", "name", "title"), "needs it still"),
    (operations.DeleteModel("team"), "needs it still"),
    (operations.RenameModel("team", "group"), "needs it still"),
    (operations.AlterModelTable("team", "groups"), "needs it still"),
    (operations.AddField("team", "n", models.CharField(default="")), "db_default"),
    (operations.AddField("team", "n", models.IntegerField()), "db_default"),
    (
        operations.AddField("team", "n", models.IntegerField(null=True, unique=True)),
        "index",
    ),
    (operations.AlterField("team", "name", models.TextField()), "another type"),
    (operations.AlterField("team", "name", models.CharField(max_length=9)), "longer"),
    (operations.AlterField("team", "size", models.IntegerField()), "may write none"),
    (operations.AlterField("team", "kind", models.IntegerField()), "its default"),
    (
        operations.AlterField(
            "team", "name", models.CharField(max_length=20, db_index=True)
        ),
        "index",
    ),
    (operations.AddIndex("team", INDEX), "AddIndexBeside"),
    (operations.AddConstraint("team", ONE_NAME), "each row"),
    (operations.AddConstraint("team", NAMED), "each row"),
    (operations.AlterUniqueTogether("team", {("name",)}), "each row"),
    (operations.RunPython(operations.RunPython.noop), "taken back"),
    (operations.RunSQL("ALTER TABLE people_team DROP COLUMN name"), "take something"),
    (
        operations.RunSQL("alter table people_team alter name type text"),
        "take something",
    ),
    (
        operations.SeparateDatabaseAndState([operations.RemoveField("team", "name")]),
        "needs it still",
    ),
]


def judged(*asked: operations.base.Operation, **excuses: str) -> list[str]:
    state = ProjectState()
    fields = [
        ("id", models.BigAutoField(primary_key=True)),
        ("name", models.CharField(max_length=20)),
        ("size", models.IntegerField(null=True)),
        ("kind", models.IntegerField(db_default=1)),
    ]
    known = [models.Index(fields=["name"], name="which")]
    constraints = [models.CheckConstraint(condition=~Q(name="a"), name="what")]
    options = {"indexes": known, "constraints": constraints}
    state.add_model(ModelState("people", "Team", fields, options))
    migration = Migration("9999_new", "people")
    migration.operations = list(asked)
    for name, why in excuses.items():
        setattr(migration, name, why)
    return faults_of(migration, state, set())


@pytest.mark.parametrize("operation", RIGHT, ids=lambda each: each.describe())
def test_what_the_release_before_does_not_notice_is_right(operation):
    assert judged(operation) == []


@pytest.mark.parametrize(  # ids of their own: some operations' texts hold addresses
    ("operation", "words"),
    WRONG,
    ids=[f"{n} {words}" for n, (_, words) in enumerate(WRONG)],
)
def test_what_the_release_before_would_miss_or_wait_for_is_found(operation, words):
    (fault,) = judged(operation)

    assert fault.startswith("people.9999_new: ")
    assert words in fault


def test_a_table_that_is_new_may_have_anything():
    made = operations.CreateModel(
        "Other", [("id", models.BigAutoField(primary_key=True)), ("name", WORD)]
    )
    index = models.Index(fields=["name"], name="other_by_name")
    plain = models.UniqueConstraint(fields=["name"], name="other_name")

    assert not judged(
        made,
        operations.AddIndex("other", index),
        operations.AddConstraint("other", plain),
        operations.AddField("other", "size", models.IntegerField(default=1)),
    )


def test_a_reason_excuses_what_it_is_for():
    goes, waits = (
        operations.RemoveField("team", "size"),
        operations.AddIndex("team", INDEX),
    )

    assert not judged(goes, contracts="not used since the last release")
    assert not judged(waits, is_quick="some dozens of rows")
    assert judged(goes, is_quick="some dozens of rows")
    assert judged(waits, contracts="not used since the last release")


def test_new_migrations_leave_the_release_before_alone():
    assert [fault for _migration, faults in new_migrations() for fault in faults] == []


def test_the_release_before_has_the_migrations_that_are_named():
    there = set(MigrationLoader(None).disk_migrations)

    assert set(PREVIOUS["migrations"].items()) <= there
