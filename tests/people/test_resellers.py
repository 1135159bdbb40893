"""Resellers: a tree that managers' scopes follow."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from lms.errors import Refused
from lms.people.access import Access
from lms.people.models import Reseller
from lms.people.resellers import add_reseller, change_reseller
from tests.factories import MemberFactory, ResellerFactory

pytestmark = pytest.mark.django_db
DAY = date(2026, 1, 1)


def change(reseller: Reseller, **changes: Any) -> Reseller:
    words = {
        "name": reseller.name,
        "parent": reseller.get_parent(),
        "approved_on": reseller.approved_on,
        "ended_on": reseller.ended_on,
    }
    return change_reseller(reseller, **(words | changes), by=None)


def test_add_below_and_beside() -> None:
    top = add_reseller("Northwind", None, approved_on=DAY, by=None)
    below = add_reseller("Northwind North", top, approved_on=DAY, by=None)
    beside = add_reseller("Contoso", None, approved_on=DAY, by=None)

    assert list(Reseller.objects.all()) == [top, below, beside]
    assert [one.depth for one in (top, below, beside)] == [1, 2, 1]


def test_a_name_that_is_taken_is_refused() -> None:
    other, reseller = ResellerFactory(name="Northwind"), ResellerFactory()

    with pytest.raises(Refused):
        add_reseller("Northwind", other, approved_on=DAY, by=None)
    with pytest.raises(Refused):
        change(reseller, name="Northwind")

    assert Reseller.objects.filter(name="Northwind").count() == 1


def test_a_new_parent_takes_all_below_along_and_the_managers_scope() -> None:
    top = ResellerFactory()
    moved = ResellerFactory()
    below = ResellerFactory(parent=moved)
    manager = MemberFactory(reseller=top, is_manager=True)

    change(moved, parent=top)

    assert set(Access(manager.user).managed_resellers) == {top, moved, below}


def test_no_parent_makes_it_a_reseller_of_its_own() -> None:
    top = ResellerFactory()
    below = ResellerFactory(parent=top)
    manager = MemberFactory(reseller=top, is_manager=True)

    change(below, parent=None)

    below.refresh_from_db()
    assert below.depth == 1
    assert set(Access(manager.user).managed_resellers) == {top}


def test_a_reseller_below_itself_is_refused() -> None:
    top = ResellerFactory()
    below = ResellerFactory(parent=ResellerFactory(parent=top))

    for parent in (top, below):
        with pytest.raises(Refused):
            change(top, parent=parent, name="Changed")

    top.refresh_from_db()
    assert (top.depth, top.name != "Changed") == (1, True)


def test_the_same_parent_moves_nothing() -> None:
    first = ResellerFactory(parent=ResellerFactory())
    path = first.path

    assert change(first, name="Renamed").path == path


@pytest.mark.races
@pytest.mark.django_db(transaction=True)
def test_of_two_added_at_once_none_breaks_the_tree(
    run_at_once: Callable[..., list[object]],
) -> None:
    results = run_at_once(
        lambda: add_reseller("Northwind", None, approved_on=DAY, by=None),
        lambda: add_reseller("Contoso", None, approved_on=DAY, by=None),
    )

    assert {type(result) for result in results} <= {Reseller, Refused}
    assert Reseller.objects.count() == [type(r) for r in results].count(Reseller)
    assert Reseller.find_problems() == ([], [], [], [], [])
