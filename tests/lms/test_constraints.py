"""Both constraints on throw-away tables, made and altered as migrations do it."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, migrations, models, transaction
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.state import ProjectState
from django.db.migrations.writer import MigrationWriter
from django.db.models import Model, Q

from lms.constraints import AppendOnly, NoOverlap, is_violation
from tests.databases import despite_deadlocks

pytestmark = pytest.mark.constraints

TEN = datetime(2026, 11, 24, 10, tzinfo=UTC)
ELEVEN = TEN + timedelta(hours=1)
NOON = TEN + timedelta(hours=2)
MINUTE = timedelta(minutes=1)


def no_overlap() -> NoOverlap:
    return NoOverlap(
        name="call_no_overlap",
        owner="trainer",
        start="starts_at",
        end="busy_until",
        condition=Q(state__in=["booked", "done"]) & ~Q(state="done", trial=True),
    )


def append_only() -> AppendOnly:
    return AppendOnly(
        name="proof_append_only",
        may_change=["note", "checked_by"],
        write_once=["voided_at", "voided_by", "answers"],
        may_clear=["name", "detail"],
    )


def tables() -> list[migrations.CreateModel]:
    trainer = models.ForeignKey("trial.trainer", models.PROTECT)
    maybe = models.ForeignKey(
        "trial.trainer", models.PROTECT, null=True, related_name="+"
    )
    pk = ("id", models.BigAutoField(primary_key=True))
    return [
        migrations.CreateModel("Trainer", [pk, ("name", models.TextField(default=""))]),
        migrations.CreateModel(
            "Call",
            [
                pk,
                ("trainer", trainer),
                ("starts_at", models.DateTimeField()),
                ("busy_until", models.DateTimeField()),
                ("state", models.CharField(max_length=9, default="booked")),
                ("trial", models.BooleanField(default=False)),
            ],
            {"constraints": [no_overlap()]},
        ),
        migrations.CreateModel(
            "Proof",
            [
                pk,
                ("trainer", trainer.clone()),
                ("name", models.TextField(default="Ada")),
                ("detail", models.JSONField(default=dict)),
                ("note", models.TextField(default="")),
                ("checked_by", maybe),
                ("voided_at", models.DateTimeField(null=True)),
                ("voided_by", maybe.clone()),
                ("answers", models.JSONField(null=True)),
            ],
            {"constraints": [append_only()]},
        ),
    ]


class Trial:
    """A database with the tables above, which further operations may alter."""

    def __init__(self) -> None:
        self.state = ProjectState()
        self.migrate(*tables())

    def migrate(self, *operations: Any) -> None:
        with connection.schema_editor() as editor:
            for operation in operations:
                before = self.state.clone()
                operation.state_forwards("trial", self.state)
                operation.database_forwards("trial", editor, before, self.state)

    def model(self, name: str) -> Any:
        return self.state.apps.get_model("trial", name)

    def trainer(self) -> Any:
        return self.model("Trainer").objects.create()

    def call(self, trainer: Any, start: datetime, end: datetime, **fields: Any) -> Any:
        return self.model("Call")(
            trainer_id=trainer.pk, starts_at=start, busy_until=end, **fields
        )

    def proof(self, **fields: Any) -> Any:
        fields = {"detail": {"score": 8}, **fields}
        return self.model("Proof").objects.create(
            trainer_id=self.trainer().pk, **fields
        )


@pytest.fixture
def trial(transactional_db: None) -> Trial:
    return Trial()


def refused(name: str, write: Callable[[], object]) -> bool:
    """Tell whether the named constraint refuses; any other error is loud."""
    try:
        with transaction.atomic():
            write()
    except IntegrityError as error:
        if is_violation(error, name):
            return True
        raise
    return False


# --- NoOverlap -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "overlaps"),
    [
        (TEN, ELEVEN, True),
        (TEN - MINUTE, TEN, False),
        (TEN - MINUTE, TEN + MINUTE, True),
        (ELEVEN, NOON, False),
        (ELEVEN - MINUTE, NOON, True),
        (ELEVEN - timedelta(microseconds=1), NOON, True),
        (TEN + MINUTE, ELEVEN - MINUTE, True),
        (TEN - MINUTE, ELEVEN + MINUTE, True),
        (TEN + timedelta(days=1), ELEVEN + timedelta(days=1), False),
    ],
)
def test_no_overlap_refuses_shared_time_only(trial, start, end, overlaps):
    trainer = trial.trainer()
    trial.call(trainer, TEN, ELEVEN).save()

    rival = trial.call(trainer, start, end)

    assert refused("call_no_overlap", rival.save) == overlaps


def test_no_overlap_leaves_other_owners_alone(trial):
    trial.call(trial.trainer(), TEN, ELEVEN).save()

    rival = trial.call(trial.trainer(), TEN, ELEVEN)

    assert not refused("call_no_overlap", rival.save)


@pytest.mark.parametrize(
    ("fields", "overlaps"),
    [
        ({"state": "booked"}, True),
        ({"state": "done"}, True),
        ({"state": "cancelled"}, False),
        ({"state": "done", "trial": True}, False),
        ({"state": "booked", "trial": True}, True),
    ],
)
def test_no_overlap_holds_where_the_condition_does(trial, fields, overlaps):
    trainer = trial.trainer()
    trial.call(trainer, TEN, ELEVEN).save()

    rival = trial.call(trainer, TEN, ELEVEN, **fields)

    assert refused("call_no_overlap", rival.save) == overlaps


def move(trial, rival, trainer):
    rival.starts_at, rival.busy_until = TEN, ELEVEN
    rival.save()


def move_by_queryset(trial, rival, trainer):
    trial.model("Call").objects.filter(pk=rival.pk).update(starts_at=TEN)


def move_all_by_queryset(trial, rival, trainer):
    trial.model("Call").objects.update(starts_at=TEN, busy_until=ELEVEN)


def move_in_bulk(trial, rival, trainer):
    rival.starts_at = TEN
    trial.model("Call").objects.bulk_update([rival], ["starts_at"])


def insert_in_bulk(trial, rival, trainer):
    trial.model("Call").objects.bulk_create(
        [trial.call(trainer, NOON + n * MINUTE, NOON + 2 * n * MINUTE) for n in (1, 1)]
    )


def take_up_again(trial, rival, trainer):
    rival.state = "cancelled"
    rival.starts_at = TEN
    rival.save()
    rival.state = "booked"
    rival.save(update_fields=["state"])


def change_trainer(trial, rival, trainer):
    call = trial.call(trial.trainer(), TEN, ELEVEN)
    call.save()
    call.trainer_id = trainer.pk
    call.save()


def write_sql(trial, rival, trainer):
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE trial_call SET starts_at = %s WHERE id = %s", [TEN, rival.pk]
        )


WAYS_TO_OVERLAP = [
    move,
    move_by_queryset,
    move_all_by_queryset,
    move_in_bulk,
    insert_in_bulk,
    take_up_again,
    change_trainer,
    write_sql,
]


@pytest.mark.parametrize("write", WAYS_TO_OVERLAP)
def test_no_overlap_refuses_every_way_to_write(trial, write):
    trainer = trial.trainer()
    trial.call(trainer, TEN, ELEVEN).save()
    rival = trial.call(trainer, ELEVEN, NOON)
    rival.save()

    assert refused("call_no_overlap", lambda: write(trial, rival, trainer))


def test_no_overlap_lets_a_row_move_onto_its_own_time(trial):
    call = trial.call(trial.trainer(), TEN, ELEVEN)
    call.save()
    call.starts_at, call.busy_until = TEN + 30 * MINUTE, ELEVEN + 30 * MINUTE

    assert not refused("call_no_overlap", call.save)


TRIAL_OPERATIONS = {
    "add a field": [
        migrations.AddField("call", "room", models.TextField(default="main"))
    ],
    "add an empty field": [
        migrations.AddField("call", "room", models.TextField(null=True))
    ],
    "alter a field": [
        migrations.AlterField(
            "call", "state", models.CharField(max_length=20, default="booked")
        )
    ],
    "alter and add at once": [
        migrations.AlterField(
            "call", "state", models.CharField(max_length=20, default="booked")
        ),
        migrations.AddField("call", "room", models.TextField(default="main")),
    ],
    "remove a field": [
        migrations.AddField("call", "room", models.TextField(default="main")),
        migrations.RemoveField("call", "room"),
    ],
    "rename the table": [migrations.AlterModelTable("call", "trial_meeting")],
    "remove and add it": [
        migrations.RemoveConstraint("call", "call_no_overlap"),
        migrations.AddConstraint("call", no_overlap()),
    ],
    "alter the owner's key": [
        migrations.AlterField(
            "trainer", "id", models.IntegerField(primary_key=True, serialize=False)
        ),
    ],
}


@pytest.mark.parametrize(
    "operations", TRIAL_OPERATIONS.values(), ids=TRIAL_OPERATIONS.keys()
)
def test_no_overlap_outlives_changes_of_the_table(trial, operations):
    trainer = trial.trainer()
    trial.call(trainer, TEN, ELEVEN).save()

    for operation in operations:
        trial.migrate(operation)

    assert refused("call_no_overlap", trial.call(trainer, TEN, ELEVEN).save)
    assert not refused("call_no_overlap", trial.call(trainer, ELEVEN, NOON).save)


def test_no_overlap_can_be_removed(trial):
    trainer = trial.trainer()
    trial.call(trainer, TEN, ELEVEN).save()

    trial.migrate(migrations.RemoveConstraint("call", "call_no_overlap"))

    assert not refused("call_no_overlap", trial.call(trainer, TEN, ELEVEN).save)


@pytest.mark.races
def test_no_overlap_lets_one_of_eight_take_the_slot(trial, run_at_once):
    trainer = trial.trainer()

    def take() -> None:
        despite_deadlocks(trial.call(trainer, TEN, ELEVEN).save)

    outcomes = run_at_once(*[take] * 8)

    assert outcomes.count(None) == 1
    losers = [outcome for outcome in outcomes if outcome is not None]
    assert all(isinstance(loser, IntegrityError) for loser in losers), losers
    assert all(is_violation(loser, "call_no_overlap") for loser in losers), losers
    assert trial.model("Call").objects.count() == 1


def test_no_overlap_tells_a_form_in_words(trial):
    trainer = trial.trainer()
    trial.call(trainer, TEN, ELEVEN).save()
    rival = trial.call(trainer, TEN, ELEVEN)

    with pytest.raises(ValidationError) as refusal:
        rival.validate_constraints(exclude={"trainer", "starts_at", "state"})

    assert refusal.value.messages == ["This time is already taken."]


@pytest.mark.parametrize(
    "change",
    [
        {"state": "cancelled"},
        {"starts_at": ELEVEN, "busy_until": NOON},
        {"starts_at": None},
        {"trainer_id": None},
    ],
)
def test_no_overlap_finds_no_fault_in_a_free_time(trial, change):
    trainer = trial.trainer()
    trial.call(trainer, TEN, ELEVEN).save()
    rival = trial.call(trainer, TEN, ELEVEN)
    for name, value in change.items():
        setattr(rival, name, value)

    rival.validate_constraints()


def test_no_overlap_finds_no_fault_in_the_row_itself(trial):
    call = trial.call(trial.trainer(), TEN, ELEVEN)
    call.save()

    call.validate_constraints()


# --- AppendOnly ------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Grace"},
        {"detail": {"score": 9}},
        {"trainer_id": 2},
        {"id": 99},
        {"name": "Grace", "note": "seen"},
    ],
)
def test_append_only_refuses_a_change(trial, change):
    proof, _other = trial.proof(), trial.proof()
    rows = trial.model("Proof").objects.filter(pk=proof.pk)

    assert refused("proof_append_only", lambda: rows.update(**change))


def test_append_only_refuses_a_saved_change(trial):
    proof = trial.proof()
    proof.name = "Grace"

    assert refused("proof_append_only", proof.save)


def test_append_only_refuses_a_bulk_update(trial):
    proof = trial.proof()
    proof.name = "Grace"
    rows = trial.model("Proof").objects

    assert refused("proof_append_only", lambda: rows.bulk_update([proof], ["name"]))


def test_append_only_refuses_an_upsert(trial):
    proof = trial.proof()
    proof.name = "Grace"
    rows = trial.model("Proof").objects

    assert refused(
        "proof_append_only",
        lambda: rows.bulk_create(
            [proof],
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=["name"],
        ),
    )


def test_append_only_refuses_to_delete(trial):
    proof = trial.proof()
    rows = trial.model("Proof").objects

    assert refused("proof_append_only", proof.delete)
    assert refused("proof_append_only", rows.all().delete)
    assert rows.count() == 1


def test_append_only_lets_a_row_be_saved_unchanged(trial):
    proof = trial.proof(answers=[{"b": 1, "a": 2}], voided_at=TEN)
    proof.refresh_from_db()

    assert not refused("proof_append_only", proof.save)


def test_append_only_lets_named_fields_change(trial):
    proof = trial.proof(note="first")
    rows = trial.model("Proof").objects.filter(pk=proof.pk)

    for note, trainer in (("second", trial.trainer()), ("", None)):
        change = {"note": note, "checked_by_id": trainer and trainer.pk}
        assert not refused("proof_append_only", lambda c=change: rows.update(**c))


@pytest.mark.parametrize(
    ("field", "empty", "once", "twice"),
    [
        ("voided_at", None, TEN, ELEVEN),
        ("voided_by_id", None, 1, 2),
        ("answers", None, [1], [2]),
        ("answers", [], [1], [2]),
        ("answers", {}, {"a": 1}, {}),
    ],
)
def test_append_only_writes_once(trial, field, empty, once, twice):
    trial.proof()
    proof = trial.proof(**{field: empty})
    rows = trial.model("Proof").objects.filter(pk=proof.pk)

    assert not refused("proof_append_only", lambda: rows.update(**{field: once}))
    assert refused("proof_append_only", lambda: rows.update(**{field: twice}))
    assert refused("proof_append_only", lambda: rows.update(**{field: None}))
    assert not refused("proof_append_only", lambda: rows.update(**{field: once}))


@pytest.mark.parametrize(
    ("field", "empty", "again"),
    [("name", "", "Ada"), ("detail", {}, {"score": 8})],
)
def test_append_only_clears_for_good(trial, field, empty, again):
    proof = trial.proof()
    rows = trial.model("Proof").objects.filter(pk=proof.pk)

    assert not refused("proof_append_only", lambda: rows.update(**{field: empty}))
    assert refused("proof_append_only", lambda: rows.update(**{field: again}))


def test_append_only_outlives_changes_of_the_table(trial):
    proof = trial.proof()

    trial.migrate(
        migrations.AlterField("proof", "note", models.CharField(max_length=9))
    )
    trial.migrate(
        migrations.AddField("proof", "kind", models.TextField(default="read"))
    )

    rows = trial.model("Proof").objects.filter(pk=proof.pk)
    assert refused("proof_append_only", lambda: rows.update(name="Grace"))
    assert refused("proof_append_only", lambda: rows.update(kind="call"))
    assert not refused("proof_append_only", lambda: rows.update(note="seen"))


def test_append_only_can_be_removed_and_added(trial):
    proof = trial.proof()
    rows = trial.model("Proof").objects.filter(pk=proof.pk)

    trial.migrate(migrations.RemoveConstraint("proof", "proof_append_only"))
    assert not refused("proof_append_only", lambda: rows.update(name="Grace"))

    trial.migrate(migrations.AddConstraint("proof", append_only()))
    assert refused("proof_append_only", lambda: rows.update(name="Ada"))


# --- Migrations and the real tables ----------------------------------------------


def detected(state: ProjectState) -> list[str]:
    """Return what makemigrations would do after tables() to reach the state."""
    before = ProjectState()
    for operation in tables():
        operation.state_forwards("trial", before)
    changes = MigrationAutodetector(before, state)._detect_changes()
    return [
        type(operation).__name__
        for migration in changes.get("trial", [])
        for operation in migration.operations
    ]


def test_makemigrations_finds_no_change():
    state = ProjectState()
    for operation in tables():
        operation.state_forwards("trial", state)

    assert detected(state) == []


@pytest.mark.parametrize(
    ("model", "constraint"),
    [
        (
            "call",
            NoOverlap(
                name="call_no_overlap",
                owner="trainer",
                start="starts_at",
                end="busy_until",
                condition=Q(state="booked"),
            ),
        ),
        ("proof", AppendOnly(name="proof_append_only", may_change=["note"])),
    ],
)
def test_makemigrations_finds_a_change(model, constraint):
    state = ProjectState()
    for operation in tables():
        operation.state_forwards("trial", state)
    state.models["trial", model].options["constraints"] = [constraint]

    assert detected(state) == ["RemoveConstraint", "AddConstraint"]


@pytest.mark.parametrize("constraint", [no_overlap(), append_only()])
def test_constraint_comes_back_from_a_migration_file(constraint):
    text, imports = MigrationWriter.serialize(constraint)

    names: dict[str, Any] = {}
    exec("\n".join(imports) + f"\nread = {text}", names)

    assert names["read"] == constraint
    assert constraint.clone() == constraint


def real_constraints(kind: type) -> list[tuple[type[models.Model], Any]]:
    return [
        (model, constraint)
        for model in apps.get_models()
        for constraint in model._meta.constraints
        if isinstance(constraint, kind)
    ]


@pytest.mark.django_db
def test_database_holds_every_promise_of_the_models():
    promised = set()
    for model, constraint in real_constraints((NoOverlap, AppendOnly)):
        events = (
            "update",
            "delete" if isinstance(constraint, AppendOnly) else "insert",
        )
        for event in events if connection.vendor == "sqlite" else [None]:
            name = f"{constraint.name}_{event}" if event else constraint.name
            promised.add((model._meta.db_table, name))

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tbl_name, name FROM sqlite_master WHERE type = 'trigger'"
            if connection.vendor == "sqlite"
            else "SELECT tgrelid::regclass::text, tgname FROM pg_trigger UNION"
            " SELECT conrelid::regclass::text, conname FROM pg_constraint"
        )
        held = set(cursor.fetchall())

    assert promised
    assert promised - held == set()


@pytest.mark.django_db
def test_append_only_guards_every_column_of_the_models():
    for model, constraint in real_constraints(AppendOnly):
        columns = {
            field.column
            for field in model._meta.local_concrete_fields
            if field.name not in constraint.may_change
        }
        again = f"Remove and add {constraint.name} again in the migration"
        assert guarded_columns(model, constraint) == columns, again


def guarded_columns(model: type[Model], constraint: AppendOnly) -> set[str]:
    """The columns that the trigger watches: SQLite's lists them."""
    on_postgresql = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = %s"
            if on_postgresql
            else "SELECT sql FROM sqlite_master WHERE name = %s || '_update'",
            [constraint.name],
        )
        (trigger,) = cursor.fetchone()
    if not on_postgresql:
        return set(re.findall(r'NEW\."(\w+)" IS OLD', trigger))
    # It compares whole rows, but for the columns in its second argument.
    free = re.findall(r"'\{(.*?)\}'", trigger)[0].replace('"', "").split(",")
    return {field.column for field in model._meta.local_concrete_fields} - set(free)
