import pytest
from django.urls import reverse

from lms import states
from tests.factories import MemberFactory, UserFactory

pytestmark = pytest.mark.django_db


def test_styleguide_shows_every_state_to_staff(client):
    client.force_login(UserFactory(is_staff=True, is_superuser=True))

    page = client.get(reverse("styleguide")).content.decode()

    assert [state.key for state in states.STATES if str(state.word) not in page] == []


def test_styleguide_shows_the_blocks_of_pages(client):
    client.force_login(UserFactory(is_staff=True, is_superuser=True))

    page = client.get(reverse("styleguide")).content.decode()

    assert "Checklist for a handover" in page
    assert "How soon we answer" in page


def test_styleguide_is_closed_to_members(client):
    client.force_login(MemberFactory().user)

    response = client.get(reverse("styleguide"))

    assert response.status_code == 403


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_page_is_made_in_the_theme_chosen_before(client, theme):
    client.cookies["theme"] = theme

    page = client.get(reverse("account_login")).content.decode()

    assert f'data-theme="{theme}"' in page


def test_page_takes_no_other_theme_from_the_cookie(client):
    client.cookies["theme"] = "x&quot;onload=alert(1)"

    page = client.get(reverse("account_login")).content.decode()

    assert "data-theme=" not in page
