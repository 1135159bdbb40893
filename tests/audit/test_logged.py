"""The watch over pages sees a change that nobody logs."""

import pytest
from django.test import Client
from django.urls import reverse

from lms.people import accounts
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
SETTINGS = {"full_name": "Anna", "time_zone": "Asia/Tokyo"}


def test_a_change_without_an_event_is_told(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(UserFactory(full_name="Anna", time_zone="Europe/London"))
    monkeypatch.setattr(accounts, "record", lambda *args, **more: None)

    with pytest.raises(AssertionError, match=r"POST /settings/ wrote .*people_user"):
        client.post(reverse("people:settings"), SETTINGS)


def test_a_logged_change_and_a_mere_look_are_well(client: Client) -> None:
    client.force_login(UserFactory(full_name="Anna", time_zone="Europe/London"))

    assert client.get(reverse("people:settings")).status_code == 200
    assert client.post(reverse("people:settings"), SETTINGS).status_code == 302
