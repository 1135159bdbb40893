"""The log: written in the transaction, never rewritten."""

from collections.abc import Callable

import pytest
from django.db import DatabaseError, connection, transaction

from lms.audit.log import record
from lms.audit.models import Event
from tests.factories import MemberFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.constraints]


def test_record_writes_who_did_what_to_what() -> None:
    actor, member = UserFactory(), MemberFactory()

    event = record(actor, "joined", member, teams=[1, 2])

    event.refresh_from_db()
    assert (event.actor, event.verb) == (actor, "joined")
    assert (event.target_type, event.target_id) == ("people.Member", str(member.pk))
    assert event.ids == {"teams": [1, 2]}


def test_record_by_the_system_has_no_actor() -> None:
    assert record(None, "ended", MemberFactory()).actor is None


def test_record_goes_with_its_transaction() -> None:
    member = MemberFactory()

    with transaction.atomic():
        record(None, "joined", member)
        transaction.set_rollback(True)

    assert not Event.objects.exists()


def change_by_save() -> None:
    event = Event.objects.get()
    event.verb = "other"
    event.save()


def change_by_sql() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_event SET verb = 'other'")


def delete_by_sql() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_event")


@pytest.mark.parametrize(
    "act",
    [
        change_by_save,
        lambda: Event.objects.update(actor=None),
        lambda: Event.objects.get().delete(),
        lambda: Event.objects.all().delete(),
        lambda: Event.objects.all()._raw_delete("default"),
        change_by_sql,
        delete_by_sql,
    ],
    ids=["save", "update", "delete", "delete all", "raw", "sql update", "sql delete"],
)
def test_an_event_is_neither_changed_nor_deleted(
    act: Callable[[], object],
) -> None:
    before = record(UserFactory(), "joined", MemberFactory())

    with pytest.raises(DatabaseError), transaction.atomic():
        act()

    after = Event.objects.get()
    assert (after.verb, after.actor_id) == ("joined", before.actor_id)


def test_the_actor_of_an_event_cannot_be_deleted() -> None:
    actor = UserFactory()
    record(actor, "joined", MemberFactory())

    with pytest.raises(DatabaseError), transaction.atomic():
        actor.delete()
