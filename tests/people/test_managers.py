import pytest
from django.utils.timezone import now

from lms.people.managers import managers_of, manages
from tests.factories import MemberFactory, ResellerFactory

pytestmark = pytest.mark.django_db


def manager_of(reseller, **fields):
    return MemberFactory(reseller=reseller, is_manager=True, **fields).user


def test_nearest_managers_are_those_of_the_own_reseller():
    top = ResellerFactory()
    below = ResellerFactory(parent=top)
    above, near = manager_of(top), manager_of(below)
    manager_of(ResellerFactory(parent=top))  # of a sister company
    member = MemberFactory(reseller=below)

    assert managers_of(member) == [near]
    assert manages(near, member)
    assert manages(above, member)
    assert not manages(member.user, member)


def test_companies_above_stand_in_where_there_is_none():
    top = ResellerFactory()
    below = ResellerFactory(parent=top)
    above = manager_of(top)
    manager_of(below, left_on=now().date())
    manager_of(below, user__is_active=False)
    member = MemberFactory(reseller=below, is_manager=True)  # not their own

    assert managers_of(member) == [above]


def test_managers_below_manage_nobody_above():
    top = ResellerFactory()
    below = manager_of(ResellerFactory(parent=top))
    member = MemberFactory(reseller=top)

    assert managers_of(member) == []
    assert not manages(below, member)
