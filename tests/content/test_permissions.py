"""What the channel team may do in the CMS, and what it may not."""

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse
from wagtail.models import Site

from content.models import Branding, HandbookPage
from content.permissions import grant_channel_team
from lms.people import accounts
from lms.people.models import User
from tests.factories import UserFactory, home_page

pytestmark = pytest.mark.django_db


@pytest.fixture
def user(db: None) -> User:
    user: User = UserFactory()
    accounts.set_channel_team(user, True, by=None)
    grant_channel_team(Group.objects.get(name=accounts.CHANNEL_TEAM))
    return user


@pytest.fixture
def cms(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_granting_again_changes_nothing(user: User) -> None:
    group = Group.objects.get(name=accounts.CHANNEL_TEAM)
    before = (
        set(group.permissions.all()),
        group.page_permissions.count(),
        group.collection_permissions.count(),
    )

    grant_channel_team(group)

    assert before == (
        set(group.permissions.all()),
        group.page_permissions.count(),
        group.collection_permissions.count(),
    )
    assert before[1:] == (5, 6)


def test_pages_are_added_edited_and_published(user: User) -> None:
    page = home_page().add_child(instance=HandbookPage(title="Part", slug="part"))

    tester = page.permissions_for_user(user)

    assert tester.can_add_subpage()
    assert tester.can_edit()
    assert tester.can_publish()
    assert tester.can_lock()


@pytest.mark.parametrize(
    "name", ["wagtailimages:add", "wagtailimages:index", "wagtaildocs:add"]
)
def test_files_are_uploaded(cms: Client, name: str) -> None:
    home_page()

    assert cms.get(reverse(name)).status_code == 200


def test_branding_is_changed(cms: Client) -> None:
    home_page()
    site = Site.objects.get()
    path = reverse("wagtailsettings:edit", args=["content", "branding", site.pk])

    cms.post(path, {"accent": "#0b5394", "training_email": "training@example.com"})

    assert Branding.for_site(site).training_email == "training@example.com"


@pytest.mark.parametrize(
    "path", ["/cms/groups/", "/cms/sites/", "/cms/workflows/list/", "/cms/redirects/"]
)
def test_the_machinery_stays_closed(cms: Client, path: str) -> None:
    home_page()

    assert cms.get(path)["Location"] == "/cms/"


def test_nothing_of_people_can_be_deleted(user: User) -> None:
    deleting = [one for one in user.get_all_permissions() if ".delete_" in one]

    assert deleting == []
