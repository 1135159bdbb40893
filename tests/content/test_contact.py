import pytest

from content.contact import channel_team
from content.models import Branding
from tests.factories import UserFactory, home_page

pytestmark = pytest.mark.django_db


def test_mail_to_the_channel_team_goes_to_the_address_that_is_set():
    UserFactory(is_staff=True)
    site = home_page().get_site()
    Branding.objects.create(site=site, training_email="training@example.com")

    assert channel_team() == ["training@example.com"]


def test_mail_goes_to_each_of_the_channel_team_where_no_address_is_set():
    one, other = UserFactory(is_staff=True), UserFactory(is_staff=True)
    UserFactory(is_staff=True, is_active=False)
    UserFactory()

    assert channel_team() == [one, other]
