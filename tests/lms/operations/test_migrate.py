"""Migrating beside people at work: nobody waits long behind it."""

import threading
from io import StringIO

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from lms.operations.management.commands import migrate

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def reader(transactional_db):
    """Somebody who looks at a table in a transaction of their own, on PostgreSQL."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite knows no locks on tables")
    with psycopg.connect(**connection.get_connection_params()) as reader:
        reader.execute("LOCK TABLE operations_disknote IN ACCESS SHARE MODE")
        yield reader


@pytest.fixture
def migrated(reader):
    yield
    reader.rollback()
    call_command("migrate", verbosity=0)


def test_a_table_in_use_is_waited_for_by_turns(reader, migrated):
    said = StringIO()
    first = threading.Event()

    def let_by(text: str) -> int:
        first.set()
        return StringIO.write(said, text)

    said.write = let_by
    leaves = threading.Thread(target=lambda: (first.wait(), reader.rollback()))
    leaves.start()

    call_command(
        "migrate", "operations", "0001", lock_timeout=0.2, stderr=said, verbosity=0
    )
    leaves.join()

    assert "Somebody is using a table" in said.getvalue()
    assert "operations_disknote" not in connection.introspection.table_names()
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",)


def test_a_table_that_is_never_free_is_said(reader, migrated, monkeypatch):
    monkeypatch.setattr(migrate, "TRIES", 2)

    with pytest.raises(CommandError, match="in use all the time"):
        call_command(
            "migrate",
            "operations",
            "0001",
            lock_timeout=0.05,
            stderr=StringIO(),
            verbosity=0,
        )

    assert "operations_disknote" in connection.introspection.table_names()
