"""A look of the channel team at somebody is logged; it never breaks the page."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.utils.timezone import now

from lms.audit.looking import looked
from lms.audit.models import Event
from lms.people.access import Access
from tests.factories import MemberFactory, ResellerFactory, TrainerFactory, UserFactory

pytestmark = pytest.mark.django_db


def asked_by(user: Any) -> Any:
    return SimpleNamespace(user=user, access=Access(user))


def looks() -> list[Event]:
    return list(Event.objects.filter(verb="looked_at").order_by("pk"))


def test_a_look_of_staff_is_logged(django_assert_num_queries: Any) -> None:
    staff, person = UserFactory(is_staff=True), UserFactory()
    request = asked_by(staff)

    with django_assert_num_queries(2):
        looked(request, person)

    (look,) = looks()
    assert (look.actor, look.about) == (staff, person)


def test_a_look_at_a_reseller_is_about_nobody() -> None:
    reseller = ResellerFactory()

    looked(asked_by(UserFactory(is_staff=True)), reseller)

    (look,) = looks()
    assert (look.target_type, look.target_id) == ("people.Reseller", str(reseller.pk))
    assert look.about is None


def test_looks_of_others_and_at_oneself_are_not_logged(
    django_assert_num_queries: Any,
) -> None:
    staff, person = UserFactory(is_staff=True), UserFactory()
    manager, trainer = MemberFactory(is_manager=True).user, TrainerFactory().user

    with django_assert_num_queries(0):
        looked(asked_by(manager), person)
        looked(asked_by(trainer), person)
        looked(asked_by(staff), staff)

    assert looks() == []


@pytest.mark.parametrize(("seconds", "count"), [(59, 1), (60, 2)])
def test_the_same_page_within_a_minute_is_one_look(seconds: int, count: int) -> None:
    staff, person = UserFactory(is_staff=True), UserFactory()
    start = now()

    for at in (start, start + timedelta(seconds=seconds)):
        with time_machine.travel(at, tick=False):
            looked(asked_by(staff), person)

    assert len(looks()) == count


def test_each_of_staff_and_each_person_has_looks_of_their_own() -> None:
    one, other = UserFactory.create_batch(2, is_staff=True)
    people = UserFactory.create_batch(2)

    for staff in (one, other):
        for person in people:
            looked(asked_by(staff), person)

    assert len(looks()) == 4


@pytest.mark.django_db(transaction=True)
def test_a_look_that_cannot_be_written_breaks_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    staff, person = UserFactory(is_staff=True), UserFactory()

    with read_only():
        looked(asked_by(staff), person)

    assert f"A look by {staff.pk} at people.User {person.pk}" in caplog.text
    assert looks() == []


@contextmanager
def read_only() -> Iterator[None]:
    """Let the database refuse every write of this connection."""
    switch = (
        "SET default_transaction_read_only"
        if connection.vendor == "postgresql"
        else "PRAGMA query_only"
    )
    with connection.cursor() as cursor:
        cursor.execute(f"{switch} = on")
        try:
            yield
        finally:
            cursor.execute(f"{switch} = off")
