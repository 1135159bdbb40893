"""Where the CMS sends an editor once something is saved."""

from __future__ import annotations

import pytest
from django.urls import reverse

from content.models import Tag
from content.permissions import grant_channel_team
from lms.people.accounts import set_channel_team
from tests.factories import HandbookPageFactory, UserFactory


@pytest.fixture
def staff(client, db):
    user = UserFactory()
    set_channel_team(user, True, by=None)
    grant_channel_team(user.groups.get())
    client.force_login(user)
    return client


@pytest.mark.parametrize("word", ["3", "nowhere", "", "\x00", "x" * 5000])
def test_next_that_is_no_address_is_forgotten(staff, word):
    page = HandbookPageFactory()
    url = reverse("wagtailadmin_pages:unpublish", args=[page.pk])

    by_form = staff.post(url, {"next": word})
    page.refresh_from_db()

    assert (by_form.status_code, page.live) == (302, False)
    assert by_form.url == reverse("wagtailadmin_explore", args=[page.get_parent().pk])


def test_next_in_the_address_is_forgotten_too(staff):
    tag = Tag.objects.create(name="Prices")
    url = reverse("tag:edit", args=[tag.pk])

    response = staff.post(f"{url}?next=nowhere", {"name": "Price lists"})

    assert (response.status_code, response.url) == (302, reverse("tag:index"))


def test_next_that_is_an_address_is_followed(staff):
    page = HandbookPageFactory()
    url = reverse("wagtailadmin_pages:unpublish", args=[page.pk])

    response = staff.post(url, {"next": "/cms/reports/site-history/"})

    assert response.url == "/cms/reports/site-history/"
