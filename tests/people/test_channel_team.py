"""The channel team's three permissions: content, people, read-only."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from content.permissions import grant_channel_team
from lms.errors import Refused
from lms.people import accounts
from lms.people.access import Access
from lms.people.models import Member, User
from tests.factories import (
    InvitationFactory,
    MemberFactory,
    TrainerFactory,
    UserFactory,
    home_page,
)

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


# --- In the CMS ----------------------------------------------------------------------

LISTS = ["reseller", "invitation", "wagtailusers_users", "trainer"]


@pytest.fixture(params=[accounts.READ_ONLY, accounts.CONTENT_ONLY])
def reading(request, db):
    """One who may not change people, in the CMS."""
    home_page()
    user = UserFactory()
    content = request.param == accounts.CONTENT_ONLY
    accounts.set_channel_team(user, True, by=None, content=content, people=False)
    grant_channel_team(user.groups.get())
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize("name", LISTS)
def test_who_may_not_change_people_reads_lists_without_a_way_on(reading, name):
    member, trainer = MemberFactory(), TrainerFactory()
    invitation = InvitationFactory()
    rows = {"reseller": member.reseller, "trainer": trainer, "invitation": invitation}
    row = rows.get(name, member.user)

    page = reading.get(reverse(f"{name}:index")).content.decode()

    assert (row.email if name == "invitation" else str(row)) in page
    assert reverse(f"{name}:add") not in page
    if name == "invitation":
        way = reverse("invitation:inspect", args=[row.pk])
        assert "<button" not in _main_of(reading.get(way).content.decode())
        answer = reading.post(way, {"withdraw": ""})
        row.refresh_from_db()
        assert (answer.status_code, row.withdrawn_at) == (302, None)
    else:
        way = reverse(f"{name}:edit", args=[row.pk])
        assert way not in page
        assert reading.get(way)["Location"] == "/cms/"
    assert reading.post(reverse(f"{name}:add"))["Location"] == "/cms/"


def _main_of(page: str) -> str:
    return page.split("<dl>")[1].split("</main>")[0]


@pytest.mark.parametrize(("content", "people"), ALL)
def test_pages_are_edited_by_who_may_edit_content_alone(content, people):
    home = home_page()
    user = UserFactory()
    accounts.set_channel_team(user, True, by=None, content=content, people=people)
    grant_channel_team(user.groups.get())

    tester = home.permissions_for_user(user)

    assert (tester.can_edit(), tester.can_publish()) == (content, content)
    assert user.has_perm("certificates.change_certificatedesign") is content
    assert user.has_perm("people.change_user") is people
    assert user.has_perm("people.view_user")
    assert user.has_perm("wagtailadmin.access_admin")


def test_permissions_are_chosen_in_the_cms(client):
    home_page()
    staff, colleague = UserFactory(), UserFactory()
    accounts.set_channel_team(staff, True, by=None)
    grant_channel_team(staff.groups.get())
    client.force_login(staff)
    path = reverse("wagtailusers_users:edit", args=[colleague.pk])
    words = {"full_name": "Bo Ek", "is_active": "on", "may_edit_content": "on"}

    page = client.post(path, words)
    assert "may_edit_content" in page.context["form"].errors

    client.post(path, words | {"is_staff": "on"})
    colleague.refresh_from_db()
    assert may(colleague) == (True, True, False)
