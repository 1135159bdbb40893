"""A new reseller and its first manager, in one go."""

from __future__ import annotations

import pytest
from django.urls import reverse

from lms.mail.models import Message
from lms.people.models import Invitation, Reseller
from tests.factories import ResellerFactory, UserFactory

pytestmark = pytest.mark.django_db
WORDS = {
    "name": "Northgate",
    "approved_on": "2026-11-01",
    "full_name": "Ann Berg",
    "email": "ann@example.com",
}


@pytest.fixture
def staff(client):
    user = UserFactory(is_staff=True)
    client.force_login(user)
    return user


def add(client, **words):
    return client.post(reverse("dashboards:add_reseller"), WORDS | words)


def test_reseller_is_made_and_its_manager_invited_in_one_post(client, staff):
    top = ResellerFactory()

    response = add(client, parent=top.pk)

    made = Reseller.objects.get(name="Northgate")
    assert response["Location"] == reverse("dashboards:reseller", args=[made.pk])
    assert made.get_parent() == top
    invitation = Invitation.objects.get()
    assert (invitation.reseller, invitation.is_manager) == (made, True)
    assert Message.objects.get().to == "ann@example.com"


def test_way_there_is_one_click_from_standing(client, staff):
    page = client.get("/standing/").text

    assert f'href="{reverse("dashboards:add_reseller")}"' in page


def test_name_that_is_taken_invites_nobody_and_keeps_what_was_typed(client, staff):
    ResellerFactory(name="Northgate")

    response = add(client)

    assert response.status_code == 409
    assert "There is a reseller with this name" in response.text
    assert 'value="ann@example.com"' in response.text
    assert not Invitation.objects.exists()


def test_refused_invitation_leaves_no_reseller_behind(client, staff):
    parent = ResellerFactory()
    gone = add(client, parent=parent.pk, approved_on="2026-11-01", email="no address")

    assert gone.status_code == 422
    assert not Reseller.objects.filter(name="Northgate").exists()


def test_twice_makes_one(client, staff):
    add(client)

    assert add(client).status_code == 409
    assert Reseller.objects.count() == Invitation.objects.count() == 1


@pytest.mark.parametrize(
    "words",
    [
        {"name": " "},
        {"name": "x" * 121},
        {"parent": "999999999999999999999"},
        {"approved_on": "soon"},
        {"email": "ann"},
        {"email": "x" * 300 + "@example.com"},
        {"full_name": "\x00"},
    ],
)
def test_bad_input_is_asked_again(client, staff, words):
    assert add(client, **words).status_code == 422
    assert not Reseller.objects.exists()


def test_who_reads_only_adds_nobody(client):
    client.force_login(UserFactory(is_staff=True, may_change_people=False))

    assert add(client).status_code == 403
    assert "Add a reseller" not in client.get("/standing/").text
