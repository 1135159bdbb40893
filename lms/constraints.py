"""What the database itself promises: no two calls at once, no rewritten history.

Both constraints go into `Meta.constraints` and hold on PostgreSQL and SQLite, for
`bulk_create`, `QuerySet.update` and raw SQL too. On SQLite they are triggers, made as
deferred statements: Django rebuilds a table to alter it, which loses plain triggers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.core.checks import CheckMessage
from django.core.exceptions import ValidationError
from django.db import DEFAULT_DB_ALIAS, IntegrityError
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.ddl_references import Statement, Table
from django.db.models import BaseConstraint, Field, JSONField, Model, Q
from django.db.models.sql import Query
from django.utils.translation import gettext_lazy as _


def is_violation(error: IntegrityError, *names: str) -> bool:
    """Tell whether the error comes from one of the named constraints.

    SQLite names ours, CHECKs and unique indexes over expressions; for a unique
    constraint over plain columns it tells only the columns: never recognised.
    """
    cause = error.__cause__
    if diagnosis := getattr(cause, "diag", None):
        return diagnosis.constraint_name in names

    message = str(cause or error)
    return any(
        message in {name, f"CHECK constraint failed: {name}"}
        or message == f"UNIQUE constraint failed: index '{name}'"
        for name in names
    )


class _TriggerConstraint(BaseConstraint):
    """A constraint made by statements of our own, after its table is made."""

    removal: str

    def statements(
        self, model: type[Model], editor: BaseDatabaseSchemaEditor
    ) -> list[Statement]:
        """Return what makes the constraint on the editor's engine, in order."""
        raise NotImplementedError

    def constraint_sql(self, model: Any, schema_editor: Any) -> str:
        """Defer the statements; nothing of ours stands inside CREATE TABLE."""
        schema_editor.deferred_sql.extend(self.statements(model, schema_editor))
        return ""

    def create_sql(self, model: Any, schema_editor: Any) -> Any:
        """Return the first statement, and defer the others."""
        first, *others = self.statements(model, schema_editor)
        schema_editor.deferred_sql.extend(others)
        return first

    def remove_sql(self, model: Any, schema_editor: Any) -> Any:
        """Drop it (PostgreSQL: SQLite rebuilds the table without it instead)."""
        return Statement(
            self.removal,
            table=Table(model._meta.db_table, schema_editor.quote_name),
            name=schema_editor.quote_name(self.name),
        )

    def _references(self, model: Any) -> set[tuple[str, ...]]:
        """Return the fields that must exist, as paths."""
        raise NotImplementedError

    def _check(self, model: Any, connection: object) -> list[CheckMessage]:
        """Answer Django's system check: do the named fields exist?"""
        return list(self._check_references(model, self._references(model)))  # type: ignore[attr-defined]  # Django's own, without types

    def __eq__(self, other: object) -> bool:
        """Compare by content: otherwise each makemigrations makes it anew."""
        if not isinstance(other, _TriggerConstraint):
            return NotImplemented
        return self.deconstruct() == other.deconstruct()

    __hash__ = BaseConstraint.__hash__

    def __repr__(self) -> str:
        _path, _args, arguments = self.deconstruct()
        words = " ".join(f"{key}={value!r}" for key, value in arguments.items())
        return f"<{type(self).__name__}: {words}>"


class NoOverlap(_TriggerConstraint):
    """No two rows of one owner, for which the condition holds, share any time.

    Times are half-open: a row may start the instant another ends. `owner` is a
    foreign key to a whole number; a row without owner, start or end is left alone.
    Add a CHECK that the end is after the start, and an index on (owner, end).

    SQLite does not look at rows that are already there (PostgreSQL does): a migration
    that adds this to a table in use must look first.
    """

    default_violation_error_message = _("This time is already taken.")
    removal = "ALTER TABLE %(table)s DROP CONSTRAINT %(name)s"

    def __init__(
        self,
        *,
        name: str,
        owner: str,
        start: str,
        end: str,
        condition: Q,
        violation_error_code: str | None = None,
        violation_error_message: Any = None,
    ) -> None:
        self.owner, self.start, self.end = owner, start, end
        self.condition = condition
        super().__init__(
            name=name,
            violation_error_code=violation_error_code,
            violation_error_message=violation_error_message,
        )

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        path, args, kwargs = super().deconstruct()
        kwargs |= {
            "owner": self.owner,
            "start": self.start,
            "end": self.end,
            "condition": self.condition,
        }
        return path, args, kwargs

    def statements(
        self, model: type[Model], editor: BaseDatabaseSchemaEditor
    ) -> list[Statement]:
        parts = {
            "table": Table(model._meta.db_table, editor.quote_name),
            "condition": self._condition_sql(model, editor),
            "owner": editor.quote_name(_field(model, self.owner).column),
            "start": editor.quote_name(_field(model, self.start).column),
            "end": editor.quote_name(_field(model, self.end).column),
        }
        if editor.connection.vendor == "postgresql":
            name = editor.quote_name(self.name)
            return [Statement(_EXCLUDE, name=name, **parts)]

        pk = editor.quote_name(_field(model, "pk").column)
        return [
            _sqlite_trigger(
                _REFUSE_OVERLAP,
                event=event,
                trigger=editor.quote_name(f"{self.name}_{event.lower()}"),
                message=_quoted(editor, self.name),
                pk=pk,
                **parts,
            )
            for event in ("INSERT", "UPDATE")
        ]

    def _condition_sql(
        self, model: type[Model], editor: BaseDatabaseSchemaEditor
    ) -> str:
        """Compile the condition, as CheckConstraint does, columns without a table."""
        present = Q(
            **{f"{name}__isnull": False for name in (self.owner, self.start, self.end)}
        )
        query = Query(model, alias_cols=False)
        where = query.build_where(self.condition & present)
        compiler = query.get_compiler(connection=editor.connection)
        sql, values = where.as_sql(compiler, editor.connection)
        return str(sql) % tuple(_quoted(editor, value) for value in values)

    def validate(
        self,
        model: type[Model],
        instance: Model,
        exclude: set[str] | None = None,
        using: str = DEFAULT_DB_ALIAS,
    ) -> None:
        """Raise ValidationError if the time is taken; two queries.

        `exclude` is ignored: a form that shows only some of the fields would
        otherwise skip the question.
        """
        owner, start, end = (
            getattr(instance, _field(model, name).attname)
            for name in (self.owner, self.start, self.end)
        )
        if owner is None or start is None or end is None:
            return
        values = instance._get_field_expression_map(meta=model._meta)  # type: ignore[attr-defined]  # as above
        if not self.condition.check(values, using=using):
            return

        others = model._base_manager.using(using).filter(
            self.condition,
            **{self.owner: owner, f"{self.start}__lt": end, f"{self.end}__gt": start},
        )
        if instance.pk is not None:
            others = others.exclude(pk=instance.pk)
        if others.exists():
            raise ValidationError(
                self.get_violation_error_message(), code=self.violation_error_code
            )

    def _references(self, model: Any) -> set[tuple[str, ...]]:
        conditions = model._get_expr_references(self.condition)
        return {(self.owner,), (self.start,), (self.end,), *conditions}


class AppendOnly(_TriggerConstraint):
    """Rows stay as they were written: no DELETE, no UPDATE but the ones named.

    Free to change are the fields in `may_change`. Those in `write_once` change only
    from empty (NULL, '', an empty JSON value) to something; those in `may_clear`
    only to empty. Writing the same value again is no change.

    SQLite's trigger lists the columns: a migration that adds or removes a field
    removes this constraint before and adds it after (a test holds us to it).
    Foreign keys from and to such rows are PROTECT: CASCADE and SET_NULL are refused.
    """

    default_violation_error_message = _("This record cannot be changed.")
    removal = "DROP TRIGGER %(name)s ON %(table)s"

    def __init__(
        self,
        *,
        name: str,
        may_change: Iterable[str] = (),
        write_once: Iterable[str] = (),
        may_clear: Iterable[str] = (),
        violation_error_code: str | None = None,
        violation_error_message: Any = None,
    ) -> None:
        self.may_change = tuple(may_change)
        self.write_once = tuple(write_once)
        self.may_clear = tuple(may_clear)
        super().__init__(
            name=name,
            violation_error_code=violation_error_code,
            violation_error_message=violation_error_message,
        )

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        path, args, kwargs = super().deconstruct()
        for argument in ("may_change", "write_once", "may_clear"):
            if names := getattr(self, argument):
                kwargs[argument] = names
        return path, args, kwargs

    def statements(
        self, model: type[Model], editor: BaseDatabaseSchemaEditor
    ) -> list[Statement]:
        table = Table(model._meta.db_table, editor.quote_name)
        if editor.connection.vendor == "postgresql":
            return [
                Statement(_REFUSE_FUNCTION),
                Statement(
                    _REFUSE_TRIGGER,
                    table=table,
                    trigger=editor.quote_name(self.name),
                    message=_quoted(editor, self.name),
                    may_change=_columns_array(editor, model, self.may_change),
                    write_once=_columns_array(editor, model, self.write_once),
                    may_clear=_columns_array(editor, model, self.may_clear),
                ),
            ]

        message = _quoted(editor, self.name)
        unchanged = " AND ".join(
            self._unchanged(field, editor.quote_name(str(field.column)))
            for field in model._meta.local_concrete_fields
            if field.name not in self.may_change
        )
        return [
            _sqlite_trigger(
                _REFUSE_ROW,
                event=event,
                condition=condition,
                trigger=editor.quote_name(f"{self.name}_{event.lower()}"),
                message=message,
                table=table,
            )
            for event, condition in (
                ("UPDATE", f"WHEN NOT ({unchanged})"),
                ("DELETE", ""),
            )
        ]

    def _unchanged(self, field: Field[Any, Any], column: str) -> str:
        """Return the SQLite condition under which the column may be written so."""
        ways = [f"NEW.{column} IS OLD.{column}"]
        for names, row in ((self.write_once, "OLD"), (self.may_clear, "NEW")):
            if field.name in names:
                empties = "''"
                if isinstance(field, JSONField):
                    empties = "'', 'null', '\"\"', '{}', '[]'"
                ways.append(f"{row}.{column} IS NULL OR {row}.{column} IN ({empties})")
        return f"({' OR '.join(ways)})"

    def validate(
        self,
        model: type[Model],
        instance: Model,
        exclude: set[str] | None = None,
        using: str = DEFAULT_DB_ALIAS,
    ) -> None:
        """Leave it to the database: no form edits such rows."""

    def _references(self, model: Any) -> set[tuple[str, ...]]:
        names = (*self.may_change, *self.write_once, *self.may_clear)
        return {(name,) for name in names}


def _field(model: type[Model], name: str) -> Any:
    return model._meta.pk if name == "pk" else model._meta.get_field(name)


def _quoted(editor: BaseDatabaseSchemaEditor, value: Any) -> str:
    return str(editor.quote_value(value))


def _columns_array(
    editor: BaseDatabaseSchemaEditor, model: type[Model], names: Iterable[str]
) -> str:
    """Return the fields' columns as a literal of PostgreSQL's text[]."""
    columns = ",".join(f'"{_field(model, name).column}"' for name in names)
    return _quoted(editor, f"{{{columns}}}")


def _sqlite_trigger(template: str, **parts: Any) -> Statement:
    """Make the statement, without a % in it: Django doubles it on one path only."""
    statement = Statement(template, **parts)
    if "%" in str(statement):
        raise ValueError(f"A trigger may not contain a percent sign: {statement}")
    return statement


# Ranges of one number stand for equality, which GiST knows only by an extension.
_EXCLUDE = """
ALTER TABLE %(table)s ADD CONSTRAINT %(name)s EXCLUDE USING gist (
  int8range(%(owner)s, %(owner)s, '[]') WITH &&,
  tstzrange(%(start)s, %(end)s, '[)') WITH &&
) WHERE (%(condition)s)
"""

# AFTER, so that the row is read as written, and any condition compiles unchanged.
_REFUSE_OVERLAP = """
CREATE TRIGGER %(trigger)s AFTER %(event)s ON %(table)s FOR EACH ROW
BEGIN
  SELECT RAISE(ABORT, %(message)s) WHERE EXISTS (
    SELECT 1
    FROM (SELECT * FROM %(table)s WHERE %(pk)s = NEW.%(pk)s AND (%(condition)s)) AS mine
    JOIN (SELECT * FROM %(table)s WHERE (%(condition)s)) AS other
      ON other.%(owner)s = mine.%(owner)s
      AND other.%(end)s > mine.%(start)s
      AND other.%(start)s < mine.%(end)s
      AND other.%(pk)s <> mine.%(pk)s
  );
END
"""

_REFUSE_ROW = """
CREATE TRIGGER %(trigger)s BEFORE %(event)s ON %(table)s FOR EACH ROW %(condition)s
BEGIN
  SELECT RAISE(ABORT, %(message)s);
END
"""

_REFUSE_TRIGGER = """
CREATE TRIGGER %(trigger)s BEFORE UPDATE OR DELETE ON %(table)s FOR EACH ROW
EXECUTE FUNCTION lms_append_only(
  %(message)s, %(may_change)s, %(write_once)s, %(may_clear)s
)
"""

# One function for all tables; rows are compared as JSON, so it needs no column list.
_REFUSE_FUNCTION = """
CREATE OR REPLACE FUNCTION lms_append_only() RETURNS trigger LANGUAGE plpgsql AS $body$
DECLARE
  may_change text[] := TG_ARGV[1];
  write_once text[] := TG_ARGV[2];
  may_clear text[] := TG_ARGV[3];
  empty jsonb[] := ARRAY['null', '""', '{}', '[]'];
BEGIN
  IF TG_OP = 'UPDATE' AND NOT EXISTS (
    SELECT FROM jsonb_each(to_jsonb(OLD)) AS was
    JOIN jsonb_each(to_jsonb(NEW)) AS now USING (key)
    WHERE now.value IS DISTINCT FROM was.value
      AND NOT key = ANY (may_change)
      AND NOT (key = ANY (write_once) AND was.value = ANY (empty))
      AND NOT (key = ANY (may_clear) AND now.value = ANY (empty))
  ) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION USING
    MESSAGE = TG_ARGV[0] || ' refuses this ' || TG_OP || ' of ' || TG_TABLE_NAME,
    ERRCODE = 'integrity_constraint_violation',
    CONSTRAINT = TG_ARGV[0],
    TABLE = TG_TABLE_NAME;
END
$body$
"""
