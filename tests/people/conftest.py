"""The channel team in the CMS."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from content.permissions import grant_channel_team
from lms.people import accounts
from lms.people.models import User
from tests.factories import UserFactory, home_page


@pytest.fixture
def staff(db: None) -> User:
    home_page()
    user: User = UserFactory(full_name="Staff", password="correct horse battery")
    accounts.set_channel_team(user, True, by=None)
    grant_channel_team(Group.objects.get(name=accounts.CHANNEL_TEAM))
    return user


@pytest.fixture
def cms(staff: User) -> Client:
    client = Client()
    client.force_login(staff)
    return client


@pytest.fixture
def queries_of(cms: Client) -> Callable[[str], int]:
    """Count what a list asks, once Wagtail has warmed up."""

    def count(name: str) -> int:
        cms.get(reverse(name))
        with CaptureQueriesContext(connection) as caught:
            cms.get(reverse(name))
        return len(caught)

    return count
