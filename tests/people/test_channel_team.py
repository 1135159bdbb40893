"""The channel team's three permissions: content, people, read-only."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction

from lms.errors import Refused
from lms.people import accounts
from lms.people.access import Access
from lms.people.models import Member, User
from tests.factories import MemberFactory, UserFactory

pytestmark = pytest.mark.django_db
ALL = [(True, True), (True, False), (False, True), (False, False)]


def may(user: User) -> tuple[bool, bool, bool]:
    access = Access(user)
    return access.is_staff, access.may_edit_content, access.may_change_people


@pytest.mark.parametrize(("content", "people"), ALL)
def test_each_of_the_channel_team_reads_and_may_what_is_given(content, people):
    user = UserFactory()

    accounts.set_channel_team(user, True, by=None, content=content, people=people)

    user.refresh_from_db()
    assert may(user) == (True, content, people)
    assert user.groups.get().name == accounts.TEAM_GROUPS[content, people]


def test_permissions_are_changed_and_go_with_the_team():
    user, by = UserFactory(), UserFactory(is_staff=True)
    accounts.set_channel_team(user, True, by=by)

    accounts.set_channel_team(user, True, by=by, content=False)
    assert may(user) == (True, False, True)
    assert user.groups.get().name == accounts.PEOPLE_ONLY

    accounts.set_channel_team(user, False, by=by)
    assert may(user) == (False, False, False)
    assert not user.groups.exists()


def test_nobody_may_without_being_of_the_team():
    for field in ("may_edit_content", "may_change_people"):
        with pytest.raises(IntegrityError), transaction.atomic():
            UserFactory(is_staff=False, **{field: True})


def test_disabled_may_nothing():
    assert may(UserFactory(is_staff=True, is_active=False)) == (False, False, False)


def test_nobody_takes_the_permission_to_change_people_from_themselves():
    user = UserFactory(is_staff=True)

    with pytest.raises(Refused):
        accounts.set_channel_team(user, True, by=user, people=False)
    accounts.set_channel_team(user, True, by=user, content=False)

    user.refresh_from_db()
    assert may(user) == (True, False, True)


def test_first_of_the_team_is_missing_while_nobody_may_change_people():
    UserFactory(is_staff=True, may_change_people=False, password="correct horse")

    assert not accounts.has_staff()


def test_all_are_read_and_only_who_may_changes():
    member = MemberFactory()
    may_change = Access(UserFactory(is_staff=True))
    reads = Access(UserFactory(is_staff=True, may_change_people=False))

    assert list(Member.objects.of_people(reads)) == [member]
    assert list(Member.objects.managed_by(reads)) == []
    assert list(Member.objects.managed_by(may_change)) == [member]


def test_staff_of_before_go_on_doing_both():
    was = UserFactory(is_staff=True, may_edit_content=False, may_change_people=False)
    other = UserFactory()
    migration = import_module("lms.people.migrations.0007_channel_team_may_do_both")

    migration.grant_both(apps, None)

    for user in (was, other):
        user.refresh_from_db()
    assert (may(was), may(other)) == ((True,) * 3, (False,) * 3)
