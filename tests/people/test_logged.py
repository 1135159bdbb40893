"""What somebody changes of themselves stands in the log, and from where."""

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from django.urls import reverse

from lms.audit.models import Event, EventValues
from lms.people import accounts
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
PASSWORD = "a long enough one"


@pytest.fixture
def person(client: Client) -> Any:
    """Somebody who signs in by the form."""
    person = accounts.make_person("anna@example.com", "Anna", password=PASSWORD)
    client.post(reverse("account_login"), {"login": person.email, "password": PASSWORD})
    return person


def verbs(person: Any) -> list[str]:
    found = Event.objects.filter(about=person, actor=person).order_by("pk")
    return list(found.values_list("verb", flat=True))


def values(verb: str) -> list[tuple[str, str, str]]:
    found = EventValues.objects.filter(event__verb=verb).order_by("pk")
    return list(found.values_list("field", "before", "after"))


def test_a_sign_in_is_logged_with_its_place(person: Any) -> None:
    event = Event.objects.get(verb="signed in")

    assert (event.actor, event.about, event.address) == (person, person, "127.0.0.1")


def test_a_failed_sign_in_is_none(client: Client, person: Any) -> None:
    Client().post(reverse("account_login"), {"login": person.email, "password": "no"})

    assert verbs(person) == ["signed in"]


def test_a_new_password_is_logged_without_it(client: Client, person: Any) -> None:
    data = {"oldpassword": PASSWORD} | dict.fromkeys(
        ("password1", "password2"), f"{PASSWORD}, another"
    )
    client.post(reverse("account_change_password"), data)

    assert verbs(person) == ["signed in", "changed the password"]
    assert PASSWORD not in str(list(Event.objects.values()))


def test_addresses_are_logged_and_lie_apart(client: Client, person: Any) -> None:
    url, own = reverse("account_email"), "anna@home.example"
    client.post(url, {"action_add": "", "email": own})
    address = EmailAddress.objects.get(email=own)
    address.verified = True
    address.save()
    client.post(url, {"action_primary": "", "email": own})
    client.post(url, {"action_remove": "", "email": "anna@example.com"})

    assert values("added an address") == [("email", "", own)]
    assert values("changed the address") == [("email", "anna@example.com", own)]
    assert values("removed an address") == [("email", "anna@example.com", "")]
    assert "anna@" not in str(list(Event.objects.values()))


def test_a_new_name_says_both_apart() -> None:
    person = UserFactory(full_name="Ana")

    accounts.rename(person, "Anna", by=None)

    assert values("renamed") == [("full_name", "Ana", "Anna")]


def test_settings_say_what_they_were() -> None:
    person = UserFactory(time_zone="Europe/London", call_needs="")
    person.time_zone, person.call_needs = "Asia/Tokyo", "Captions"

    accounts.save_settings(person, ["time_zone", "call_needs"])

    assert values("changed settings") == [
        ("time_zone", "Europe/London", "Asia/Tokyo"),
        ("call_needs", "", "Captions"),
    ]
