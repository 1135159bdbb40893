"""What every page of ours is, in the site and in the CMS."""

import pytest
from django.urls import reverse

from tests.factories import (
    HandbookPageFactory,
    TopicPageFactory,
    UserFactory,
    home_page,
    programme_index,
)


@pytest.mark.parametrize(
    "make", [home_page, programme_index, HandbookPageFactory, TopicPageFactory]
)
def test_page_comes_and_goes_by_hand_alone(client, db, make):
    client.force_login(UserFactory(is_staff=True, is_superuser=True))

    response = client.get(reverse("wagtailadmin_pages:edit", args=[make().pk]))

    fields = set(response.context["form"].fields)
    assert fields.isdisjoint({"go_live_at", "expire_at"})
    assert "Set schedule" not in response.text
