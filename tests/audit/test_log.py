"""The log: written in the transaction, never rewritten."""

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction

from lms.audit.log import erase_values, record, record_all
from lms.audit.models import Event, EventValues
from lms.people.models import User
from tests.factories import (
    BookingFactory,
    EventValuesFactory,
    EvidenceFactory,
    MemberFactory,
    UserFactory,
)

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


def test_what_is_done_to_a_person_is_about_them() -> None:
    staff, person = UserFactory.create_batch(2)

    assert record(staff, "renamed", person).about == person


@pytest.mark.parametrize("as_id", [False, True])
def test_record_says_about_whom_it_is(as_id: bool) -> None:
    member = MemberFactory()
    whom = member.user.pk if as_id else member.user

    event = record(None, "left", member, about=whom)

    event.refresh_from_db()
    assert event.about == member.user


def test_a_record_knows_whom_it_is_about() -> None:
    evidence, booking = EvidenceFactory(), BookingFactory()

    for target, person in (
        (evidence, evidence.enrolment.member.user),
        (booking, booking.trainee),
        (booking.trainer, booking.trainer.user),
        (MemberFactory().reseller, None),
    ):
        assert record(None, "changed", target).about == person


def test_the_path_to_whom_it_is_about_leads_to_a_person() -> None:
    for model in apps.get_models():
        if path := getattr(model, "log_about", ""):
            field = None
            for name in path.split("."):
                owner = field.related_model if field else model
                field = owner._meta.pk if name == "pk" else owner._meta.get_field(name)
            assert (field.related_model or field.model) is User, model


def test_record_is_one_insert(django_assert_num_queries: Any) -> None:
    actor, member = UserFactory(), MemberFactory()

    with django_assert_num_queries(1):
        record(actor, "joined", member, about=member.user, teams=[1])


def test_values_lie_apart(django_assert_num_queries: Any) -> None:
    person = UserFactory()

    with django_assert_num_queries(2):
        event = record(
            person,
            "renamed",
            person,
            values={"full_name": ("Ana", "Anna"), "call_needs": (None, "Captions")},
            fields=["full_name", "call_needs"],
        )

    assert list(event.values.values_list("field", "before", "after")) == [
        ("full_name", "Ana", "Anna"),
        ("call_needs", "", "Captions"),
    ]
    assert "Ann" not in str(vars(Event.objects.get()))


@pytest.mark.parametrize("count", [1, 3])
def test_many_are_written_in_one_insert(
    django_assert_num_queries: Any, count: int
) -> None:
    actor, members = UserFactory(), MemberFactory.create_batch(count)

    with django_assert_num_queries(1):
        record_all(actor, "left", [(each, each.user) for each in members], on="today")

    written = Event.objects.order_by("pk").values_list("target_id", "about", "ids")
    assert list(written) == [
        (str(each.pk), each.user.pk, {"on": "today"}) for each in members
    ]


def test_erasure_empties_values_and_whereabouts_of_that_person_alone() -> None:
    person, other = UserFactory.create_batch(2)
    for each in (person, other):
        EventValuesFactory(
            event__actor=each,
            event__about=each,
            event__address="192.0.2.1",
            event__agent="Firefox on Linux",
        )

    erase_values(person)

    values = EventValues.objects.order_by("pk").values_list("before", "after")
    assert list(values) == [("", ""), ("Ana", "Anna")]
    places = Event.objects.order_by("pk").values_list("address", "agent")
    assert list(places) == [(None, ""), ("192.0.2.1", "Firefox on Linux")]


@pytest.mark.parametrize(
    "change",
    [
        lambda values: values.update(after="Other"),
        lambda values: values.update(field="other"),
        lambda values: values.delete(),
    ],
    ids=["another", "field", "delete"],
)
def test_values_are_emptied_at_most(change: Callable[[Any], object]) -> None:
    EventValuesFactory()

    with pytest.raises(DatabaseError), transaction.atomic():
        change(EventValues.objects.all())

    assert EventValues.objects.get().after == "Anna"


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
        lambda: Event.objects.update(about=UserFactory()),
        lambda: Event.objects.update(address="192.0.2.1"),
        lambda: Event.objects.get().delete(),
        lambda: Event.objects.all().delete(),
        lambda: Event.objects.all()._raw_delete("default"),
        change_by_sql,
        delete_by_sql,
    ],
    ids=[
        "save",
        "update",
        "about",
        "address",
        "delete",
        "delete all",
        "raw",
        "sql update",
        "sql delete",
    ],
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
